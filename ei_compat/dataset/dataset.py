"""The neutral dataset: what every format is read into and written from.

All types are frozen and cheap (about 400 bytes a sample). Pictures and signals stay where they are until asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import composed, encodable
from ei_compat.dataset.reading import NOTHING_READ, Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Every extension that Pillow itself decodes; not those of other programs' (.eps, .wmf) or of data (.fits, .h5, .grib).
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".avifs", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
        *(".ico", ".cur", ".icns", ".tga", ".icb", ".vda", ".vst", ".pcx", ".dcx", ".sgi", ".rgb", ".rgba", ".bw"),
        *(".qoi", ".dds", ".psd", ".ras", ".xbm", ".xpm", ".msp", ".fli", ".flc", ".blp", ".ftc", ".ftu"),
        *(".gbr", ".pcd", ".pxr"),
    }
)
SIGNAL_SUFFIXES = frozenset({".json", ".cbor", ".csv", ".wav"})
NO_METADATA: Mapping[str, str] = MappingProxyType({})


def no_metadata() -> Mapping[str, str]:
    """The one empty mapping that every sample without metadata shares."""
    return NO_METADATA


class Category(StrEnum):
    """Set of an Edge Impulse project that a sample belongs to; `split` asks the project to decide."""

    TRAINING = "training"
    VALIDATION = "validation"
    TESTING = "testing"
    POST_PROCESSING = "post-processing"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """No label."""


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """One class for the whole sample.

    Attributes:
        label: the class's name.
    """

    label: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a signal with one label.

    Attributes:
        start: index of its first sample.
        end: index of its last one, which belongs to it.
        label: of the stretch.
        label_map: more labels, by key.
    """

    start: int
    end: int
    label: str
    label_map: Mapping[str, str] = field(default_factory=no_metadata)

    def as_json(self) -> dict[str, Any]:
        """The interval as Edge Impulse's documents have it."""
        item: dict[str, Any] = {"startIndex": self.start, "endIndex": self.end, "label": self.label}
        return item | ({"labelMap": dict(self.label_map)} if self.label_map else {})


@dataclass(frozen=True, slots=True)
class Intervals:
    """A signal's labels over time.

    Attributes:
        intervals: in the order of time.
    """

    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class KeyValues:
    """Free key-value labels.

    Attributes:
        values: by key.
    """

    values: Mapping[str, str]


Label: TypeAlias = Unlabelled | ClassLabel | Intervals | KeyValues
UNLABELLED = Unlabelled()


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in pixels of the picture as shown (EXIF rotation applied), origin at its top left.

    Attributes:
        label: the object's class.
        x: of the left side.
        y: of the top.
        width: in pixels, fractions included.
        height: the same.
    """

    label: str
    x: float
    y: float
    width: float
    height: float

    def as_json(self) -> dict[str, Any]:
        """The box as Edge Impulse's documents have it, to the same fraction of a pixel."""
        sides = {"x": self.x, "y": self.y, "width": self.width, "height": self.height}
        return {"label": self.label} | {name: shown(value) for name, value in sides.items()}


def shown(value: float) -> int | float:
    """A number as label files write it: whole ones without a point."""
    return int(value) if float(value).is_integer() else value


@dataclass(frozen=True, slots=True)
class FilePayload:
    """A file of the dataset: a picture, a signal, a video.

    Attributes:
        root: the dataset's folder.
        relative: the file's path below it, with forward slashes.
        size: width and height of a picture as shown, where its reader had to look; else None.
    """

    root: str
    relative: str
    size: tuple[int, int] | None = field(default=None, compare=False)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.root, self.relative)

    @property
    def suffix(self) -> str:
        """The last extension, lower case, with its dot; empty where the name has none."""
        name = self.relative.rpartition("/")[2]
        stem, dot, extension = name.rpartition(".")
        return f".{extension.lower()}" if dot and stem and extension else ""

    @property
    def is_image(self) -> bool:
        """Whether the extension is one of a picture."""
        return self.suffix in IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True, eq=False)
