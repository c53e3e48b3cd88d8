"""Edge Impulse's array files as a dataset: `X_split_*.npy` with `Y_split_*.npy`, or `X_train_features.npy`."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.arrays import (
    SEED,
    X_TESTING,
    X_TRAIN,
    X_UNSPLIT,
    X_VALIDATION,
    Y_TESTING,
    Y_TRAIN,
    Y_UNSPLIT,
    Y_VALIDATION,
    holds_arrays,
    targets_of,
)
from ei_compat.block.npy import open_npy, write_rows
from ei_compat.block.train_input import Mode, TrainInput, read_train_input, write_train_input
from ei_compat.core.errors import DataError, FormatError, UsageError
from ei_compat.core.files import write_file
from ei_compat.core.parsing import read_json, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.core.words import counted
from ei_compat.dataset.dataset import UNLABELLED, ArrayRow, Category, ClassLabel, Dataset, Sample
from ei_compat.dataset.reading import Reading
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._tree import Tree, join
from ei_compat.media.image_files import image_size
from ei_compat.media.pixels import scale_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ei_compat.block.box_labels import StructuredRow

INFO, IDS = "train_input.json", "sample_id_details.json"
# (X, Y, category, key in sample_id_details.json) of the split form; the last pair is our own addition.
SPLIT_FILES = (
    (X_TRAIN, Y_TRAIN, Category.TRAINING, "train"),
    (X_VALIDATION, Y_VALIDATION, Category.VALIDATION, "validation"),
    (X_TESTING, Y_TESTING, Category.TESTING, "testing"),
)


def recognise(tree: Tree) -> bool:
    """Whether the folder, or `data/` in it, holds Edge Impulse's arrays."""
    return tree.only is None and (holds_arrays(tree.root) or holds_arrays(tree.root / "data"))


def read(tree: Tree) -> Dataset:
    """Reads arrays as rows that stay memory-mapped; ids are Edge Impulse's sample ids where they are known.

    Raises:
        DataError: when `train_input.json`, which names the classes, is neither in the folder nor above it.
        FormatError: for damaged files, or X and Y that do not pair.
    """
    path = tree.root
    folder = path if holds_arrays(path) else path / "data"
    info = _info(folder)
    parts = SPLIT_FILES if (folder / X_TRAIN).is_file() else ((X_UNSPLIT, Y_UNSPLIT, Category.TRAINING, "train"),)
    ids_path = folder / IDS
    ids = (
        typed(dict[str, list[int]], read_json(ids_path, tree.limits), where=str(ids_path)) if ids_path.is_file() else {}
    )
    samples: list[Sample] = []
    for x_name, y_name, category, key in parts:
        if (folder / x_name).is_file():
            samples.extend(_rows(folder, x_name, y_name, category, info, ids.get(key)))
    reading = Reading(label_files=tuple(used_files(tree)))
    return Dataset.of(_unique(samples), format=FORMAT.name, root=path, declared=info.classes, reading=reading)


def used_files(tree: Tree) -> set[str]:
    """The files of the folder that belong to its arrays."""
    pairs = [*SPLIT_FILES] if X_TRAIN in tree or f"data/{X_TRAIN}" in tree else [(X_UNSPLIT, Y_UNSPLIT)]
    names = {INFO, IDS, *(name for pair in pairs for name in pair[:2])}
    return {path for place in ("", "data") for name in names if (path := join(place, name)) in tree}


def _info(folder: Path) -> TrainInput:
    for place in (folder, folder.parent):
        if (place / INFO).is_file():
            return read_train_input(place / INFO)
    raise DataError(f"has no {INFO}, which names the classes", where=folder, fix="put it beside the arrays")


def _rows(
    folder: Path, x_name: str, y_name: str, category: Category, info: TrainInput, ids: Sequence[int] | None
) -> Iterator[Sample]:
    x = open_npy(folder / x_name)
    if info.y_type == "structured":
        yield from _structured_rows(x, folder / y_name, category, info)
        return
    y = open_npy(folder / y_name)
    if len(x) != len(y):
        raise DataError(f"{counted(len(x), 'row')}, but {y_name} has {len(y)}", where=folder / x_name)
    if ids is None and y.ndim == 2 and y.shape[1] in {2, 4} and y.shape[1] != len(info.classes):
        ids = [int(value) for value in y[:, 1]]
    if ids is not None and len(ids) != len(x):
        raise FormatError(f"{counted(len(ids), 'id')} for {counted(len(x), 'row')} of {x_name}", where=folder / IDS)
    for index, label in enumerate(_class_labels(y, info, where=folder / y_name)):
        identity = str(ids[index]) if ids is not None else f"{category}/{index}"
        yield Sample(identity, identity, category, label, ArrayRow(x, index))


