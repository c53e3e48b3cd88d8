"""Training input inferred from arrays that come without a `train_input.json`: what X and Y alone say.

Edge Impulse's own runner for local training passes the shape and the validation share as options and no description.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.arrays import X_TRAIN, X_UNSPLIT, Y_TRAIN, Y_UNSPLIT, check_one_hot
from ei_compat.block.npy import open_npy
from ei_compat.block.train_input import Mode, TrainInput
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.words import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray


def describe_arrays(
    folder: Path,
    *,
    shape: tuple[int, ...] | None = None,
    classes: Sequence[str] | None = None,
    validation_share: float = 0.2,
    mode: Mode = Mode.CLASSIFICATION,
) -> TrainInput:
    """What a `train_input.json` beside these arrays would say.

    Args:
        folder: holds the split or the unsplit form.
        shape: of one input; needed where X is flat.
        classes: names in the order of Y; `class 1` and so on without them.
        validation_share: of the unsplit form.
        mode: classification, or regression, whose Y are numbers.

    Raises:
        DataError: X is flat and no shape is given, or Y of a classification is neither one-hot nor class indices.
        UsageError: `shape` or `classes` contradicts the arrays.
    """
    split = (folder / X_TRAIN).is_file()
    x, y = open_npy(folder / (X_TRAIN if split else X_UNSPLIT)), open_npy(folder / (Y_TRAIN if split else Y_UNSPLIT))
    found = tuple(x.shape[1:])
    if shape is None and len(found) < 3:
        raise DataError(
            f"rows of shape {found} and no train_input.json: whether they are pictures or features is not known",
            where=folder,
            fix=f'give the file with --info-file, or --input-shape "{found}" for features, "(height, width, channels)" '
            "for pictures",
        )
    if mode is Mode.REGRESSION:
        return TrainInput(tuple(classes or ()), mode, str(shape or found), "npy", train_test_split=validation_share)
    count = _class_count(y, where=folder / (Y_TRAIN if split else Y_UNSPLIT))
    if classes is not None and len(classes) != count:
        raise UsageError(
            f"{counted(len(classes), 'name')} for the {counted(count, 'class', 'classes')} of Y", where="--classes"
        )
    if classes is not None and len(set(classes)) != count:
        raise UsageError("names a class twice", where="--classes", fix="give every class a name of its own")
    names = tuple(classes) if classes is not None else tuple(f"class {number}" for number in range(1, count + 1))
    return TrainInput(names, Mode.CLASSIFICATION, str(shape or found), "npy", train_test_split=validation_share)


def _class_count(y: NDArray[Any], *, where: Path) -> int:
    """Classes of one-hot rows, or the highest index of rows (class, id) or (class, id, start, end)."""
    import numpy as np

    if y.ndim != 2 or not len(y) or y.shape[1] == 1:
        raise DataError(
            f"shape {y.shape} is neither one-hot nor class indices",
            where=where,
            fix="if these are numbers to learn, say --task regression",
        )
    if y.shape[1] not in {2, 4} or (np.all(y >= -1) and np.all(y < 2) and y[:, 0].min() < 1):
        check_one_hot(y, where=where)
        return int(y.shape[1])
    ones = (np.rint(y) == y).all() and (y.sum(axis=1) == 1).all()
    return int(y.shape[1] if ones else np.max(y[:, 0]))