class ArrayRow:
    """One row of an array, usually memory-mapped: a picture [H, W, C] or a flat feature vector.

    Attributes:
        array: shape (N, …), shared by all rows.
        index: which row.
    """

    array: NDArray[Any]
    index: int

    def read(self) -> NDArray[Any]:
        """The row, without the leading axis; a view where the array is in memory."""
        row: NDArray[Any] = self.array[self.index]
        return row


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a signal.

    Attributes:
        name: such as `accX`.
        units: such as `m/s2`.
    """

    name: str
    units: str = "N/A"


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """A time series that is in memory.

    Attributes:
        values: float64 [T, axes].
        interval_ms: time between two rows; 0 for a single row.
        axes: one per column.
        device_type: what recorded it.
        device_name: which one of them, empty where unknown.
        recorded_at: seconds since 1970, None where unknown.
    """

    values: NDArray[np.float64]
    interval_ms: float
    axes: tuple[Axis, ...]
    device_type: str = "EI_TRAIN"
    device_name: str = ""
    recorded_at: float | None = None


Payload: TypeAlias = FilePayload | ArrayRow | Signal


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Attributes:
        id: unique in its dataset and the same on every machine: the relative path, or Edge Impulse's number.
        name: what a person calls it; Edge Impulse's sample name.
        category: None where the format does not say.
        label: of the whole sample.
        payload: the data itself, read lazily.
        boxes: objects in a picture: an empty tuple says that there are none, None that nobody has said.
        metadata: free text by key.
    """

    id: str
    name: str
    category: Category | None
    label: Label
    payload: Payload
    boxes: tuple[Box, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=no_metadata)

    def with_category(self, category: Category | None) -> Sample:
        """The same sample in another set."""
        return Sample(self.id, self.name, category, self.label, self.payload, self.boxes, self.metadata)

    def with_label(self, label: Label) -> Sample:
        """The same sample with another label."""
        return replace(self, label=label)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples in their order, with the format they came from.

    Attributes:
        samples: in the order of the source.
        format: the name of the format they were read from, such as `class-folders`.
        root: the folder they were read from; None where there is none.
        labels: every class name, sorted: of samples, boxes and intervals, and those declared without a sample.
        reading: the account of the folder that it was read from.
    """

    samples: tuple[Sample, ...]
    format: str
    root: Path | None
    labels: tuple[str, ...]
    reading: Reading = NOTHING_READ

    @classmethod
    def of(
        cls,
        samples: Iterable[Sample],
        *,
        format: str,  # noqa: A002 - the attribute's name
        root: Path | None = None,
        declared: Iterable[str] = (),
        reading: Reading = NOTHING_READ,
    ) -> Dataset:
        """A dataset whose `labels` are gathered from the samples and `declared`, each in Unicode's composed form.

        Raises:
            DataError: when two samples have the same id.
            FormatError: for a label that no file could hold.
        """
        kept = tuple(map(_with_composed_labels, samples))
        labels = set(map(composed, declared))
        seen: set[str] = set()
        last: Label | None = None
        for sample in kept:
            if sample.id in seen:
                raise DataError("two samples have this id", where=sample.id, fix="list each sample once")
            seen.add(sample.id)
            if sample.boxes or sample.label is not last:  # samples of one class share its label
                last = sample.label
                labels.update(labels_of(sample))
        for label in labels:
            if not encodable(label):
                raise FormatError(f"label {label!r} is not UTF-8", where=root, fix="rename the class")
        return cls(kept, format, root, tuple(sorted(labels)), reading)

    def __len__(self) -> int:
        return len(self.samples)

    def only(self, category: Category) -> Dataset:
        """The samples of one set, with all labels kept."""
        chosen = tuple(sample for sample in self.samples if sample.category is category)
        return replace(self, samples=chosen)


def _with_composed_labels(sample: Sample) -> Sample:
    """The sample with labels in one Unicode form, so that those that look the same are the same."""
    label = sample.label
    if not sample.boxes and isinstance(label, ClassLabel) and label.label.isascii():
        return sample  # as most are
    if all(each.isascii() for each in labels_of(sample)):
        return sample
    match label:
        case ClassLabel(name):
            label = ClassLabel(composed(name))
        case Intervals(intervals):
            label = Intervals(tuple(replace(interval, label=composed(interval.label)) for interval in intervals))
    boxes = sample.boxes and tuple(replace(box, label=composed(box.label)) for box in sample.boxes)
    return replace(sample, label=label, boxes=boxes)


def labels_of(sample: Sample) -> Iterable[str]:
    """Every class name that one sample carries."""
    match sample.label:
        case ClassLabel(label):
            yield label
        case Intervals(intervals):
            yield from (interval.label for interval in intervals)
    yield from (box.label for box in sample.boxes or ())
