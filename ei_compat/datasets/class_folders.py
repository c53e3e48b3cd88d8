"""Class folders: `<label>/…`, optionally below `train`, `validation` and `test`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ei_compat.dataset import Category, ClassLabel, Dataset, FilePayload, Sample
from ei_compat.datasets._folders import Layout, stem_of
from ei_compat.datasets._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.datasets._sets import CATEGORY_FOLDERS
from ei_compat.datasets._tree import Tree
from ei_compat.errors import DataError, FormatError
from ei_compat.files import LONGEST_NAME
from ei_compat.progress import SILENT, Progress


def recognise(tree: Tree) -> bool:
    """Whether the folders below hold samples, or category folders hold folders that do."""
    return tree.only is None and next(_classes(tree), None) is not None


def _classes(tree: Tree) -> Iterator[tuple[str, str, Category | None]]:
    """(label, folder, category) of every class folder that holds a sample at any depth.

    Raises:
        FormatError: when folders of sets stand beside folders of classes.
    """

    def filled(prefix: str) -> list[str]:
        names = tree.folders(prefix.rstrip("/"))
        return [name for name in names if next(tree.samples_below(prefix + name), None) is not None]

    top = filled("")
    sets = {name: filled(f"{name}/") for name in top if name.lower() in CATEGORY_FOLDERS}
    holding_classes = [name for name in sets if sets[name]]
    if holding_classes and len(sets) < len(top):
        other = next(name for name in top if name not in sets)
        what = f"holds both a set, {holding_classes[0]!r}, and a class, {other!r}"
        raise FormatError(what, where=tree.root, fix="move one of them elsewhere")
    if len(sets) < len(top):  # a class may well be called `train`
        yield from ((name, name, None) for name in top)
    for name in holding_classes:
        yield from ((label, f"{name}/{label}", CATEGORY_FOLDERS[name.lower()]) for label in sets[name])


def read(tree: Tree) -> Dataset:
    """Reads class folders; ids are relative paths, a class is its folder's name, samples may lie deeper in it."""
    path, samples = tree.root, []
    for name, folder, category in _classes(tree):
        label = ClassLabel(name)
        for relative in tree.samples_below(folder):
            payload = FilePayload(str(path), relative)
            samples.append(Sample(relative, PurePosixPath(relative).stem, category, label, payload))
    return Dataset.of(samples, format=FORMAT.name, root=path)


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
    odd = label != label.strip() or label.startswith(".") or not label
    if len(f"{label}{ending}".encode()) > LONGEST_NAME:
        what = f"label {label!r} has {len(label.encode())} bytes, a folder's name {LONGEST_NAME} at most"
        raise DataError(what, where=sample.id, fix="rename the class")
    if odd or any(character in label for character in "/\\:\0\n\r") or label.lower() in CATEGORY_FOLDERS:
        raise DataError(f"label {label!r} cannot be a folder's name", where=sample.id, fix="rename the class")
    return label + ending


FORMAT = Format(
    name="folders",
    looks_for="folders named after classes, or train/, validation/ and test/ holding such folders",
    carries=frozenset({Carries.CLASS, Carries.CATEGORIES, Carries.PICTURES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
