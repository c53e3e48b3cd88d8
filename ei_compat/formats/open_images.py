"""Open Images: a CSV of boxes as shares of the picture, classes by id in `class-descriptions.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.limits import Limits
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Dataset
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import LISTED, NO_CATEGORY, number, place_images, size_of
from ei_compat.formats._csv import csv_files, rows_of, table_of, write_table
from ei_compat.formats._format import DEFAULT_OPTIONS, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._layout import name_without_extension
from ei_compat.formats._merge import Boxes, SetsOf
from ei_compat.formats._tree import Tree, stem_of_path
from ei_compat.media.box_check import share

HEADER = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax")
DESCRIPTIONS = "class-descriptions.csv"
_DESCRIPTIONS = re.compile(r"class-descriptions[^/]*\.csv$")  # -boxable, -all
_ID = re.compile(r"/[mg]/[0-9a-z_]+")


def recognise(tree: Tree) -> bool:
    """Whether a CSV file names the columns of Open Images."""
    return bool(csv_files(tree, HEADER))


def read(tree: Tree) -> Dataset:
    """Reads every table of boxes; pictures that none mentions follow, unlabelled.

    The pictures' headers are read, since boxes are given as shares of their size.

    Raises:
        FormatError: naming the row at fault, which may be one of a class that is not described.
        DataError: when a picture is missing.
    """
    root, images = tree.root, Images(tree)
    tables, described = csv_files(tree, HEADER), [path for path in tree.files if _DESCRIPTIONS.search(path)]
    names = _descriptions(root, described, tree.limits)
    listed, sets = Boxes(), SetsOf()
    for relative in tables:
        for where, (identity, kind, *ends) in rows_of(root / relative, HEADER, tree.limits):
            image = images.named(identity, near=relative.rpartition("/")[0], where=where)
            sets.add(image, relative)
            x0, x1, y0, y1 = (share(number(end, where=where), where=where) for end in ends)
            if described and kind not in names:
                raise FormatError(f"class {kind!r} is not in {described[0]}", where=where)
            box = images.shares(image, names.get(kind, kind), (x0, y0), (x1 - x0, y1 - y0), where=where)
            listed.listed(image, relative).extend(box)
    remarks = (*listed.settle(), *sets.remarks(), *images.remarks())
    samples = images.samples(listed.of, sets.of)
    if any(_ID.fullmatch(box.label) for sample in samples for box in sample.boxes or ()):
        remarks = (*remarks, f"classes are named by their ids, since there is no {DESCRIPTIONS}")
    reading = Reading((*tables, *described), unlisted=images.without(listed.of), remarks=remarks)
    return Dataset.of(samples, format=FORMAT.name, root=root, declared=names.values(), reading=reading)


def _descriptions(root: Path, files: Iterable[str], limits: Limits) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in files:
        for where, row in table_of(root / name, limits):
            if len(row) < 2:
                raise DataError("has no name for its class", where=where)
            names[row[0]] = row[1]
    return names


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes a folder of pictures and a CSV file `<set>-annotations-bbox.csv` for every category."""
    class_of = {label: f"/m/{number:06d}" for number, label in enumerate(dataset.labels)}
    tables: dict[str, list[tuple[object, ...]]] = {}
    for sample, relative in place_images(dataset, target, options, progress, unique=name_without_extension):
        rows = tables.setdefault(relative.partition("/")[0], [HEADER])
        width, height = size_of(sample, options.limits)
        for item in sample.boxes or ():
            across = item.x / width, (item.x + item.width) / width
            down = item.y / height, (item.y + item.height) / height
            rows.append((stem_of_path(relative), class_of[item.label], *across, *down))
    for folder, rows in tables.items():
        name = "annotations-bbox.csv" if folder == NO_CATEGORY else f"{folder}-annotations-bbox.csv"
        write_table(target / name, rows)
    write_table(target / DESCRIPTIONS, ((kind, label) for label, kind in class_of.items()))
    return ()


FORMAT = Format(
    name="open-images",
    looks_for=f"a CSV file with the columns {', '.join(HEADER)}",
    carries=LISTED,
    recognise=recognise,
    read=read,
    write=write,
)
