"""The account of a folder: which of its files became samples, were used as labels, are harmless, or were not read."""

from __future__ import annotations

from dataclasses import replace

from ei_compat.dataset import PICTURE_SUFFIXES, Dataset, FilePayload
from ei_compat.datasets._harmless import is_document
from ei_compat.datasets._tree import SAMPLE_SUFFIXES, Tree, suffix_of
from ei_compat.reading import Kind, NotRead

LABEL_SUFFIXES = frozenset({".labels", ".names", ".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".xml", ".yaml", ".yml"})


def accounted(dataset: Dataset, tree: Tree) -> Dataset:
    """The dataset with every file of the folder in its account.

    Args:
        dataset: as a reader gave it; its `reading` names the label files that were used.
        tree: the whole folder, as it was listed for the reader.
    """
    used = {sample.payload.relative for sample in dataset.samples if isinstance(sample.payload, FilePayload)}
    used.update(dataset.reading.label_files)
    harmless, not_read = tree.system, []
    for path in tree.files:
        if path in used:
            continue
        if is_document(path.rpartition("/")[2]):
            harmless += 1
        else:
            not_read.append(NotRead(_printable(path), _kind(path)))
    not_read += [NotRead(_printable(path), Kind.OTHER) for path in tree.barred()]
    files = len(tree.files) + tree.system + len(list(tree.barred()))
    return replace(dataset, reading=replace(dataset.reading, files=files, harmless=harmless, not_read=tuple(not_read)))


def _kind(path: str) -> Kind:
    suffix = suffix_of(path)
    if suffix in PICTURE_SUFFIXES:
        return Kind.PICTURE
    if suffix in LABEL_SUFFIXES:
        return Kind.LABELS
    return Kind.SIGNAL if suffix in SAMPLE_SUFFIXES else Kind.OTHER


def _printable(path: str) -> str:
    """A path with what is not UTF-8 in it replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
