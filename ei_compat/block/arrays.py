"""The arrays that Edge Impulse hands to a training block, split or not, as rows to train and validate on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.npy import CHUNK_BYTES, open_npy
from ei_compat.block.rows import Rows
from ei_compat.block.train_input import Mode, TrainInput
from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.numbers import is_number
from ei_compat.core.parsing import read_json, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.core.words import counted
from ei_compat.dataset.stratify import apportion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

X_TRAIN, Y_TRAIN = "X_split_train.npy", "Y_split_train.npy"
X_VALIDATION, Y_VALIDATION = "X_split_test.npy", "Y_split_test.npy"  # Edge Impulse's name; never the testing set
X_TESTING, Y_TESTING = "X_holdout.npy", "Y_holdout.npy"  # our addition, ignored by others
X_UNSPLIT, Y_UNSPLIT = "X_train_features.npy", "y_train.npy"
CUSTOM_SPLIT = "custom_validation_split.json"
SEED = 3  # of Edge Impulse's own split
ROUNDING = 1e-3  # share of the range by which a value may pass its ends; a quarter of an 8-bit step, a step of float16
SURE = 1e-3  # distance from 0 and 1 at which a label is still one of them


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Training and validation rows of a block's arrays.

    Attributes:
        x_train: float32 (N, …) in the input's shape, read from the disk and converted row by row.
        y_train: float32 one-hot (N, classes); (N, 1) numbers for regression.
        x_validation: as `x_train`.
        y_validation: as `y_train`.
        x_testing: as `x_train`; None where the folder has no testing rows.
        y_testing: as `y_train`.
        split_here: whether the folder held one array that was split by `info`.
    """

    x_train: Rows
    y_train: NDArray[np.float32]
    x_validation: Rows
    y_validation: NDArray[np.float32]
    x_testing: Rows | None
    y_testing: NDArray[np.float32] | None
    split_here: bool


def holds_arrays(folder: Path) -> bool:
    """Whether a folder holds Edge Impulse's arrays, in either form."""
    return (folder / X_TRAIN).is_file() or (folder / X_UNSPLIT).is_file()


def open_arrays(
    folder: Path,
    info: TrainInput,
    *,
    value_range: tuple[float, float] | None = (0.0, 1.0),
    progress: Progress = SILENT,
) -> Arrays:
    """Opens a block's data folder.

    Args:
        folder: holds the split form (used as it is) or the unsplit one (split as `info` says, seed 3).
        info: classes, shape and, for the unsplit form, how to split.
        value_range: what every value of X must lie in, but for rounding, which is cut off; None for any finite value.
        progress: counts the rows that are checked.

    Raises:
        DataError: for a missing file, rows of X and Y that do not pair, values that are not finite or out of range,
            Python objects, or a mode that has no such arrays.
        FormatError: for a damaged file, or rows that are neither flat nor exactly of the input's shape.
    """
    if info.mode not in {Mode.CLASSIFICATION, Mode.REGRESSION}:
        raise DataError(f"mode {info.mode} is not supported here", where="mode", fix="use classification")
    if not folder.is_dir():
        raise DataError("no such folder", where=folder)
    if not holds_arrays(folder):
        raise DataError(f"holds neither {X_TRAIN} nor {X_UNSPLIT}", where=folder)

    def pair(x_name: str, y_name: str) -> tuple[Rows, NDArray[Any]]:
        x = _open_x(folder / x_name, info.input_shape, value_range)
        y = open_npy(folder / y_name)
        if len(x) != len(y):
            raise DataError(f"{counted(len(x), 'row')}, but {y_name} has {len(y)}", where=folder / x_name)
        check_values(x, value_range, where=folder / x_name, progress=progress)
        return x, y

    if (folder / X_TRAIN).is_file():
        x_train, y_train = pair(X_TRAIN, Y_TRAIN)
        x_validation, y_validation = pair(X_VALIDATION, Y_VALIDATION)
        targets = [
            targets_of(y_train, info, where=folder / Y_TRAIN),
            targets_of(y_validation, info, where=folder / Y_VALIDATION),
        ]
        split_here = False
    else:
        x, y = pair(X_UNSPLIT, Y_UNSPLIT)
        all_targets = targets_of(y, info, where=folder / Y_UNSPLIT)
        rows = _split_rows(y, all_targets, info, folder)
        x_train, x_validation = (x.only(side) for side in rows)
        targets = [all_targets[side] for side in rows]
        split_here = True
    for x, name in ((x_train, "training"), (x_validation, "validation")):
        if not len(x):
            raise DataError(f"there is no {name} row", where=folder)
    x_testing = y_testing = None
    if (folder / X_TESTING).is_file():
        x_testing, held = pair(X_TESTING, Y_TESTING)
        y_testing = targets_of(held, info, where=folder / Y_TESTING)
    return Arrays(x_train, targets[0], x_validation, targets[1], x_testing, y_testing, split_here)


