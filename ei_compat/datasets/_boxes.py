"""What the formats for pictures with boxes have in common."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from pathlib import Path, PurePosixPath

from ei_compat.dataset import PICTURE_SUFFIXES, UNLABELLED, Box, Category, Dataset, FilePayload, Sample, checked_box
from ei_compat.dataset import shown as shown
from ei_compat.datasets._folders import Layout, file_name_of, stem_of
from ei_compat.datasets._format import Carries, WriteOptions
from ei_compat.datasets._sets import CATEGORY_FOLDERS
from ei_compat.datasets._tree import Tree
from ei_compat.errors import DataError, FormatError
from ei_compat.limits import Limits
from ei_compat.picture_files import picture_size
from ei_compat.progress import Progress

LISTED = frozenset({Carries.BOXES, Carries.UNLABELLED, Carries.CATEGORIES, Carries.PICTURES, Carries.NAMES})
CARRIES = LISTED | {Carries.EMPTY}
NO_CATEGORY = "images"  # folder of pictures that belong to no set
_WORD = re.compile(r"[a-z]+")


def category_of_path(relative: str) -> Category | None:
    """The set that a path's folders or a label file's name speak of, such as `train2017/` or `val-annotations.csv`.

    Whole words only, unlike the official uploader, which finds `val` in `valve`; and `val` is the validation set here,
    which the official uploader has no name for and puts into testing.
    """
    for part in relative.lower().split("/"):
        for word in [part, *_WORD.findall(part)]:
            if word in CATEGORY_FOLDERS:
                return CATEGORY_FOLDERS[word]
    return None


class Pictures:
    """The pictures below a folder, found by the names that label files use.

    Args:
        tree: the dataset's folder.
    """

    def __init__(self, tree: Tree) -> None:
        self.root = tree.root
        self.paths = list(tree.below("", PICTURE_SUFFIXES))
        self._by_end: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            name = path.rpartition("/")[2]
            self._by_end[name].append(path)
            self._by_end[name.rpartition(".")[0]].append(path)
        self._known = set(self.paths)

    def named(self, name: str, *, near: str, where: str) -> str:
        """The picture that a label file means.

        Args:
            name: a path or a file's name, with or without its extension.
            near: the label file's folder, relative to the root.
            where: names the place that mentions it.

        Raises:
            DataError: when there is none.
            FormatError: when several pictures could be meant.
        """
        wanted = name.replace("\\", "/").removeprefix("./")
        for path in (f"{near}/{wanted}", wanted):
            if path in self._known:
                return path
        found = self._by_end.get(wanted.rpartition("/")[2], [])
        closest = [path for path in found if f"/{path}".endswith(f"/{wanted}")] or found
        closest = [path for path in closest if path.startswith(f"{near}/")] or closest
        if not closest:
            raise DataError(f"picture {name!r} is missing", where=where, fix="restore the file or remove its entry")
        if len(closest) > 1:
            raise FormatError(f"picture {name!r} could be {closest[0]} or {closest[1]}", where=where)
        return closest[0]

    def sample(self, relative: str, boxes: Iterable[Box] | None = None, category: Category | None = None) -> Sample:
        """A picture as a sample; its category is of its path where none is given."""
        return Sample(
            id=relative,
            name=PurePosixPath(relative).stem,
            category=category or category_of_path(relative.rpartition("/")[0]),
            label=UNLABELLED,
            payload=FilePayload(str(self.root), relative),
            boxes=None if boxes is None else tuple(boxes),
        )

    def without(self, listed: Container[str]) -> tuple[str, ...]:
        """The pictures that no label file lists."""
        return tuple(path for path in self.paths if path not in listed)

    def samples(self, boxes: dict[str, list[Box]], category: dict[str, Category | None] | None = None) -> list[Sample]:
        """The pictures that `boxes` lists, in its order, then those of which it says nothing."""
        order = [*boxes, *(path for path in self.paths if path not in boxes)]
        return [self.sample(path, boxes.get(path), (category or {}).get(path)) for path in order]


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


def corners(label: str, x_min: float, y_min: float, x_max: float, y_max: float, *, where: str) -> Box:
    """A box by two corners; see `checked_box`."""
    return checked_box(label, x_min, y_min, x_max - x_min, y_max - y_min, where=where)


def number(text: str, *, where: str) -> float:
    """A finite number in a text file.

    Raises:
        FormatError: when it is none.
    """
    try:
        value = float(text)
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
