"""COCO: a JSON file with `images`, `annotations` and `categories`. Segmentations are not read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.core.errors import FormatError
from ei_compat.core.files import write_file
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import read_json, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Box, Dataset, Sample, shown
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import CARRIES, place_images, size_of
from ei_compat.formats._format import DEFAULT_OPTIONS, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._merge import Boxes, SetsOf
from ei_compat.formats._tree import Tree

KEYS = (b'"images"', b'"annotations"', b'"categories"')
ANNOTATIONS = "annotations.coco.json"


@dataclass(frozen=True, slots=True)
class _Image:
    id: int | str
    file_name: str
    width: object = None
    height: object = None


@dataclass(frozen=True, slots=True)
class _Class:
    id: int | str
    name: str


@dataclass(frozen=True, slots=True)
class _Annotation:
    image_id: int | str
    category_id: int | str
    bbox: tuple[float, float, float, float] | list[tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class _Document:
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Class]


def recognise(tree: Tree) -> bool:
    """Whether a JSON file at the top, in `annotations/` or in a set's folder has COCO's three lists."""
    return bool(tree.holding(".json", KEYS))


def read(tree: Tree) -> Dataset:
    """Reads every COCO file of the folder; pictures that none lists follow, unlabelled.

    Raises:
        FormatError: naming the annotation at fault.
        DataError: when a picture is missing.
    """
    root, images, names = tree.root, Images(tree), set[str]()
    label_files = tree.holding(".json", KEYS)
    listed = Boxes()
    sets = SetsOf()
    for relative in label_files:
        where = str(root / relative)
        document = typed(_Document, read_json(root / relative, tree.limits), where=where)
        name_of = _by_id(((kind.id, kind.name) for kind in document.categories), "categories", "category", where=where)
        names.update(name_of.values())
        near = relative.rpartition("/")[0]
        found = (
            (entry.id, images.named(entry.file_name, near=near, where=f"{where}, images[{index}]"))
            for index, entry in enumerate(document.images)
        )
        path_of = _by_id(found, "images", "image", where=where)
        boxes = _boxes(document, path_of, name_of, images, where=where)
        for entry in document.images:
            images.compare_size(path_of[str(entry.id)], entry.width, entry.height)
        for identity, image in path_of.items():
            listed.listed(image, relative, f"image {identity}").extend(boxes.get(identity, ()))
            sets.add(image, relative)
    remarks = (*listed.settle(), *sets.remarks(), *images.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(listed.of), remarks=remarks)
    samples = images.samples(listed.of, sets.of)
    return Dataset.of(samples, format=FORMAT.name, root=root, declared=names, reading=reading)


def _by_id(entries: Iterable[tuple[int | str, str]], member: str, what: str, *, where: str) -> dict[str, str]:
    """Names by number, which JSON may hold as text too.

    Args:
        entries: number and name.
        member: of the document that holds them.
        what: one of them is called.
        where: names the document.

    Raises:
        FormatError: when one number has two names.
    """
    found: dict[str, str] = {}
    for index, (identity, name) in enumerate(entries):
        if (first := found.setdefault(str(identity), name)) != name:
            fix = "give each its own number"
            raise FormatError(f"{what} {identity!r} is {first!r} too", where=f"{where}, {member}[{index}]", fix=fix)
    return found


def _boxes(
    document: _Document, path_of: dict[str, str], name_of: dict[str, str], images: Images, *, where: str
) -> dict[str, list[Box]]:
    """The boxes of every image's number."""
    found: dict[str, list[Box]] = {}
    for index, item in enumerate(document.annotations):
        place = f"{where}, annotations[{index}]"
        image, kind = str(item.image_id), str(item.category_id)
        if image not in path_of:
            raise FormatError(f"image {item.image_id!r} is not listed", where=place)
        if kind not in name_of:
            raise FormatError(f"category {item.category_id!r} is not listed", where=place)
        sides = [item.bbox] if isinstance(item.bbox, tuple) else item.bbox
        if not sides:
            raise FormatError("has no box", where=place, fix="give it a bbox or remove it")
        for x, y, width, height in sides:
            box = images.pixels(path_of[image], name_of[kind], (x, y), (width, height), where=place)
            found.setdefault(image, []).extend(box)
    return found


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes a folder of pictures with a COCO file in it for every category, which lists those that were looked at."""
    by_folder: dict[str, list[tuple[Sample, str]]] = {}
    for sample, relative in place_images(dataset, target, options, progress):
        folder, _, name = relative.rpartition("/")
        listed = by_folder.setdefault(folder, [])
        if sample.boxes is not None:
            listed.append((sample, name))
    for folder, placed in by_folder.items():
        document = json.dumps(_document(dataset.labels, placed, options.limits), ensure_ascii=False)
        write_file(target / folder / ANNOTATIONS, document.encode())
    return ()


def _document(labels: tuple[str, ...], placed: list[tuple[Sample, str]], limits: Limits) -> dict[str, Any]:
    class_of = {label: number for number, label in enumerate(labels, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for identity, (sample, name) in enumerate(placed, start=1):
        width, height = size_of(sample, limits)
        images.append({"id": identity, "file_name": name, "width": width, "height": height})
        for item in sample.boxes or ():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": identity,
                    "category_id": class_of[item.label],
                    "bbox": [shown(value) for value in (item.x, item.y, item.width, item.height)],
                    "area": shown(item.width * item.height),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": label, "supercategory": "none"} for label, number in class_of.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


FORMAT = Format(
    name="coco",
    looks_for="a JSON file with images, annotations and categories",
    carries=CARRIES,
    recognise=recognise,
    read=read,
    write=write,
)