def _open_x(path: Path, shape: tuple[int, ...], limits: tuple[float, float] | None) -> Rows:
    x = open_npy(path)
    if len(x) and x.shape[1:] not in {shape, (math.prod(shape),)}:
        order = " in the order height, width, channels" if len(shape) == 3 else ""
        raise FormatError(
            f"rows of shape {x.shape[1:]} do not fit inputShapeString {shape}{order}",
            where=path,
            fix=f"store exactly that shape, or flat rows of {math.prod(shape)} values{_hint(x.shape[1:], shape)}",
        )
    return Rows(x, shape, limits=limits)


def _hint(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """How the axes may have been mixed up."""
    if len(wanted) == 3 and found == (wanted[2], *wanted[:2]) != wanted:
        return "; the channels come first here: np.moveaxis(x, 1, -1)"
    if len(wanted) == 3 and found == (wanted[1], wanted[0], wanted[2]) != wanted:
        return "; height and width are swapped here: np.swapaxes(x, 1, 2)"
    return ""


def check_values(
    x: Rows, value_range: tuple[float, float] | None, *, where: Path | str, progress: Progress = SILENT
) -> None:
    """Looks at every value once, in pieces.

    Raises:
        DataError: for one that is not finite or outside `value_range` by more than rounding; names its row.
    """
    import numpy as np

    low, high = value_range or (-math.inf, math.inf)
    slack = ROUNDING * (high - low) if value_range else 0.0
    raw, step = Rows(x.stored, x.row_shape, x.chosen), max(1, CHUNK_BYTES // x.row_bytes)
    with progress.task(f"check {Path(where).name}", len(x), "rows") as task:
        for start in range(0, len(x), step):
            chunk = raw[start : start + step]
            least, greatest = float(chunk.min()), float(chunk.max())  # both NaN where any value is
            if not (least >= low - slack and greatest <= high + slack and math.isfinite(least + greatest)):
                bad = ~(np.isfinite(chunk) & (chunk >= low - slack) & (chunk <= high + slack))
                first = tuple(int(i) for i in np.argwhere(bad)[0])
                wanted = "finite" if value_range is None else f"from {low:g} to {high:g}"
                raise DataError(
                    f"value {chunk[first]} in row {start + first[0]} is not {wanted}",
                    where=where,
                    fix="export the pixels scaled to 0..1, or say in imageInputScaling how they are scaled"
                    if value_range == (0.0, 1.0)
                    else None,
                )
            task.advance(len(chunk))


def targets_of(y: NDArray[Any], info: TrainInput, *, where: Path | str) -> NDArray[np.float32]:
    """Labels of any documented form as what a network is trained on.

    Args:
        y: for classification one-hot (N, classes), or integers (N, 2) or (N, 4) whose first column is the class
            counted from one, followed by the sample's id and the window's start and end; for regression numbers, or
            that integer form with classes that are numbers.
        info: mode and classes.
        where: names the file in errors.

    Returns:
        float32 one-hot (N, classes); (N, 1) for regression.

    Raises:
        DataError: when it is none of these.
    """
    import numpy as np

    if info.mode is Mode.REGRESSION:
        return _numbers(y, info, where=where)
    classes = len(info.classes)
    if y.ndim == 2 and y.shape[1] == classes and _within_one(y):
        check_one_hot(y, where=where)
        return np.ascontiguousarray(np.rint(y), np.float32)
    if y.ndim == 2 and y.shape[1] in {2, 4}:
        return np.eye(classes, dtype=np.float32)[_class_indices(y, classes, where=where)]
    if y.ndim == 2 and y.shape[1] == classes:
        check_one_hot(y, where=where)
    raise DataError(
        f"shape {y.shape} is neither one-hot for {classes} classes nor integers with 2 or 4 columns", where=where
    )


def _within_one(y: NDArray[Any]) -> bool:
    """Whether these are meant as one-hot: class indices, counted from one, and ids pass 1 somewhere."""
    import numpy as np

    return bool(np.all((y >= -SURE) & (y <= 1 + SURE)))


def check_one_hot(y: NDArray[Any], *, where: Path | str) -> None:
    """Looks at every row (N, classes).

    Raises:
        DataError: for one that is not a single 1 among zeros; names it.
    """
    import numpy as np

    values = y.astype(np.float64)
    nearest = np.rint(values)
    good = (np.abs(values - nearest) <= SURE).all(axis=1) & (nearest >= 0).all(axis=1) & (nearest.sum(axis=1) == 1)
    bad = np.flatnonzero(~good)
    if len(bad):
        shown = ", ".join(f"{value:g}" for value in values[bad[0]][:8]) + (", …" if y.shape[1] > 8 else "")
        more = f", as are {len(bad) - 1} more" if len(bad) > 1 else ""
        raise DataError(
            f"row {bad[0]} is not one-hot: {shown}{more}", where=where, fix="give every row one class: one 1, else 0"
        )


def _class_indices(y: NDArray[Any], classes: int, *, where: Path | str) -> NDArray[np.int64]:
    import numpy as np

    column = y[:, 0]
    bad = np.flatnonzero(~((column == np.rint(column)) & (column >= 1) & (column <= classes)))
    if len(bad):
        raise DataError(f"class index {column[bad[0]]} in row {bad[0]} is not from 1 to {classes}", where=where)
    indices: NDArray[np.int64] = column.astype(np.int64) - 1
    return indices


def _numbers(y: NDArray[Any], info: TrainInput, *, where: Path | str) -> NDArray[np.float32]:
    import numpy as np

    if y.ndim == 2 and y.shape[1] in {2, 4}:
        words = [name for name in info.classes if not is_number(name)]
        if words:
            raise DataError(f"mode regression, but the class {words[0]!r} is not a number", where=where)
        named = np.array([float(name) for name in info.classes])
        if not len(named):
            raise DataError("holds class indices, but there are no classes that say the numbers", where=where)
        values = named[_class_indices(y, len(named), where=where)].reshape(-1, 1)
    elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
        values = y.astype(np.float64).reshape(-1, 1)
    else:
        raise DataError(f"shape {y.shape} is no list of numbers", where=where)
    bad = np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max))
    if len(bad):
        raise DataError(f"{values[bad[0], 0]:g} in row {bad[0]} is no finite number", where=where)
    return values.astype(np.float32)


