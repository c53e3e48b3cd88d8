"""YOLO: one text file per picture, class names in `data.yaml`, `classes.txt`, `_darknet.labels` or a `.names` file."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import composed, write_file, write_one_of_many
from ei_compat.core.parsing import read_text
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, Box, Dataset
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import CARRIES, number, place_images, size_of
from ei_compat.formats._data_yaml import described_classes, description_of
from ei_compat.formats._format import DEFAULT_OPTIONS, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._layout import name_without_extension
from ei_compat.formats._merge import once_each, repeats
from ei_compat.formats._tree import Tree
from ei_compat.media.box_check import share

CLASSES, DESCRIPTION, DARKNET = "classes.txt", "data.yaml", "_darknet.labels"
IMAGES, LABELS = "images", "labels"
NAMES_FILES = {DESCRIPTION: 1, "data.yml": 1, "dataset.yaml": 1, CLASSES: 2, ".names": 3, DARKNET: 3}
_ENDS = tuple(NAMES_FILES)


def recognise(tree: Tree) -> bool:
    """Whether there is a file of class names, with a picture's text file or of a name that only YOLO has."""
    if tree.only is not None:
        return False
    found = _names_files(tree)
    if not found or _has_text(tree):
        return bool(found)
    sure = [path for path in found if "/" not in path and path.lower() != CLASSES]
    return bool(sure) and not _names_folders(tree, sure[0])


def _names_folders(tree: Tree, file: str) -> bool:
    """Whether the classes are names of folders, which then hold them: no picture has a text."""
    try:
        names = parse_names(read_text(tree.root / file, tree.limits), file, where=file)
    except FormatError:
        return False
    return bool(set(names) & {path.rpartition("/")[0].rpartition("/")[2] for path in tree.samples})


def _has_text(tree: Tree) -> bool:
    images = tree.below("", IMAGE_SUFFIXES)
    return any(_text_of(image, tree) is not None for image in images)


def _names_files(tree: Tree) -> list[str]:
    """The files of class names, wherever they lie, the one that is believed first."""
    found: list[tuple[int, int, str]] = []
    for path in tree.files:
        if not path.lower().endswith(_ENDS):
            continue
        name = path.rpartition("/")[2].lower()
        rank = NAMES_FILES.get(name, NAMES_FILES[".names"] if name.endswith(".names") else 0)
        if rank:
            found.append((path.count("/"), rank, path))
    return [path for _, _, path in sorted(found)]


def read(tree: Tree) -> Dataset:
    """Reads every picture with the boxes of its text file, which lies beside it or below `labels/`.

    The pictures' headers are read, since boxes are given as shares of their size.

    Raises:
        FormatError: naming the line at fault.
    """
    path, label_files = tree.root, _names_files(tree)
    if not label_files:
        raise DataError(f"has neither {DESCRIPTION}, {CLASSES} nor a .names file", where=path)
    lists = [parse_names(read_text(path / file, tree.limits), file, where=str(path / file)) for file in label_files]
    names, images = lists[0], Images(tree)
    for file, other in zip(label_files, lists, strict=True):
        if other != names:
            what = f"names other classes than {label_files[0]}, {', '.join(other[:5])} and not {', '.join(names[:5])}"
            raise FormatError(what, where=path / file, fix="remove the one that is wrong")
    samples, bare, repeated = [], [], 0
    for relative in images.paths:
        labels = _text_of(relative, tree)
        if labels is None:
            samples.append(images.sample(relative))
            bare.append(relative)
            continue
        label_files.append(labels)
        where = f"{path}/{labels}"
        boxes = _boxes(read_text(where, tree.limits), names, relative, images, where=where)
        once = once_each(boxes) if len(boxes) > 1 else boxes
        repeated += len(boxes) - len(once)
        samples.append(images.sample(relative, once))
    remarks = (*repeats(repeated), *images.remarks())
    reading = Reading(label_files=tuple(label_files), unlisted=tuple(bare), remarks=remarks)
    return Dataset.of(samples, format=FORMAT.name, root=path, declared=names, reading=reading)


def _text_of(image: str, tree: Tree) -> str | None:
    """A picture's text file, whose name may differ in its form or capitals where no other picture could be meant."""
    folder, _, name = image.rpartition("/")
    text = f"{name.rpartition('.')[0]}.txt"
    places = [f"{place}{text}" for place in _label_folders(folder)]
    for place in places:
        if place in tree:
            return place
    if len(tree.looking_like(image)) > 1:
        return None
    alike = [path for place in places for path in tree.looking_like(place)]
    return alike[0] if len(alike) == 1 else None


