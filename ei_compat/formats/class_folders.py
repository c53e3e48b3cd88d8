"""Class folders: `<label>/…`, optionally below `train`, `validation` and `test`."""

from __future__ import annotations

import functools
from pathlib import Path

from ei_compat.core.errors import DataError
from ei_compat.core.files import LONGEST_NAME
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import ClassLabel, Dataset, FilePayload, Sample
from ei_compat.dataset.reading import Reading
from ei_compat.formats._class_layout import FOLDERS, layout_of
from ei_compat.formats._folder_names import is_container, set_named
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._layout import Layout, stem_of
from ei_compat.formats._tree import Tree, stem_of_path


def recognise(tree: Tree) -> bool:
    """Whether the folders below hold samples, or category folders hold folders that do."""
    return tree.only is None and bool(layout_of(tree).classes)


def read(tree: Tree) -> Dataset:
    """Reads class folders; ids are relative paths, a class is its folder's name, samples may lie deeper in it.

    Raises:
        FormatError: when the folders look like something else; see `layout_of`.
    """
    layout, samples = layout_of(tree), []
    for each in layout.classes:
        label = ClassLabel(each.label)
        for relative in tree.samples_below(each.folder):
            payload = FilePayload(str(tree.root), relative)
            samples.append(Sample(relative, stem_of_path(relative), each.category, label, payload))
    return Dataset.of(samples, format=FORMAT.name, root=tree.root, reading=Reading(remarks=layout.remarks))


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes class folders; below category folders where any sample has a category.

    Raises:
        DataError: when a sample has no class label, a label cannot be a folder, or only some have a category.
    """
    layout = Layout(target, options, progress)
    with_category = sum(sample.category is not None for sample in dataset.samples)
    if with_category not in {0, len(dataset)}:
        raise DataError("only some samples have a category", fix="give every sample one or none")
    with progress.task("write", len(dataset), "files") as task:
        for sample in dataset.samples:
            folder = folder_of_class(sample)
            layout.place(sample, folder if sample.category is None else f"{sample.category}/{folder}", stem_of(sample))
            task.advance()
    return ()


def folder_of_class(sample: Sample, ending: str = "") -> str:
    """The sample's class as a folder's name, with `ending` after it.

    Raises:
        DataError: when it has none, or one that cannot be a folder.
    """
    if not isinstance(sample.label, ClassLabel):
        raise DataError("has no class label, which folders are named after", where=sample.id)
    label = sample.label.label
    if (fault := _fault_of(label, ending)) is not None:
        raise DataError(fault, where=sample.id, fix="rename the class")
    return label + ending


@functools.lru_cache(maxsize=4096)
def _fault_of(label: str, ending: str) -> str | None:
    """Why no folder can be named after a label; None where one can."""
    if len(f"{label}{ending}".encode()) > LONGEST_NAME:
        return f"label {label!r} has {len(label.encode())} bytes, a folder's name {LONGEST_NAME} at most"
    odd = label != label.strip() or label.startswith(".") or not label or not set("/\\:\0\n\r").isdisjoint(label)
    if odd or set_named(label) is not None or is_container(label):
        return f"label {label!r} cannot be a folder's name"
    return None


FORMAT = Format(
    name=FOLDERS,
    looks_for="folders named after classes, or train/, validation/ and test/ holding such folders",
    carries=frozenset({Carries.CLASS, Carries.CATEGORIES, Carries.IMAGES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