def _split_rows(
    y: NDArray[Any], targets: NDArray[np.float32], info: TrainInput, folder: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row indices of training and validation, by the rules of `info`."""
    import numpy as np

    everything = np.arange(len(y), dtype=np.int64)
    if not info.custom_validation_split:
        return _random_rows(everything, targets, info)
    sides = _custom_sides(y, folder)
    listed = [everything[sides == side] for side in ("train", "validation")]
    rest = everything[sides == ""]
    if len(rest):
        chosen = _random_rows(rest, targets[rest], info)
        listed = [np.concatenate(pair) for pair in zip(listed, chosen, strict=True)]
    train, validation = (np.random.RandomState(SEED).permutation(side) for side in listed)
    return train, validation


def _custom_sides(y: NDArray[Any], folder: Path) -> NDArray[np.str_]:
    """`train`, `validation` or nothing for every row, by its sample's id."""
    import numpy as np

    if y.ndim != 2 or y.shape[1] not in {2, 4} or not np.all(y[:, 1] == np.rint(y[:, 1])):
        raise DataError("has no column of sample ids, which customValidationSplit needs", where=folder / Y_UNSPLIT)
    path = folder / CUSTOM_SPLIT
    listed = typed(dict[str, str], read_json(path), where=str(path))
    for sample, side in listed.items():
        if side not in {"train", "validation"}:
            raise FormatError(f"{side!r} is neither 'train' nor 'validation'", where=f"{path}, {sample}")
    return np.array([listed.get(str(int(identity)), "") for identity in y[:, 1]])


def _random_rows(
    rows: NDArray[np.int64], targets: NDArray[np.float32], info: TrainInput
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffles and splits; without stratification the same rows as scikit-learn's train_test_split, seed 3."""
    import numpy as np

    random = np.random.RandomState(SEED)
    if not info.stratified_train_test or info.mode is Mode.REGRESSION:
        shuffled = random.permutation(len(rows))
        count = min(len(rows), math.ceil(info.train_test_split * len(rows)))
        return rows[shuffled[count:]], rows[shuffled[:count]]
    sides: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    of_class = targets.argmax(axis=1)
    for index, name in enumerate(info.classes):
        members = random.permutation(rows[of_class == index])
        if not len(members):
            continue
        if len(members) == 1:
            raise DataError("the class has a single sample, which cannot be split", where=name)
        kept, _ = apportion(len(members), (1 - info.train_test_split, info.train_test_split))
        sides[0].append(members[:kept])
        sides[1].append(members[kept:])
    train, validation = (random.permutation(np.concatenate(side)) for side in sides)
    return train, validation