@functools.lru_cache(maxsize=256)
def _label_folders(images: str) -> list[str]:
    """Where the texts of a folder's pictures may lie: there, or where `labels` is in the place of `images`."""
    parts = [*images.split("/"), ""] if images else [""]
    named = [index for index, part in enumerate(parts) if part.lower() == IMAGES]
    return ["/".join(parts), *("/".join([*parts[:at], LABELS, *parts[at + 1 :]]) for at in reversed(named))]


def _boxes(text: str, names: Sequence[str], image: str, images: Images, *, where: str) -> list[Box]:
    found: list[Box] = []
    for line, row in enumerate(text.splitlines(), start=1):
        cells = row.split()
        if not cells:
            continue
        place = f"{where}, line {line}"
        if len(cells) != 5:
            raise FormatError(f"has {len(cells)} columns, not class, x, y, width, height", where=place)
        label = names[_class_number(cells[0], len(names), where=place)]
        x, y, width, height = [share(number(cell, where=place), where=place) for cell in cells[1:]]
        found += images.shares(image, label, (x - width / 2, y - height / 2), (width, height), where=place)
    return found


def _class_number(cell: str, count: int, *, where: str) -> int:
    """A class by its number, which numeric programs write as `1.0` or `1e0` too.

    Raises:
        FormatError: when it is no whole number, or there is no such class.
    """
    value = number(cell, where=where)
    if not value.is_integer() or not 0 <= value < count:
        raise FormatError(f"class {cell[:20]!r} is not from 0 to {count - 1}", where=where)
    return int(value)


def parse_names(text: str, name: str, *, where: str) -> list[str]:
    """The class names, in order, of a YAML description or a list of lines.

    Raises:
        FormatError: when there are none.
    """
    if name.lower().endswith((".yaml", ".yml")):
        names = described_classes(text, where=where)
    else:
        names = [line.strip() for line in text.strip().splitlines()]
    if not names:
        raise FormatError("names no class", where=where)
    if "" in names:
        raise FormatError(f"class {names.index('')} has no name", where=where, fix="remove the empty line, or name it")
    if twice := [name for name, count in Counter(map(composed, names)).items() if count > 1]:
        raise FormatError(f"names class {twice[0]!r} twice", where=where)
    return names


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes `images/<set>/`, `labels/<set>/`, `classes.txt` and `data.yaml`.

    A picture of whose objects nothing is known has no text, one without an object an empty one.

    Raises:
        FormatError: for a label that a line cannot hold.
    """
    labels = dataset.labels
    for label in labels:
        if label != label.strip() or not label or len(label.splitlines()) != 1:
            raise FormatError(f"label {label!r} cannot be a line of {CLASSES}", where=str(dataset.root or target))
    class_of = {label: index for index, label in enumerate(labels)}
    folders: set[str] = set()
    placed = place_images(dataset, target, options, progress, below=f"{IMAGES}/", unique=name_without_extension)
    for sample, relative in placed:
        stem = relative.removeprefix(f"{IMAGES}/").rpartition(".")[0]
        if (folder := stem.rpartition("/")[0]) not in folders:
            (target / LABELS / folder).mkdir(parents=True, exist_ok=True)  # one may lie in another
            folders.add(folder)
        if sample.boxes is not None:
            size = size_of(sample, options.limits)
            lines = "".join([_line(item, class_of[item.label], size) for item in sample.boxes])
            write_one_of_many(f"{target}/{LABELS}/{stem}.txt", lines.encode())
    sets = {_ROLES[folder]: f"{IMAGES}/{folder}" for folder in sorted(folders & _ROLES.keys())}
    write_file(target / DESCRIPTION, description_of(labels, sets).encode())
    write_file(target / CLASSES, "".join(f"{label}\n" for label in labels).encode())
    return ()


_ROLES = {"training": "train", "validation": "val", "testing": "test"}


def _line(item: Box, index: int, size: tuple[int, int]) -> str:
    width, height = size
    x, y = (item.x + item.width / 2) / width, (item.y + item.height / 2) / height
    return f"{index} {x!r} {y!r} {item.width / width!r} {item.height / height!r}\n"


FORMAT = Format(
    name="yolo",
    looks_for="data.yaml, classes.txt, _darknet.labels or a .names file",
    carries=CARRIES,
    recognise=recognise,
    read=read,
    write=write,
)
