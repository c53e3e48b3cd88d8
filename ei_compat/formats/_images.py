"""The pictures of a dataset, found by the names that label files use, with boxes that are held against them."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Container, Iterable

from ei_compat.core.errors import DataError, FormatError, ImageError
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, UNLABELLED, Box, Category, ClassLabel, FilePayload, Sample
from ei_compat.formats._folder_names import category_of_path
from ei_compat.formats._tree import Tree, join, looks
from ei_compat.media.box_check import BoxCheck
from ei_compat.media.image_files import image_size

Pair = tuple[float, float]


class Images:
    """The pictures below a folder.

    Args:
        tree: the dataset's folder.

    Attributes:
        paths: of all of them, relative, in the order of the folder.
        check: what was done to boxes.
    """

    def __init__(self, tree: Tree) -> None:
        self.root, self.limits, self._place = tree.root, tree.limits, str(tree.root)
        self.paths = list(tree.below("", IMAGE_SUFFIXES))
        self.check = BoxCheck()
        self._known = set(self.paths)
        self._sizes: dict[str, tuple[int, int]] = {}
        self._sets: dict[str, Category | None] = {}
        self._other_size: dict[str, str] = {}  # pictures that a label file tells another size of, with both
        self._lost: set[str] = set()  # pictures whose only boxes had no size

    @functools.cached_property
    def _by_end(self) -> dict[str, list[str]]:
        """The pictures by their names, and by these without extensions."""
        return _by_end(self.paths, str)

    @functools.cached_property
    def _by_look(self) -> dict[str, list[str]]:
        """The same by names as `looks` has them."""
        return _by_end(self.paths, looks)

    def keep_folder(self, name: str) -> None:
        """Leaves out what lies in no folder of this name, where there is one: masks are no samples."""
        kept = [path for path in self.paths if name in path.split("/")[:-1]]
        self.paths = kept or self.paths

    def named(self, name: str, *, near: str, where: str) -> str:
        """The picture that a label file means.

        A name that differs in its percent-encoding, its Unicode form or its capitals only is that picture's where no
        other could be meant.

        Args:
            name: a path or a file's name, with or without its extension, with either kind of slash.
            near: the label file's folder, relative to the root.
            where: names the place that mentions it.

        Raises:
            DataError: when there is none.
            FormatError: when several pictures could be meant.
        """
        wanted = name.replace("\\", "/").removeprefix("./")
        for path in (f"{near}/{wanted}", wanted, f"{near}/{name}", name):
            if path in self._known:
                return path
        found = _closest(self._by_end, str, wanted, near)
        if not found:
            found = _closest(self._by_look, looks, looks(wanted), looks(near))
        if not found:
            raise DataError(f"picture {name!r} is missing", where=where, fix="restore the file or remove its entry")
        if len(found) > 1:
            raise FormatError(f"picture {name!r} could be {found[0]} or {found[1]}", where=where)
        return found[0]

    def beside(self, stem: str, folders: Iterable[str]) -> list[str]:
        """The pictures of this name, without its extension, in these folders."""
        return [path for path in self._by_end.get(stem, ()) if path.rpartition("/")[0] in folders]

    def size(self, image: str) -> tuple[int, int]:
        """Width and height as shown, from the picture's header.

        Raises:
            ImageError: when it has none.
        """
        size = self._sizes.get(image)
        if size is None:
            size = self._sizes[image] = image_size(FilePayload(self._place, image), self.limits)
        return size

    def size_or_none(self, image: str) -> tuple[int, int] | None:
        """The same, None for a broken picture."""
        try:
            return self.size(image)
        except ImageError:
            return None

    def compare_size(self, image: str, width: object, height: object) -> None:
        """Holds the size that a label file tells of a picture against its own, where its boxes had that looked up."""
        known, told = self._sizes.get(image), (width, height)
        if known is not None and told != known and all(isinstance(side, int | float) and side > 0 for side in told):
            self._other_size[image] = f"{known[0]} x {known[1]} pixels, not {width:.6g} x {height:.6g}"

    def remarks(self) -> tuple[str, ...]:
        """What was done to boxes, and what there is to say of pictures of another size than a label file tells."""
        said = self.check.remarks()
        if not self._other_size:
            return said
        image, sizes = next(iter(self._other_size.items()))
        have = "1 picture has" if len(self._other_size) == 1 else f"{len(self._other_size)} pictures have"
        line = f"{have} another size than the label file says, such as {image}, {sizes}"
        return (*said, f"{line}: was it changed after it was labelled?")

    def pixels(self, image: str, label: str, corner: Pair, sides: Pair, *, where: str) -> list[Box]:
        """A box in pixels, none where it has no size; see `BoxCheck.pixels`."""
        return self._kept(image, self.check.pixels(label, corner, sides, self.size_or_none(image), where=where))

    def corners(self, image: str, label: str, ends: tuple[float, ...], *, where: str) -> list[Box]:
        """The same by least x and y and greatest x and y."""
        x_min, y_min, x_max, y_max = ends
        return self.pixels(image, label, (x_min, y_min), (x_max - x_min, y_max - y_min), where=where)

    def shares(self, image: str, label: str, corner: Pair, sides: Pair, *, where: str) -> list[Box]:
        """The same in shares of the picture; see `BoxCheck.shares`."""
        return self._kept(image, self.check.shares(label, corner, sides, self.size(image), where=where))

    def _kept(self, image: str, box: Box | None) -> list[Box]:
        if box is None:
            self._lost.add(image)
            return []
        return [box]

    def sample(self, relative: str, boxes: Iterable[Box] | None = None, category: Category | None = None) -> Sample:
        """A picture as a sample; its category is of its path where none is given.

        Nothing is known of the objects in a picture whose boxes all had no size.
        """
        folder, _, name = relative.rpartition("/")
        if category is None and folder not in self._sets:
            self._sets[folder] = category_of_path(folder)
        listed = None if boxes is None else tuple(boxes)
        return Sample(
            id=relative,
            name=name.rpartition(".")[0] or name,
            category=category or self._sets[folder],
            label=UNLABELLED,
            payload=FilePayload(self._place, relative, self._sizes.get(relative)),
            boxes=None if not listed and relative in self._lost else listed,
        )

    def without(self, listed: Container[str]) -> tuple[str, ...]:
        """The pictures that no label file lists."""
        return tuple(path for path in self.paths if path not in listed)

    def classed(self, labels: dict[str, str], category: dict[str, Category | None]) -> list[Sample]:
        """The pictures that `labels` gives a class, or none where it is empty, then those of which it says nothing."""
        known = {label: ClassLabel(label) for label in set(labels.values())}
        samples = []
        for path in [*labels, *self.without(labels)]:
            sample, label = self.sample(path, category=category.get(path)), labels.get(path)
            samples.append(sample.with_label(known[label]) if label else sample)
        return samples

    def samples(self, boxes: dict[str, list[Box]], category: dict[str, Category | None]) -> list[Sample]:
        """The pictures that `boxes` lists, in its order, then those of which it says nothing."""
        return [self.sample(path, boxes.get(path), category.get(path)) for path in [*boxes, *self.without(boxes)]]


def _by_end(paths: Iterable[str], form: Callable[[str], str]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        name = form(path.rpartition("/")[2])
        found[name].append(path)
        found[name.rpartition(".")[0]].append(path)
    return found


def _closest(by_end: dict[str, list[str]], form: Callable[[str], str], wanted: str, near: str) -> list[str]:
    """The paths of that name, those that end in the whole wanted path first, and those near the label file."""
    found = by_end.get(wanted.rpartition("/")[2], [])
    closest = [path for path in found if f"/{form(path)}".endswith(f"/{wanted}")] or found
    return [path for path in closest if form(path).startswith(join(near, ""))] or closest
