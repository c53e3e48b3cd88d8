"""OpenMV's layout: one folder `<label>.class` per class."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ei_compat.dataset import ClassLabel, Dataset, FilePayload, Sample
from ei_compat.datasets._folders import Layout, folders_of, stem_of, walk
from ei_compat.datasets._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.datasets.class_folders import folder_of_class
from ei_compat.files import Inside
from ei_compat.limits import DEFAULT_LIMITS, Limits
from ei_compat.progress import SILENT, Progress

ENDING = ".class"


def recognise(path: Path) -> bool:
    """Whether any folder below ends in `.class`."""
    return any(name.endswith(ENDING) for name in folders_of(path))


def read(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Dataset:
    """Reads `<label>.class` folders; other folders and loose files are left alone."""
    inside, samples = Inside(path), []
    for folder in folders_of(path):
        if folder.endswith(ENDING) and folder != ENDING:
            label = ClassLabel(folder.removesuffix(ENDING))
            for relative in walk(path, folder, limits, inside):
                payload = FilePayload(str(path), relative)
                samples.append(Sample(relative, PurePosixPath(relative).stem, None, label, payload))
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
    carries=frozenset({Carries.CLASS, Carries.PICTURES, Carries.SIGNALS, Carries.NAMES}),
    recognise=recognise,
    read=read,
    write=write,
)
