"""Merging of what several label files, or several entries of one, say of one picture; nothing is left out silently.

A later file overrules an earlier one, as in the official uploader. A file that contradicts itself is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ei_compat.core.errors import DataError
from ei_compat.dataset.dataset import Box, Category
from ei_compat.formats._folder_names import category_of_path


class SetsOf:
    """The set of every picture: its folder's, else that of the label file that lists it last.

    Attributes:
        of: by picture.
    """

    def __init__(self) -> None:
        self.of: dict[str, Category | None] = {}
        self._twice: dict[str, str] = {}

    def add(self, image: str, file: str) -> None:
        """Takes what a label file's name says of a picture that it lists."""
        self.put(image, category_of_path(image.rpartition("/")[0]) or category_of_path(file), file)

    def put(self, image: str, category: Category | None, file: str) -> None:
        """Takes the set that a file names for a picture."""
        if self.of.setdefault(image, category) != category:
            self._twice[image] = file
            self.of[image] = category

    def remarks(self) -> tuple[str, ...]:
        """What there is to say of pictures that are listed for two sets."""
        if not self._twice:
            return ()
        image, file = next(iter(self._twice.items()))
        return (f"{_are(self._twice)} listed for two sets, such as {image}; the later file counts, {file}",)


class Classes:
    """The class of every picture that label files list, empty where they list it without one.

    Attributes:
        of: by picture, in the order in which the pictures were listed first.
    """

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self._file: dict[str, str] = {}
        self._overruled: dict[str, str] = {}

    def add(self, image: str, label: str, file: str, *, where: str) -> None:
        """Takes what a file says of a picture.

        Raises:
            DataError: when the same file has said something else of it.
        """
        before = self.of.setdefault(image, label)
        first = self._file.setdefault(image, file)
        self._file[image] = file
        if before == label:
            return
        if first == file:
            what = f"picture {image!r} has two classes, {before!r} and {label!r}"
            raise DataError(what, where=where, fix="remove the one that is wrong")
        if before and label:
            self._overruled[image] = f"{before!r} in {first} and {label!r} in {file}"
        self.of[image] = label or before

    def remarks(self) -> tuple[str, ...]:
        """What there is to say of pictures that have another class in a later file."""
        for image, said in self._overruled.items():
            have = _are(self._overruled, "has", "have")
            return (f"{have} two classes, such as {image}, {said}; the later file counts",)
        return ()


class Boxes:
    """The boxes of every picture that label files list.

    Attributes:
        of: by picture, in the order in which the pictures were listed first.
    """

    def __init__(self) -> None:
        self.of: dict[str, list[Box]] = {}
        self._place: dict[str, tuple[str, str]] = {}  # file and entry that listed the picture last
        self._earlier: list[tuple[str, tuple[str, str], list[Box], tuple[str, str]]] = []

    def listed(self, image: str, file: str, entry: str = "") -> list[Box]:
        """The list that the boxes go into which an entry of a label file, or the whole file, has for a picture."""
        place = file, entry
        before = self._place.setdefault(image, place)
        if before != place:
            self._earlier.append((image, before, self.of[image], place))
            self._place[image], self.of[image] = place, []
        return self.of.setdefault(image, [])

    def settle(self) -> tuple[str, ...]:
        """Leaves each picture the boxes of one place; returns what there is to say of that.

        Where one place has all the boxes that another has, these are all; else the later file overrules the other.

        Raises:
            DataError: when two entries of one file contradict each other.
        """
        overruled: dict[str, str] = {}
        repeated = 0
        for image, first, before, later in reversed(self._earlier):
            now = self.of[image]
            if Counter(now) <= Counter(before):
                self.of[image] = before
            elif not Counter(before) <= Counter(now):
                if first[0] == later[0]:
                    what = f"lists other boxes of picture {image!r} than {_named(first)}"
                    raise DataError(what, where=_named(later), fix="remove the one that is wrong")
                overruled[image] = f"{image}, in {first[0]} and {later[0]}"
        twice = {each[0]: f"{_named(each[1])} and {_named(each[3])}" for each in self._earlier}
        twice = {image: places for image, places in twice.items() if image not in overruled}
        for image, boxes in self.of.items():
            if len(boxes) > 1 and len(once := once_each(boxes)) < len(boxes):
                repeated += len(boxes) - len(once)
                self.of[image] = once
        return (*_twice(twice), *_overruled(overruled), *repeats(repeated))


def once_each(boxes: Iterable[Box]) -> list[Box]:
    """The boxes without those that equal an earlier one."""
    return list(dict.fromkeys(boxes))


def repeats(count: int) -> Sequence[str]:
    """What to say of boxes that equal another of the same picture."""
    return [f"{count} box{'es' * (count > 1)} of the same class and place as another left out"] if count else []


def _twice(places: dict[str, str]) -> Sequence[str]:
    first = next(iter(places.values()), "")
    return [f"{_are(places)} listed twice, such as in {first}; every box counts once"] if places else []


def _overruled(places: dict[str, str]) -> Sequence[str]:
    first, have = next(iter(places.values()), ""), _are(places, "has", "have")
    return [f"{have} other boxes in a later label file, such as {first}; the later file counts"] if places else []


def _named(place: tuple[str, str]) -> str:
    return ", ".join(filter(None, place))


def _are(images: dict[str, str], one: str = "is", more: str = "are") -> str:
    return f"1 picture {one}" if len(images) == 1 else f"{len(images)} pictures {more}"
