"""Labels in file names: `label.rest.ext`, in one folder or in `training/` and `testing/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.files import safe_file_name
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Category, ClassLabel, Dataset, FilePayload, Sample
from ei_compat.formats._folder_names import may_be_container
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._harmless import is_document
from ei_compat.formats._layout import Layout, file_label, stem_of
from ei_compat.formats._tree import Tree, suffix_of

_EXPORTED = re.compile(r"\.rf\.[0-9a-f]{16,}\.", re.IGNORECASE)
_GIVEN = re.compile(
    r"(img|image|dsc[a-z]?|pxl|mvi|vid|gopr|gp|dji|cam|pict?|picture|photo|foto|scan|frame|capture|snapshot|untitled|video|"
    r"whats ?app.*|screen ?shot.*|bildschirmfoto.*|signal-.*|fb_img|received|burst.*|p)?[\W_]*[\d\W_]{3,}$|"
    r"[0-9a-f]{12,}$|[0-9a-f]{8}-[0-9a-f]{4}-.*|(img|vid|pxl|image|photo|screen ?shot|whats ?app)[\W_].*\d{4}.*",
    re.IGNORECASE,
)
TEXT = ".txt"
MOST_NUMBERED = 4  # files of a label, from which on a number in it may well be part of its name
LONGEST_LABEL = 200  # bytes of a label in a file's name, so that something is left for the sample's


def recognise(tree: Tree) -> bool:
    """Whether a sample file directly in the folder, or in a set's folder, is named `label.rest.ext`."""
    if tree.only is not None or (tree.prefix and not may_be_container(tree.prefix.rpartition("/")[2])):
        return False
    return any(file_label(name) is not None for _, name, _ in _files(tree))


def _files(tree: Tree) -> Iterator[tuple[str, str, Category | None]]:
    """(folder, file name, category) of every sample file, and of every text that is one too.

    A text is a sample where its label is one that other files have, or there are only texts; not where a file of the
    same name lies beside it, which it may describe. A folder where no name holds a label is left alone.
    """
    folders: dict[str, Category | None] = {"": None, **tree.sets()}
    labels = {file_label(name) for folder in folders for name in tree.samples_in(folder)}
    for folder, category in folders.items():
        names = tree.samples_in(folder)
        stems = {name.rpartition(".")[0] for name in names}
        for name in tree.names(folder):
            if suffix_of(name) == TEXT and name.rpartition(".")[0] not in stems and not is_document(name):
                label = file_label(name)
                names += [name] if label is not None and (label in labels or not labels) else []
        if any(file_label(name) is not None for name in names):
            yield from ((folder, name, category) for name in sorted(names))


def read(tree: Tree) -> Dataset:
    """Reads the folder; ids are relative paths.

    Raises:
        FormatError: for a file whose name holds no label, or names that were not meant to hold any.
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
    if not tree.sure:
        _refuse_other_names(path, samples, labels)
    return Dataset.of(samples, format=FORMAT.name, root=path)


def _refuse_other_names(root: Path, samples: Sequence[Sample], labels: Iterable[str]) -> None:
    """Names that cameras, screens, phones and exporters give hold no labels, nor do names that are all different."""
    found = list(labels)
    given = sum(_GIVEN.match(label) is not None for label in found)
    first = next((sample.id for sample in samples if _EXPORTED.search(sample.id)), None)
    if first is not None:
        sign = f"{first!r} has its name from an export"
    elif 2 * given >= len(found):
        sign = f"{found[0]!r} is what a camera or a program calls a file"
    elif len(found) > 2 and 3 * len(found) > 2 * len(samples):
        sign = f"there are nearly as many of them, {len(found)}, as files, {len(samples)}"
    elif (numbered := _numbered(found)) is not None and len(samples) < MOST_NUMBERED * len(found):
        sign = f"they differ in numbers, {numbered[0]!r} and {numbered[1]!r}"
    elif len(found) == 1 and any(isinstance(s.payload, FilePayload) and s.payload.is_image for s in samples):
        sign = f"there is a single one, {found[0]!r}"
    else:
        return
    fix = f"put each class into a folder of its own, or say that names are label.rest.ext with `--from {FORMAT.name}`"
    raise FormatError(f"file names hold no labels: {sign}", where=root, fix=fix)


def _numbered(labels: Sequence[str]) -> tuple[str, str] | None:
    """Two labels that are one word with a number each, where most of them are such: pictures are numbered so."""
    words: dict[str, list[str]] = {}
    for label in labels:
        word = label.rstrip("0123456789")
        words.setdefault(word if any(map(str.isalpha, word)) else label, []).append(label)
    first = next((each for each in words.values() if len(each) > 1), None)
    return (first[0], first[1]) if first is not None and len(labels) >= 2 * len(words) and len(labels) > 3 else None


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
    carries=frozenset({Carries.CLASS, Carries.CATEGORIES, Carries.IMAGES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
