"""Every dataset format, one module each, and the way in: `open_dataset`.

::

    ei_export      Edge Impulse's own export: `info.labels`
    arrays         the arrays that Edge Impulse hands to a training block
    sidecars       Edge Impulse's label files beside the files that they describe
    open_images    Open Images: CSV with boxes as shares
    plain_csv      CSV with a class per file or a box per row
    remo           Remo's JSON
    coco           COCO's JSON
    yolo           a text file per picture
    voc            Pascal VOC: an XML file per picture
    openmv         a folder `<label>.class` per class
    class_folders  a folder per class
    file_names     labels in file names
    conversion     from any of them to any other, saying what is lost

Formats know nothing of each other; a conversion goes through the neutral `ei_compat.dataset.dataset.Dataset`.
"""

from __future__ import annotations

import os
from pathlib import Path

from ei_compat.core.errors import DataError, FormatError, UsageError
from ei_compat.core.files import new_folder
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Dataset
from ei_compat.dataset.reading import Reading
from ei_compat.formats import (
    arrays,
    class_folders,
    coco,
    ei_export,
    file_names,
    open_images,
    openmv,
    plain_csv,
    remo,
    sidecars,
    voc,
    yolo,
)
from ei_compat.formats._account import GUESSED, account_of, accounted, refuse_unread_labels
from ei_compat.formats._format import DEFAULT_OPTIONS, LABELS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._mistakes import likely_mistake
from ei_compat.formats._tree import Tree

__all__ = ["FORMATS", "LABELS", "Carries", "Format", "WriteOptions", "format_named", "open_dataset", "write_dataset"]

# In the order in which they are tried: a file that names the format comes before a mere layout of folders.
FORMATS: tuple[Format, ...] = (
    ei_export.FORMAT,
    arrays.FORMAT,
    sidecars.FORMAT,
    open_images.FORMAT,
    plain_csv.BOXES,
    plain_csv.CLASSES,
    remo.BOXES,
    remo.CLASSES,
    coco.FORMAT,
    yolo.FORMAT,
    voc.FORMAT,
    openmv.FORMAT,
    class_folders.FORMAT,
    file_names.FORMAT,
)


def open_dataset(
    path: str | os.PathLike[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    format: str | None = None,  # noqa: A002 - the name of the dataset's own attribute
) -> Dataset:
    """Reads a dataset in whatever format it is; the format's name and the account of the folder are kept in it.

    Args:
        path: a folder, or a file that describes one, such as `info.labels`.
        limits: how much is read at most.
        format: the name of the format where the user knows it; nothing is then guessed or refused for its looks.

    Raises:
        DataError: when there is no such path, or it is an empty folder, or it holds no sample.
        FormatError: when no format fits; the message names the likely mistake. Also when the layout looks like
            something else than what it would be read as, or a label file in the folder was not read.
        UsageError: when there is no such format.
    """
    place = Path(path)
    if not place.exists():
        raise DataError("no such file or folder", where=place, fix="check the path")
    if place.is_dir() and next(place.iterdir(), None) is None:
        raise DataError("the folder is empty", where=place, fix="put the data there")
    chosen = None if format is None else format_named(format)
    tree = Tree(place, limits, sure=chosen is not None)
    found = _read(tree) if chosen is None else _read_as(chosen, tree)
    if found is not None:
        dataset, where = found
        if not dataset.samples:
            raise DataError(f"holds no sample (read as {dataset.format})", where=place)
        return accounted(dataset, tree, where)
    what, fix = likely_mistake(tree)
    raise FormatError(what, where=place, fix=fix)


def _read_as(kind: Format, tree: Tree) -> tuple[Dataset, Tree]:
    """What a folder holds in a format that the user named; a mere wrapper is entered here too."""
    place = tree
    while place.is_wrapper() and (deeper := place.inner()) is not None and deeper.filled(""):
        place = deeper
    return kind.read(place), place


def _read(tree: Tree) -> tuple[Dataset, Tree] | None:
    """What a folder holds, and the folder that it was read from: the same, or the single one in it with samples.

    What a file says of itself is believed first, wherever it lies. The names of folders and files come last.
    """
    places, first = [tree], 0
    while (deeper := places[-1].inner()) is not None:
        first += first == len(places) - 1 and places[-1].is_wrapper()
        places.append(deeper)
    guesses = [candidate for candidate in FORMATS if candidate.name in GUESSED]
    for place in [*places[first:], *places[:first]]:  # a mere wrapper has nothing to say
        for candidate in FORMATS:
            if candidate not in guesses and candidate.recognise(place):
                return candidate.read(place), place
    try:
        for place in reversed(places):
            flat = [
                name for name in place.sets() if place.has_samples(name)
            ]  # sets of files: their names may be labels
            for candidate in reversed(guesses) if flat else guesses:
                if candidate.recognise(place):
                    return candidate.read(place), place
    except FormatError:
        refuse_unread_labels(tree, places[-1])  # which says more than what the folders look like
        raise
    refuse_unread_labels(tree, places[-1])
    return None


def account_of_arrays(path: Path) -> Reading:
    """The account of a folder of arrays, for who reads them without `open_dataset`."""
    tree = Tree(path)
    return account_of(tree, arrays.used_files(tree))


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UsageError: when there is none.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise UsageError(f"no dataset format {name!r}", fix="use one of " + ", ".join(known.name for known in FORMATS))


def write_dataset(
    dataset: Dataset,
    target: str | os.PathLike[str],
    to: str,
    *,
    options: WriteOptions = DEFAULT_OPTIONS,
    progress: Progress = SILENT,
) -> LeftOut:
    """Writes a dataset into a new folder, whole or not at all.

    Args:
        dataset: its files are linked or copied, never changed.
        target: a folder that does not exist or is empty, outside the dataset's own.
        to: the name of a format.
        options: see `WriteOptions`.
        progress: counts samples.

    Returns:
        Name and reason of every sample that was left out, which only arrays do, for broken pictures.

    Raises:
        DataError: when the target holds anything, or the format cannot carry a sample.
    """
    place, chosen = Path(target), format_named(to)
    if dataset.root is not None and place.resolve().is_relative_to(dataset.root.resolve()):
        raise DataError("lies inside the dataset that is read", where=place, fix="name a folder beside it")
    with new_folder(place) as folder:
        return chosen.write(dataset, folder, options=options, progress=progress)
