"""Interface of a dataset format: a name, what it looks like, a reader and a writer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.progress import Progress
from ei_compat.dataset.dataset import Dataset
from ei_compat.formats._tree import Tree

if TYPE_CHECKING:
    from ei_compat.media.images import ImageSpec
    from ei_compat.media.signals import SignalForm


class Carries(StrEnum):
    """Property of a dataset that a format can or cannot hold."""

    CLASS = "class labels"
    BOXES = "bounding boxes"
    EMPTY = "pictures known to hold no object"
    INTERVALS = "interval labels"
    KEY_VALUES = "key-value labels"
    UNLABELLED = "unlabelled samples"
    CATEGORIES = "categories"
    NAMES = "sample names"
    METADATA = "metadata"
    IMAGES = "pictures"
    SIGNALS = "signals"
    FEATURES = "feature rows"


LABELS = frozenset({Carries.CLASS, Carries.BOXES, Carries.INTERVALS, Carries.KEY_VALUES, Carries.UNLABELLED})
PAYLOADS = frozenset({Carries.IMAGES, Carries.SIGNALS, Carries.FEATURES})


class Recognise(Protocol):
    """Test of whether a folder looks like the format, from names and first bytes only."""

    def __call__(self, tree: Tree, /) -> bool: ...


class Read(Protocol):
    """Reader of a dataset; payloads stay on disk.

    The reader names the label files that it used, and anything that it decided, in the dataset's `reading`; what else
    lies in the folder is counted by `open_dataset` alone.
    """

    def __call__(self, tree: Tree, /) -> Dataset: ...


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Options of a writer.

    Attributes:
        copy: copy files even where a hard link to the source's would do.
        spec: what pictures are turned into, for arrays only.
        max_broken: share of pictures that arrays may leave out.
        limits: for what is decoded.
        signal_form: what every signal is stored as; files stay as they are where None, others become JSON.
    """

    copy: bool = False
    spec: ImageSpec | None = None
    max_broken: float = 0.01
    limits: Limits = DEFAULT_LIMITS
    signal_form: SignalForm | None = None


DEFAULT_OPTIONS = WriteOptions()
LeftOut: TypeAlias = tuple[tuple[str, str], ...]  # name and reason of every sample that was not written


class Write(Protocol):
    """Writer of a dataset into the empty folder `target`; returns what was left out."""

    def __call__(self, dataset: Dataset, target: Path, *, options: WriteOptions, progress: Progress) -> LeftOut: ...


@dataclass(frozen=True, slots=True)
class Format:
    """One dataset format.

    Attributes:
        name: stable, part of the interface; what `convert --to` takes.
        looks_for: what identifies it, for people.
        carries: what survives a round trip.
        recognise: see `Recognise`.
        read: see `Read`.
        write: see `Write`.
    """

    name: str
    looks_for: str
    carries: frozenset[Carries]
    recognise: Recognise
    read: Read
    write: Write