def _structured_rows(x: NDArray[Any], y_path: Path, category: Category, info: TrainInput) -> Iterator[Sample]:
    from ei_compat.block.box_labels import read_structured

    size = (x.shape[2], x.shape[1]) if x.ndim == 4 else None
    rows = read_structured(y_path, info.classes, size=size)
    if len(rows) != len(x):
        raise DataError(f"{counted(len(rows), 'row')}, but X has {len(x)}", where=y_path)
    for index, row in enumerate(rows):
        identity = str(row.sample_id)
        yield Sample(identity, identity, category, UNLABELLED, ArrayRow(x, index), row.boxes)


def _class_labels(y: NDArray[Any], info: TrainInput, *, where: Path) -> Iterator[ClassLabel]:
    targets = targets_of(y, info, where=where)
    if info.mode is Mode.REGRESSION:
        return (ClassLabel(f"{value:.9g}") for value in targets[:, 0])
    known = [ClassLabel(name) for name in info.classes]
    return (known[index] for index in targets.argmax(axis=1))


def _unique(samples: list[Sample]) -> Iterator[Sample]:
    """Windows of one signal share its id; every row then gets its number after it."""
    if len({sample.id for sample in samples}) == len(samples):
        yield from samples
        return
    for number, sample in enumerate(samples):
        yield replace(sample, id=f"{sample.id}:{number}")


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes arrays that Edge Impulse's own block code reads, pixels as float32 k/255, boxes as structured labels.

    A set with validation samples becomes the split form, with testing samples in `X_holdout.npy` and `Y_holdout.npy`
    beside it. Without them it becomes the unsplit form, for the block to split. Rows are shuffled, see `mixed`.

    Returns:
        The pictures that could not be decoded.

    Raises:
        DataError: when a sample has no class label, or too many pictures are broken.
        UsageError: when files are to become pictures but no size is given.
    """
    sets = {category: dataset.only(category).samples for *_, category, _ in SPLIT_FILES}
    loose = tuple(sample for sample in dataset.samples if sample.category not in sets)
    if loose and sets[Category.VALIDATION]:
        raise DataError(f"has no category, as have {len(loose) - 1} more", where=loose[0].id, fix="split the set first")
    sets[Category.TRAINING] += loose
    if not sets[Category.TRAINING]:
        raise DataError("has no training sample", where=dataset.root, fix="split the set first")
    left_out: list[tuple[str, str]] = []
    ids: dict[str, list[int]] = {}
    numbers = _numbers(dataset)
    structured = any(sample.boxes for sample in dataset.samples)
    shape: tuple[int, ...] = ()
    for x_name, y_name, category, key in SPLIT_FILES:
        samples = mixed(sets[category])
        if not samples:
            continue
        split = category is not Category.TRAINING or bool(sets[Category.VALIDATION])
        shape, kept = _row_shape(samples, options), list[Sample]()
        rows = _rows_of(samples, options, kept, left_out, progress)
        write_rows(target / (x_name if split else X_UNSPLIT), (None, *shape), "float32", rows)
        ids[key] = [numbers[sample.id] for sample in kept]
        y_path = target / (y_name if split else Y_UNSPLIT)
        if structured:
            from ei_compat.block.box_labels import write_structured

            boxes = [_structured(sample, number, options) for sample, number in zip(kept, ids[key], strict=True)]
            write_structured(y_path, boxes, dataset.labels, split=split)
        else:
            _write_labels(y_path, kept, dataset.labels, ids[key], one_hot=split)
    mode = Mode.OBJECT_DETECTION if structured else Mode.CLASSIFICATION
    info = TrainInput(dataset.labels, mode, str(shape), "structured" if structured else "npy")
    write_train_input(target / INFO, info)
    write_file(target / IDS, json.dumps({"train": [], "validation": []} | ids).encode())
    return tuple(left_out)


def mixed(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples in the order of their rows: shuffled with a fixed seed, rows of arrays as they were.

    Edge Impulse's arrays are shuffled, and its training code counts on it: it mixes again, but four batches at a time.
    """
    order = list(samples)
    if not all(isinstance(sample.payload, ArrayRow) for sample in samples):
        random.Random(SEED).shuffle(order)
    return tuple(order)


