"""Conversion of any readable dataset into any writable format, saying what is lost on the way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ei_compat.core.errors import DataError
from ei_compat.core.progress import SILENT, Kept, Progress
from ei_compat.core.words import counted
from ei_compat.dataset.dataset import (
    ArrayRow,
    ClassLabel,
    Dataset,
    FilePayload,
    Intervals,
    KeyValues,
    Sample,
    Signal,
    Unlabelled,
)
from ei_compat.dataset.reading import Reading
from ei_compat.formats import Carries, Format, WriteOptions, format_named, write_dataset
from ei_compat.formats._format import DEFAULT_OPTIONS, LABELS, PAYLOADS, LeftOut

MOST_WARNINGS = 5  # about files that are read, one by one


@dataclass(frozen=True, slots=True)
class Converted:
    """Result of a conversion.

    Attributes:
        source: name of the format that was read.
        target: name of the format that was written.
        samples: how many were read, by category (`none` where a sample has none).
        lost: what the samples had that the target cannot hold, such as `metadata (3 samples)`.
        left_out: name and reason of every sample that was not written.
        reading: the account of the folder that was read, with what was odd about files whose content was read.
    """

    source: str
    target: str
    samples: dict[str, int]
    lost: tuple[str, ...]
    left_out: LeftOut
    reading: Reading

    def as_json(self) -> dict[str, Any]:
        """The whole result as JSON values."""
        return {
            "from": self.source,
            "to": self.target,
            "samples": self.samples,
            "lost": list(self.lost),
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out],
            "reading": self.reading.as_json(),
        }


def convert(
    dataset: Dataset,
    target: Path,
    to: str,
    *,
    options: WriteOptions = DEFAULT_OPTIONS,
    progress: Progress = SILENT,
) -> Converted:
    """Writes a dataset in another format.

    Raises:
        DataError: when the format cannot carry a label or the data of a sample, or the target is occupied.
        UsageError: when there is no such format, or it needs an option that is not given.
    """
    chosen = format_named(to)
    lost = losses(dataset, chosen)
    kept = Kept(progress)
    left_out = write_dataset(dataset, target, to, options=options, progress=kept)
    counts = Counter(str(sample.category or "none") for sample in dataset.samples)
    reading = replace(dataset.reading, remarks=(*dataset.reading.remarks, *_first(kept.warnings)))
    return Converted(dataset.format, to, dict(sorted(counts.items())), lost, left_out, reading)


def _first(warnings: Sequence[str]) -> Iterator[str]:
    """The first few warnings, and how many more there are."""
    yield from warnings[:MOST_WARNINGS]
    if len(warnings) > MOST_WARNINGS:
        yield f"and {len(warnings) - MOST_WARNINGS} more such files"


def losses(dataset: Dataset, to: Format) -> tuple[str, ...]:
    """What a format cannot hold of a dataset and that can be done without.

    In a set with boxes, the class label of a picture that has a list of them is its second one, which a format of boxes
    can do without.

    Raises:
        DataError: when it cannot hold the labels or the data themselves.
    """
    counts: Counter[Carries] = Counter()
    first: dict[Carries, str] = {}
    boxes_alone = Carries.BOXES in to.carries and Carries.CLASS not in to.carries
    boxed = boxes_alone and any(sample.boxes for sample in dataset.samples)
    spare = 0
    for samples in _alike(dataset.samples):
        one = samples[0]
        if boxed and isinstance(one.label, ClassLabel) and one.boxes is not None:
            spare += len(samples)
            one = replace(one, label=Unlabelled())
        for needed in _needs(one, to):
            counts[needed] += len(samples)
            first.setdefault(needed, one.id)
    missing = [needed for needed in counts if needed not in to.carries]
    for needed in missing:
        if needed in LABELS | PAYLOADS:
            what = f"format {to.name!r} cannot hold {needed}, of which there are {counts[needed]}"
            raise DataError(what, where=first[needed], fix="choose another format")
    if spare:
        missing.append(Carries.CLASS)
        counts[Carries.CLASS] = spare
    return tuple(f"{needed} ({counted(counts[needed], 'sample')})" for needed in sorted(missing))


def _alike(samples: Iterable[Sample]) -> Iterable[Sequence[Sample]]:
    """The samples in groups that need the same of a format, of which a large set has a few only."""
    groups: defaultdict[tuple[object, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        payload, boxes = sample.payload, sample.boxes
        data: object = payload.suffix if isinstance(payload, FilePayload) else type(payload)
        if isinstance(payload, ArrayRow):
            data = payload.array.ndim
        has = boxes is None, not boxes, sample.category is None, not sample.metadata
        groups[type(sample.label), data, has].append(sample)
    return groups.values()


def _needs(sample: Sample, to: Format) -> set[Carries]:
    needs = {Carries.NAMES}
    match sample.label:
        case ClassLabel():
            needs.add(Carries.CLASS)
        case Intervals():
            needs.add(Carries.INTERVALS)
        case KeyValues():
            needs.add(Carries.KEY_VALUES)
        case _ if sample.boxes is None:
            needs.add(Carries.UNLABELLED)
        case _ if not sample.boxes:  # where this cannot be said, the picture is one that nobody has looked at
            needs |= {Carries.EMPTY} if Carries.EMPTY in to.carries else {Carries.EMPTY, Carries.UNLABELLED}
    if sample.boxes:
        needs.add(Carries.BOXES)
    if sample.category is not None:
        needs.add(Carries.CATEGORIES)
    if sample.metadata:
        needs.add(Carries.METADATA)
    match sample.payload:
        case FilePayload() if sample.payload.is_image:
            needs.add(Carries.IMAGES)
        case FilePayload() | Signal():
            needs.add(Carries.SIGNALS)
        case ArrayRow():
            needs.add(Carries.IMAGES if sample.payload.array.ndim == 4 else Carries.FEATURES)
    return needs
