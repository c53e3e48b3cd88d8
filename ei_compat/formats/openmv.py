"""OpenMV's layout: one folder `<label>.class` per class."""

from __future__ import annotations

from pathlib import Path

from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import ClassLabel, Dataset, FilePayload, Sample
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._layout import Layout, stem_of
from ei_compat.formats._tree import Tree, stem_of_path
from ei_compat.formats.class_folders import folder_of_class

ENDING = ".class"


def recognise(tree: Tree) -> bool:
    """Whether any folder below ends in `.class`."""
    return tree.only is None and any(name.endswith(ENDING) for name in tree.folders())


def read(tree: Tree) -> Dataset:
    """Reads `<label>.class` folders; other folders and loose files are left alone."""
    path, samples = tree.root, []
    for folder in tree.folders():
        if folder.endswith(ENDING) and folder != ENDING:
            label = ClassLabel(folder.removesuffix(ENDING))
            for relative in tree.samples_below(folder):
                payload = FilePayload(str(path), relative)
                samples.append(Sample(relative, stem_of_path(relative), None, label, payload))
    return Dataset.of(samples, format=FORMAT.name, root=path)


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes `<label>.class` folders.

    Raises:
        DataError: when a sample has no class label, or one that cannot be a folder.
    """
    layout = Layout(target, options, progress)
    with progress.task("write", len(dataset), "files") as task:
        for sample in dataset.samples:
            layout.place(sample, folder_of_class(sample, ENDING), stem_of(sample))
            task.advance()
    return ()


FORMAT = Format(
    name="openmv",
    looks_for="folders named <label>.class",
    carries=frozenset({Carries.CLASS, Carries.IMAGES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
