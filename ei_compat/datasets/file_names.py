"""Labels in file names: `label.rest.ext`, in one folder or in `training/` and `testing/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ei_compat.dataset import Category, ClassLabel, Dataset, FilePayload, Sample
from ei_compat.datasets._folders import Layout, file_label, stem_of
from ei_compat.datasets._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.datasets._tree import Tree
from ei_compat.errors import DataError, FormatError, LimitError
from ei_compat.files import safe_file_name
from ei_compat.progress import SILENT, Progress

LONGEST_LABEL = 200  # bytes of a label in a file's name, so that something is left for the sample's


def recognise(tree: Tree) -> bool:
    """Whether a sample file directly in the folder, or in a category folder, is named `label.rest.ext`."""
    return tree.only is None and any(file_label(name) is not None for _, name, _ in _files(tree))


def _files(tree: Tree) -> Iterator[tuple[str, str, Category | None]]:
    """(folder, file name, category) of every sample file."""
    for folder, category in [("", None), *tree.sets().items()]:
        for name in tree.samples_in(folder):
            yield folder, name, category


def read(tree: Tree) -> Dataset:
    """Reads the folder; ids are relative paths.

    Raises:
        FormatError: for a file whose name holds no label.
    """
    path, labels = tree.root, dict[str, ClassLabel]()
    samples: list[Sample] = []
    for folder, name, category in _files(tree):
        if len(samples) >= tree.limits.samples:
            raise LimitError(f"more than {tree.limits.samples:,} files", where=path, fix="raise Limits.samples")
        relative = tree.inside.file(f"{folder}/{name}" if folder else name, where=str(path))
        label = file_label(name)
        if label is None:
            raise FormatError("has no label in its name", where=path / relative, fix="name it label.rest.ext")
        rest = name[name.index(".") + 1 : name.rindex(".")]
        payload = FilePayload(str(path), relative)
        samples.append(Sample(relative, rest, category, labels.setdefault(label, ClassLabel(label)), payload))
    return Dataset.of(samples, format=FORMAT.name, root=path)


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes `label.name.ext` files, in category folders where the samples have categories.

    Raises:
        DataError: when a sample has no class label or one that a file name cannot hold, or only some have a category.
    """
    layout = Layout(target, options, progress)
    with_category = sum(sample.category is not None for sample in dataset.samples)
    if with_category not in {0, len(dataset)}:
        raise DataError("only some samples have a category", fix="give every sample one or none")
    with progress.task("write", len(dataset), "files") as task:
        for sample in dataset.samples:
            layout.place(sample, sample.category or "", f"{label_for_name(sample)}.{stem_of(sample)}")
            task.advance()
    return ()


def label_for_name(sample: Sample) -> str:
    """The sample's class, which a file name must hold unchanged before its first dot.

    Raises:
        DataError: when it has none, or one with a dot or another character that a name cannot hold.
    """
    if not isinstance(sample.label, ClassLabel):
        raise DataError("has no class label, which the file is named after", where=sample.id)
    label = sample.label.label
    if "." in label or safe_file_name(label, most=LONGEST_LABEL) != label:
        raise DataError(f"label {label!r} cannot be in a file's name", where=sample.id, fix="use an info.labels export")
    return label


FORMAT = Format(
    name="file-names",
    looks_for="files named label.rest.ext, here or in training/ and testing/",
    carries=frozenset({Carries.CLASS, Carries.CATEGORIES, Carries.PICTURES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
