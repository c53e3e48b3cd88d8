"""Pascal VOC: one XML file per picture, beside it or in `Annotations/`, sets listed in `ImageSets/Main/`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ei_compat.dataset import Box, Category, Dataset, Sample
from ei_compat.datasets._boxes import (
    CARRIES,
    NO_CATEGORY,
    Listed,
    Pictures,
    category_of_path,
    corners,
    number,
    place_pictures,
    shown,
    size_of,
)
from ei_compat.datasets._folders import name_without_extension
from ei_compat.datasets._format import DEFAULT_OPTIONS, Format, LeftOut, WriteOptions
from ei_compat.datasets._sets import CATEGORY_FOLDERS
from ei_compat.datasets._tree import Tree, join
from ei_compat.errors import FormatError
from ei_compat.limits import Limits
from ei_compat.parsing import read_text
from ei_compat.progress import SILENT, Progress
from ei_compat.reading import Reading

ANNOTATIONS, PICTURES, SETS = "Annotations", "JPEGImages", "ImageSets/Main"
_FOLDERS = {ANNOTATIONS, PICTURES, NO_CATEGORY}
_DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def recognise(tree: Tree) -> bool:
    """Whether there is an `.xml` file at the top, in `Annotations/` or in a set's folder."""
    places = ["", *(name for name in tree.folders() if name in _FOLDERS or category_of_path(name))]
    return tree.only is None and any(name.lower().endswith(".xml") for place in places for name in tree.names(place))


def read(tree: Tree) -> Dataset:
    """Reads every annotation; pictures without one follow, unlabelled.

    Raises:
        FormatError: for XML that is damaged, declares entities, or has an impossible box.
        DataError: when a picture is missing.
    """
    path, pictures = tree.root, Pictures(tree)
    sets = _sets(tree, tree.limits)
    label_files = [join(SETS, name) for name in tree.names(SETS) if name.endswith(".txt")]
    listed = Listed()
    categories: dict[str, Category | None] = {}
    for relative in tree.below("", {".xml"}):
        label_files.append(relative)
        where = str(path / relative)
        root = _parse(read_text(path / relative, tree.limits), where=where)
        name = (root.findtext("filename") or "").strip() or Path(relative).stem
        near = relative.rpartition("/")[0]
        if near.endswith(ANNOTATIONS):
            near = near.removesuffix(ANNOTATIONS) + PICTURES
        picture = pictures.named(name, near=near, where=where)
        listed.of(picture, relative).extend(_box(item, where=where) for item in root.iterfind("object"))
        categories[picture] = sets.get(Path(relative).stem)
    for picture in pictures.paths:
        categories.setdefault(picture, sets.get(Path(picture).stem))
    remarks = listed.settle()
    reading = Reading(tuple(label_files), unlisted=pictures.without(listed.boxes), remarks=remarks)
    return Dataset.of(pictures.samples(listed.boxes, categories), format=FORMAT.name, root=path, reading=reading)


def _parse(text: str, *, where: str) -> Element:
    if match := _DECLARATION.search(text):
        raise FormatError(
            "declares a document type or entity, which is refused", where=f"{where}, byte {match.start()}"
        )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a DOCTYPE there is nothing to expand or to fetch
    except ElementTree.ParseError as error:
        line, column = error.position
        raise FormatError("is not XML", where=f"{where}, line {line} column {column}") from None
    except ValueError as error:
        raise FormatError(f"is not XML: {error}", where=where) from None
    if root.tag != "annotation":
        raise FormatError(f"root is <{root.tag[:40]}>, not <annotation>", where=where)
    return root


def _box(item: Element, *, where: str) -> Box:
    label = (item.findtext("name") or "").strip()
    if not label:
        raise FormatError("has an object without a name", where=where)
    ends = [number(item.findtext(f"bndbox/{end}") or "", where=f"{where}, {label}, {end}") for end in _ENDS]
    return corners(label, *ends, where=f"{where}, {label}")


_ENDS = ("xmin", "ymin", "xmax", "ymax")


def _sets(tree: Tree, limits: Limits) -> dict[str, Category]:
    """The category of every picture's stem that a list in `ImageSets/Main` names."""
    found: dict[str, Category] = {}
    for name in tree.names(SETS):
        category = CATEGORY_FOLDERS.get(name.removesuffix(".txt"))
        if category is not None:
            lines = read_text(tree.root / SETS / name, limits).splitlines()
            found.update((line.split()[0], category) for line in lines if line.strip())
    return found


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes `<set>/<picture>` with its XML file beside it, unless nothing is known of its objects.

    Raises:
        FormatError: for a label that XML cannot hold.
    """
    for sample, relative in place_pictures(dataset, target, options, progress, unique=name_without_extension):
        if sample.boxes is not None:
            annotation = _annotation(sample, sample.boxes, relative, options.limits)
            with open(f"{target}/{relative.rpartition('.')[0]}.xml", "wb") as stream:  # noqa: PTH123 - one of many
                stream.write(annotation)
    return ()


def _annotation(sample: Sample, boxes: Iterable[Box], relative: str, limits: Limits) -> bytes:
    folder, _, name = relative.rpartition("/")
    width, height = size_of(sample, limits)
    root = Element("annotation")
    SubElement(root, "folder").text = folder
    SubElement(root, "filename").text = name
    size = SubElement(root, "size")
    for tag, extent in (("width", width), ("height", height), ("depth", 3)):
        SubElement(size, tag).text = str(extent)
    for box in boxes:
        if box.label != box.label.strip() or _ILLEGAL.search(box.label) or not box.label:
            raise FormatError(f"label {box.label!r} cannot be stored in XML", where=sample.id)
        item = SubElement(root, "object")
        SubElement(item, "name").text = box.label
        place = SubElement(item, "bndbox")
        for end, value in zip(_ENDS, (box.x, box.y, box.x + box.width, box.y + box.height), strict=True):
            SubElement(place, end).text = repr(shown(value))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


FORMAT = Format(
    name="voc",
    looks_for="XML files beside pictures or in Annotations/",
    carries=CARRIES,
    recognise=recognise,
    read=read,
    write=write,
)