def _numbers(dataset: Dataset) -> dict[str, int]:
    """Edge Impulse's ids are numbers: those of the samples where they are, else their positions from one."""
    ids = [sample.id for sample in dataset.samples]
    if all(identity.isascii() and identity.isdigit() and len(identity) < 16 for identity in ids):
        return {identity: int(identity) for identity in ids}
    return {identity: number for number, identity in enumerate(ids, start=1)}


def _row_shape(samples: Sequence[Sample], options: WriteOptions) -> tuple[int, ...]:
    """The shape of a row of X.

    Raises:
        DataError: when rows that stay as they are have several.
        UsageError: when files are to become pictures but no size is given.
    """
    if options.spec is not None:
        return options.spec.shape
    if not all(isinstance(sample.payload, ArrayRow) for sample in samples):
        raise UsageError("arrays of pictures need a size", fix="give --image-size")
    shapes = {sample.payload.array.shape[1:] for sample in samples if isinstance(sample.payload, ArrayRow)}
    if len(shapes) > 1:
        raise DataError(f"rows have different shapes: {sorted(shapes)}", fix="give a picture size")
    return shapes.pop()


def _rows_of(
    samples: Sequence[Sample],
    options: WriteOptions,
    kept: list[Sample],
    broken: list[tuple[str, str]],
    progress: Progress,
) -> Iterator[NDArray[np.float32]]:
    """Each sample's data as float32 [1, …], one at a time; those that are in it are added to `kept`."""
    import numpy as np

    if options.spec is None:
        for sample in samples:
            kept.append(sample)
            if isinstance(sample.payload, ArrayRow):
                yield np.asarray(sample.payload.read(), np.float32)[np.newaxis]
        return
    from ei_compat.media.images import each_image

    lost: list[tuple[str, str]] = []
    images = each_image(
        [sample.payload for sample in samples],
        options.spec,
        lost,
        max_broken=options.max_broken,
        limits=options.limits,
        progress=progress,
    )
    for index, pixels in images:
        kept.append(samples[index])
        yield scale_pixels(pixels)[np.newaxis]
    broken.extend(lost)


def _write_labels(
    path: Path, samples: Sequence[Sample], classes: Sequence[str], ids: Sequence[int], *, one_hot: bool
) -> None:
    import numpy as np

    index_of = {name: index for index, name in enumerate(classes)}
    chosen = np.array([index_of[_class_of(sample)] for sample in samples], np.int64)
    if one_hot:
        labels = np.eye(len(classes), dtype=np.float32)[chosen]
    else:
        labels = np.zeros((len(samples), 4), np.int32)
        labels[:, 0], labels[:, 1] = chosen + 1, ids
    write_rows(path, labels.shape, labels.dtype, [labels])


def _structured(sample: Sample, number: int, options: WriteOptions) -> StructuredRow:
    from ei_compat.block.box_labels import StructuredRow, fit_boxes

    if isinstance(sample.label, ClassLabel):
        raise DataError("has a class label, but others have boxes", where=sample.id, fix="keep one kind of label")
    if sample.boxes is None:
        raise DataError(
            "nothing is known of its objects, but others have boxes", where=sample.id, fix="label it or leave it out"
        )
    if options.spec is None:
        return StructuredRow(number, sample.boxes)
    size = image_size(sample.payload, options.limits)
    return StructuredRow(number, fit_boxes(sample.boxes, size, options.spec))


def _class_of(sample: Sample) -> str:
    if isinstance(sample.label, ClassLabel):
        return sample.label.label
    raise DataError("has no class label", where=sample.id, fix="label it or leave it out")


FORMAT = Format(
    name="arrays",
    looks_for=f"{X_TRAIN} or {X_UNSPLIT}",
    carries=frozenset(
        {Carries.CLASS, Carries.BOXES, Carries.EMPTY, Carries.CATEGORIES, Carries.IMAGES, Carries.FEATURES}
    ),
    recognise=recognise,
    read=read,
    write=write,
)
