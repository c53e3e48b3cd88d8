"""What the formats for pictures with boxes have in common."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ei_compat.dataset import Box, Category, Dataset, Sample
from ei_compat.dataset import shown as shown
from ei_compat.datasets._folders import Layout, file_name_of, stem_of
from ei_compat.datasets._format import Carries, WriteOptions
from ei_compat.datasets._sets import category_of_path
from ei_compat.errors import DataError, FormatError
from ei_compat.limits import Limits
from ei_compat.picture_files import picture_size
from ei_compat.progress import Progress

LISTED = frozenset({Carries.BOXES, Carries.UNLABELLED, Carries.CATEGORIES, Carries.PICTURES, Carries.NAMES})
CARRIES = LISTED | {Carries.EMPTY}
NO_CATEGORY = "images"  # folder of pictures that belong to no set


class SetsOf:
    """The set of every picture: its folder's, else that of the label file that lists it last.

    Attributes:
        of: by picture.
    """

    def __init__(self) -> None:
        self.of: dict[str, Category | None] = {}
        self._twice: dict[str, str] = {}

    def add(self, picture: str, file: str) -> None:
        """Takes what a label file's name says of a picture that it lists."""
        category = category_of_path(picture.rpartition("/")[0]) or category_of_path(file)
        if self.of.setdefault(picture, category) != category:
            self._twice[picture] = file
            self.of[picture] = category

    def remarks(self) -> tuple[str, ...]:
        """What there is to say of pictures that are listed for two sets."""
        if not self._twice:
            return ()
        picture, file = next(iter(self._twice.items()))
        are = "1 picture is" if len(self._twice) == 1 else f"{len(self._twice)} pictures are"
        return (f"{are} listed for two sets, such as {picture}; the later file counts, {file}",)


class Listed:
    """The boxes of every picture that label files list; several files that list one picture are never added up.

    Attributes:
        boxes: by picture, in the order in which the pictures were listed first.
    """

    def __init__(self) -> None:
        self.boxes: dict[str, list[Box]] = {}
        self._file: dict[str, str] = {}
        self._earlier: list[tuple[str, str, list[Box], str]] = []  # picture, its file and boxes, the file after that

    def of(self, picture: str, file: str) -> list[Box]:
        """The list that a label file's boxes of a picture go into."""
        if self._file.setdefault(picture, file) != file:
            self._earlier.append((picture, self._file[picture], self.boxes[picture], file))
            self._file[picture], self.boxes[picture] = file, []
        return self.boxes.setdefault(picture, [])

    def settle(self) -> tuple[str, ...]:
        """Leaves each picture the boxes of the file that has most of them, once; returns what there is to say of that.

        Raises:
            DataError: when neither of two files has all the boxes that the other one has.
        """
        for picture, first, before, later in reversed(self._earlier):
            now = self.boxes[picture]
            if Counter(now) <= Counter(before):
                self.boxes[picture] = before
            elif not Counter(before) <= Counter(now):
                what = f"lists other boxes of picture {picture!r} than {first}"
                raise DataError(what, where=later, fix="remove the one that is wrong")
        twice = {picture: (first, later) for picture, first, _, later in self._earlier}
        for first, later in list(twice.values())[:1]:
            are = "1 picture is" if len(twice) == 1 else f"{len(twice)} pictures are"
            return (f"{are} listed in two label files, such as {first} and {later}; every box counts once",)
        return ()


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
    return picture_size(sample.payload, limits)


def place_pictures(
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
