"""Remo's JSON: a list of pictures with their classes, or with classes and boxes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.core.errors import FormatError
from ei_compat.core.files import write_file
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import read_json, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Box, ClassLabel, Dataset, Sample, shown
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import CARRIES, place_images, size_of
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._merge import Boxes, Classes, SetsOf
from ei_compat.formats._tree import Tree

CLASS_TASK, BOX_TASK = "Image classification", "Object detection"
FILE = "remo.json"
COMMON = b'"file_name"', b'"task"'


@dataclass(frozen=True, slots=True)
class _Corners:
    xmin: float
    ymin: float
    xmax: float
    ymax: float


@dataclass(frozen=True, slots=True)
class _Annotation:
    classes: list[str]
    bbox: _Corners


@dataclass(frozen=True, slots=True)
class _BoxItem:
    file_name: str
    annotations: list[_Annotation]
    width: object = None
    height: object = None


@dataclass(frozen=True, slots=True)
class _ClassItem:
    file_name: str
    classes: list[str]


def _files(tree: Tree, task: str) -> list[str]:
    return tree.holding(".json", (*COMMON, json.dumps(task).encode()))


def recognise_classes(tree: Tree) -> bool:
    """Whether a JSON file is of Remo's classification task."""
    return bool(_files(tree, CLASS_TASK))


def recognise_boxes(tree: Tree) -> bool:
    """Whether a JSON file is of Remo's detection task."""
    return bool(_files(tree, BOX_TASK))


def read_classes(tree: Tree) -> Dataset:
    """Reads the classification form, which names one class per picture.

    Raises:
        FormatError: naming the item at fault.
        DataError: when a picture is missing, or listed twice in one file with different classes.
    """
    root, images, labels, sets = tree.root, Images(tree), Classes(), SetsOf()
    label_files = _files(tree, CLASS_TASK)
    for relative in label_files:
        where, near = str(root / relative), relative.rpartition("/")[0]
        for index, item in enumerate(typed(list[_ClassItem], read_json(root / relative, tree.limits), where=where)):
            place = f"{where}, [{index}]"
            if len(item.classes) > 1:
                raise FormatError(f"has {len(item.classes)} classes, not one", where=place)
            image = images.named(item.file_name, near=near, where=place)
            labels.add(image, item.classes[0] if item.classes else "", relative, where=place)
            sets.add(image, relative)
    remarks = (*labels.remarks(), *sets.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(labels.of), remarks=remarks)
    return Dataset.of(images.classed(labels.of, sets.of), format=CLASSES.name, root=root, reading=reading)


def read_boxes(tree: Tree) -> Dataset:
    """Reads the detection form; several classes of one box become several boxes.

    Raises:
        FormatError: naming the item at fault.
        DataError: when a picture is missing.
    """
    root, images, listed, sets = tree.root, Images(tree), Boxes(), SetsOf()
    label_files = _files(tree, BOX_TASK)
    for relative in label_files:
        where, near = str(root / relative), relative.rpartition("/")[0]
        for index, item in enumerate(typed(list[_BoxItem], read_json(root / relative, tree.limits), where=where)):
            place = f"{where}, [{index}]"
            image = images.named(item.file_name, near=near, where=place)
            sets.add(image, relative)
            found = listed.listed(image, relative, f"[{index}]")
            for number, annotation in enumerate(item.annotations):
                box = annotation.bbox
                if not annotation.classes:
                    raise FormatError("has no class", where=f"{place}, annotations[{number}]")
                for label in annotation.classes:
                    corners = box.xmin, box.ymin, box.xmax, box.ymax
                    found += images.corners(image, label, corners, where=place)
            images.compare_size(image, item.width, item.height)
    remarks = (*listed.settle(), *sets.remarks(), *images.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(listed.of), remarks=remarks)
    return Dataset.of(images.samples(listed.of, sets.of), format=BOXES.name, root=root, reading=reading)


def write_classes(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes the classification form, with the pictures in a folder per category."""
    items: list[dict[str, Any]] = []
    for sample, relative in place_images(dataset, target, options, progress):
        classes = [sample.label.label] if isinstance(sample.label, ClassLabel) else []
        items.append(_item(relative, sample, CLASS_TASK, options.limits) | {"classes": classes})
    write_file(target / FILE, json.dumps(items, ensure_ascii=False).encode())
    return ()


def write_boxes(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes the detection form, with the pictures in a folder per category."""
    items: list[dict[str, Any]] = []
    for sample, relative in place_images(dataset, target, options, progress):
        if sample.boxes is None:
            continue
        annotations = [_annotation(box) for box in sample.boxes]
        items.append(_item(relative, sample, BOX_TASK, options.limits) | {"annotations": annotations})
    write_file(target / FILE, json.dumps(items, ensure_ascii=False).encode())
    return ()


def _item(relative: str, sample: Sample, task: str, limits: Limits) -> dict[str, Any]:
    width, height = size_of(sample, limits)
    name = relative.rpartition("/")[2]
    return {"file_name": name, "height": height, "width": width, "tags": [], "task": task}


def _annotation(box: Box) -> dict[str, Any]:
    ends = {"xmin": box.x, "ymin": box.y, "xmax": box.x + box.width, "ymax": box.y + box.height}
    return {"classes": [box.label], "bbox": {name: shown(value) for name, value in ends.items()}}


CLASSES = Format(
    name="remo",
    looks_for="a JSON list of file_name and classes, task Image classification",
    carries=frozenset({Carries.CLASS, Carries.UNLABELLED, Carries.CATEGORIES, Carries.IMAGES, Carries.NAMES}),
    recognise=recognise_classes,
    read=read_classes,
    write=write_classes,
)
BOXES = Format(
    name="remo-boxes",
    looks_for="a JSON list of file_name and annotations, task Object detection",
    carries=CARRIES,
    recognise=recognise_boxes,
    read=read_boxes,
    write=write_boxes,
)
