"""Pascal VOC: one XML file per picture, beside it or in `Annotations/`, sets listed in `ImageSets/Main/`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import write_one_of_many
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import read_text
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Box, Category, Dataset, Sample, shown
from ei_compat.dataset.reading import Reading
from ei_compat.formats._box_formats import CARRIES, NO_CATEGORY, number, place_images, size_of
from ei_compat.formats._folder_names import CATEGORY_FOLDERS
from ei_compat.formats._format import DEFAULT_OPTIONS, Format, LeftOut, WriteOptions
from ei_compat.formats._images import Images
from ei_compat.formats._layout import name_without_extension
from ei_compat.formats._merge import Boxes, SetsOf
from ei_compat.formats._side_files import head_of
from ei_compat.formats._tree import Tree, join, suffix_of

ANNOTATIONS, IMAGES, LISTS = "Annotations", "JPEGImages", "ImageSets"
SETS = f"{LISTS}/Main"
UNDIVIDED = "trainval.txt"  # in it are training and validation, which other lists may tell apart
CORRECT = "correct <filename>, or remove it so that the file's own name counts"
_ROOT = re.compile(rb"<annotations?[\s>]")
_DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def recognise(tree: Tree) -> bool:
    """Whether there is an `.xml` file in `Annotations/`, or one anywhere that says what it is."""
    if tree.only is not None:
        return False
    files = [path for path in tree.files if suffix_of(path) == ".xml"]
    return any(path.startswith(f"{ANNOTATIONS}/") or _ROOT.search(head_of(tree.root / path)) for path in files)


def read(tree: Tree) -> Dataset:
    """Reads every annotation; pictures without one follow, unlabelled.

    Raises:
        FormatError: for XML that is damaged, declares entities, or has an impossible box.
        DataError: when a picture is missing.
    """
    path, images = tree.root, Images(tree)
    sets = _sets(tree)
    images.keep_folder(IMAGES)
    label_files = list(tree.below(LISTS, {".txt"}))
    listed = Boxes()
    categories: dict[str, Category | None] = {}
    for relative in tree.below("", {".xml"}):
        label_files.append(relative)
        where = str(path / relative)
        root = _parse(read_text(path / relative, tree.limits), where=where)
        image = _image(root, relative, images, where=where)
        found = listed.listed(image, relative)
        for item in root.iterfind("object"):
            found += _box(item, image, images, where=where)
        size = [_number_or_none(root.findtext(f"size/{side}")) for side in ("width", "height")]
        images.compare_size(image, *size)
        categories[image] = sets.of.get(_stem(relative))
    for image in images.paths:
        categories.setdefault(image, sets.of.get(_stem(image)))
    remarks = (*listed.settle(), *sets.remarks(), *images.remarks())
    reading = Reading(tuple(label_files), unlisted=images.without(listed.of), remarks=remarks)
    return Dataset.of(images.samples(listed.of, categories), format=FORMAT.name, root=path, reading=reading)


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


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _image(root: Element, relative: str, images: Images, *, where: str) -> str:
    """The picture of an annotation: the one that `<filename>` names, which must be the one that it lies beside.

    An XML file and its picture share a name. Where `<filename>` speaks of another, one of them was renamed, and the
    boxes could be of either.

    Raises:
        FormatError: when they are two pictures.
        DataError: when there is none.
    """
    folder, own = relative.rpartition("/")[0], _stem(relative)
    above = folder.rpartition("/")[0]
    near = join(above, IMAGES) if folder.rpartition("/")[2] == ANNOTATIONS else folder
    beside = images.beside(own, {folder, near, join(above, IMAGES), join(above, NO_CATEGORY)})
    name = (root.findtext("filename") or "").strip() or own
    if len(beside) == 1 and _stem(name.replace("\\", "/")) == own:
        return beside[0]  # stored anew with another extension, at most
    try:
        image = images.named(name, near=near, where=where)
    except DataError:
        if not beside:
            raise
        what = f"<filename> is {name!r}, which is not there, beside it lies {beside[0]!r}"
        raise FormatError(what, where=where, fix=CORRECT) from None
    if beside and image not in beside:
        what = f"<filename> is {name!r}, but {beside[0]!r} lies beside it"
        raise FormatError(what, where=where, fix=CORRECT)
    return image


def _box(item: Element, image: str, images: Images, *, where: str) -> list[Box]:
    label = (item.findtext("name") or "").strip()
    if not label:
        raise FormatError("has an object without a name", where=where)
    ends = tuple(number(item.findtext(f"bndbox/{end}") or "", where=f"{where}, {label}, {end}") for end in _ENDS)
    return images.corners(image, label, ends, where=f"{where}, {label}")


def _number_or_none(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


_ENDS = ("xmin", "ymin", "xmax", "ymax")


def _sets(tree: Tree) -> SetsOf:
    """The category of every picture's stem that a list in `ImageSets/Main` names."""
    found = SetsOf()
    for name in tree.names(SETS):
        category = CATEGORY_FOLDERS.get(name.removesuffix(".txt"))
        if category is not None:
            for stem in _listed_in(tree, name):
                found.put(stem, category, f"{SETS}/{name}")
    if UNDIVIDED in tree.names(SETS):
        for stem in _listed_in(tree, UNDIVIDED):
            found.of.setdefault(stem, Category.TRAINING)
    return found


def _listed_in(tree: Tree, name: str) -> Iterator[str]:
    """The first word of every line of a list."""
    for line in read_text(tree.root / SETS / name, tree.limits).splitlines():
        if words := line.split():
            yield words[0]


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes `<set>/<picture>` with its XML file beside it, unless nothing is known of its objects.

    Raises:
        FormatError: for a label that XML cannot hold.
    """
    for sample, relative in place_images(dataset, target, options, progress, unique=name_without_extension):
        if sample.boxes is not None:
            annotation = _annotation(sample, sample.boxes, relative, options.limits)
            write_one_of_many(f"{target}/{relative.rpartition('.')[0]}.xml", annotation.encode())
    return ()


def _annotation(sample: Sample, boxes: Iterable[Box], relative: str, limits: Limits) -> str:
    """The XML of one picture; a tree of elements costs ten times as much as its text."""
    folder, _, name = relative.rpartition("/")
    width, height = size_of(sample, limits)
    lines = [
        "<?xml version='1.0' encoding='utf-8'?>\n<annotation>",
        f"  <folder>{_escaped(folder)}</folder>",
        f"  <filename>{_escaped(name)}</filename>",
        f"  <size>\n    <width>{width}</width>\n    <height>{height}</height>\n    <depth>3</depth>\n  </size>",
    ]
    for box in boxes:
        if box.label != box.label.strip() or _ILLEGAL.search(box.label) or not box.label:
            raise FormatError(f"label {box.label!r} cannot be stored in XML", where=sample.id)
        values = box.x, box.y, box.x + box.width, box.y + box.height
        ends = [f"      <{end}>{shown(value)!r}</{end}>" for end, value in zip(_ENDS, values, strict=True)]
        lines += [
            f"  <object>\n    <name>{_escaped(box.label)}</name>\n    <bndbox>",
            *ends,
            "    </bndbox>\n  </object>",
        ]
    return "\n".join([*lines, "</annotation>"])


def _escaped(text: str) -> str:
    """Text between two tags; what the XML package has for it imports the whole of HTTP."""
    return html.escape(text, quote=False)


FORMAT = Format(
    name="voc",
    looks_for="XML files beside pictures or in Annotations/",
    carries=CARRIES,
    recognise=recognise,
    read=read,
    write=write,
)
