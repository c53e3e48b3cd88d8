"""Parts that the formats for pictures with boxes have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from ei_compat.core.errors import FormatError
from ei_compat.core.limits import Limits
from ei_compat.core.progress import Progress
from ei_compat.dataset.dataset import Dataset, Sample
from ei_compat.formats._format import Carries, WriteOptions
from ei_compat.formats._layout import Layout, file_name_of, stem_of
from ei_compat.media.image_files import image_size

LISTED = frozenset({Carries.BOXES, Carries.UNLABELLED, Carries.CATEGORIES, Carries.IMAGES, Carries.NAMES})
CARRIES = LISTED | {Carries.EMPTY}
NO_CATEGORY = "images"  # folder of pictures that belong to no set


def number(text: str, *, where: str) -> float:
    """A finite number in a text file.

    Raises:
        FormatError: when it is none.
    """
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError(f"{text[:40]!r} is not a number", where=where)
    return value


def size_of(sample: Sample, limits: Limits) -> tuple[int, int]:
    """Width and height of a sample's picture, from its header."""
    return image_size(sample.payload, limits)


def place_images(
    dataset: Dataset,
    target: Path,
    options: WriteOptions,
    progress: Progress,
    *,
    below: str = "",
    unique: Callable[[str], str] = file_name_of,
) -> list[tuple[Sample, str]]:
    """Writes the pictures into a folder per category; returns each sample with its relative path. See `Layout`.

    File names are unique in the whole set, not in their folder alone: the official uploader looks labels up by them.
    """
    layout, placed = Layout(target, options, progress, unique), []
    with progress.task("write", len(dataset), "files") as task:
        for sample in dataset.samples:
            folder = below + (sample.category or ("" if below else NO_CATEGORY))
            placed.append((sample, layout.place(sample, folder.rstrip("/"), stem_of(sample))))
            task.advance()
    return placed
