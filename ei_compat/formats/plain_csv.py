"""The two plain CSV files of Edge Impulse's uploader: a class per file, or a box per row."""

from __future__ import annotations

from pathlib import Path

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import ClassLabel, Dataset, Sample, shown
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import LISTED, number, place_images
from ei_compat.formats._csv import csv_files, rows_of, write_table
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._merge import Boxes, Classes, SetsOf
from ei_compat.formats._tree import Tree

CLASS_HEADER = ("file_name", "class_name")
BOX_HEADER = ("file_name", "classes", "xmin", "ymin", "xmax", "ymax")
TABLE = "labels.csv"
SEPARATOR = ";"  # between several classes of one box


def recognise_classes(tree: Tree) -> bool:
    """Whether a CSV file names the columns of the class form."""
    return bool(csv_files(tree, CLASS_HEADER))


def recognise_boxes(tree: Tree) -> bool:
    """Whether a CSV file names the columns of the box form."""
    return bool(csv_files(tree, BOX_HEADER))


def read_classes(tree: Tree) -> Dataset:
    """Reads the class form; an empty class, or a picture that is not listed, is unlabelled.

    Raises:
        FormatError: naming the row at fault.
        DataError: when a picture is missing, or listed twice in one file with different classes.
    """
    root, images, labels, sets = tree.root, Images(tree), Classes(), SetsOf()
    label_files = csv_files(tree, CLASS_HEADER)
    for relative in label_files:
        for where, (name, label) in rows_of(root / relative, CLASS_HEADER, tree.limits):
            image = images.named(name, near=relative.rpartition("/")[0], where=where)
            sets.add(image, relative)
            labels.add(image, label, relative, where=where)
    remarks = (*labels.remarks(), *sets.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(labels.of), remarks=remarks)
    samples = images.classed(labels.of, sets.of)
    return Dataset.of(samples, format=CLASSES.name, root=root, reading=reading)


def read_boxes(tree: Tree) -> Dataset:
    """Reads the box form; several classes of one box, separated by semicolons, become several boxes.

    Raises:
        FormatError: naming the row at fault.
        DataError: when a picture is missing.
    """
    root, images, listed, sets = tree.root, Images(tree), Boxes(), SetsOf()
    label_files = csv_files(tree, BOX_HEADER)
    for relative in label_files:
        for where, (name, classes, *ends) in rows_of(root / relative, BOX_HEADER, tree.limits):
            image = images.named(name, near=relative.rpartition("/")[0], where=where)
            sets.add(image, relative)
            found = listed.listed(image, relative)
            corners = tuple(number(end, where=where) for end in ends)
            for label in map(str.strip, classes.split(SEPARATOR)):
                if not label:
                    raise FormatError("has a box without a class", where=where)
                found += images.corners(image, label, corners, where=where)
    remarks = (*listed.settle(), *sets.remarks(), *images.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(listed.of), remarks=remarks)
    return Dataset.of(images.samples(listed.of, sets.of), format=BOXES.name, root=root, reading=reading)


def write_classes(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes the class form, with the pictures in a folder per category."""
    rows: list[tuple[object, ...]] = [CLASS_HEADER]
    for sample, relative in place_images(dataset, target, options, progress):
        name = relative.rpartition("/")[2]
        rows.append((name, _cell(sample, sample.label.label) if isinstance(sample.label, ClassLabel) else ""))
    write_table(target / TABLE, rows)
    return ()


def write_boxes(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes the box form, with the pictures in a folder per category."""
    rows: list[tuple[object, ...]] = [BOX_HEADER]
    for sample, relative in place_images(dataset, target, options, progress):
        for box in sample.boxes or ():
            ends = box.x, box.y, box.x + box.width, box.y + box.height
            rows.append((relative.rpartition("/")[2], _cell(sample, box.label), *map(shown, ends)))
    write_table(target / TABLE, rows)
    return ()


def _cell(sample: Sample, label: str) -> str:
    if label != label.strip() or not label or SEPARATOR in label or "\n" in label or "\r" in label:
        raise DataError(f"label {label!r} cannot be stored in plain CSV", where=sample.id)
    return label


CLASSES = Format(
    name="csv",
    looks_for=f"a CSV file with the columns {', '.join(CLASS_HEADER)}",
    carries=frozenset({Carries.CLASS, Carries.UNLABELLED, Carries.CATEGORIES, Carries.IMAGES, Carries.NAMES}),
    recognise=recognise_classes,
    read=read_classes,
    write=write_classes,
)
BOXES = Format(
    name="csv-boxes",
    looks_for=f"a CSV file with the columns {', '.join(BOX_HEADER)}",
    carries=LISTED,
    recognise=recognise_boxes,
    read=read_boxes,
    write=write_boxes,
)
