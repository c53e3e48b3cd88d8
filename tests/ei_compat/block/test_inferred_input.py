"""Arrays without a train_input.json say what they can themselves."""

from __future__ import annotations

import numpy as np
import pytest

from ei_compat.block.inferred_input import describe_arrays
from ei_compat.core.errors import DataError, UsageError
from tests.ei_compat.block.test_arrays import split_folder


@pytest.mark.parametrize("y", [np.eye(3)[[0, 1, 2, 0, 1, 2]], np.array([[1, 9], [2, 8], [3, 7]] * 2)])
def test_arrays_describe_themselves(y, tmp_path):
    split_folder(tmp_path)
    np.save(tmp_path / "Y_split_train.npy", y)
    np.save(tmp_path / "X_split_train.npy", np.zeros((6, 4, 3, 1)))
    info = describe_arrays(tmp_path)
    assert (info.classes, info.input_shape) == (("class 1", "class 2", "class 3"), (4, 3, 1))
    assert describe_arrays(tmp_path, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    with pytest.raises(UsageError, match="--classes: 2 names for the 3 classes of Y"):
        describe_arrays(tmp_path, classes=["a", "b"])


def test_flat_rows_need_a_shape(tmp_path):
    split_folder(tmp_path, shape=(12,))
    with pytest.raises(DataError, match=r'rows of shape \(12,\) .*pictures or features.* --input-shape "\(12,\)"'):
        describe_arrays(tmp_path)
    assert describe_arrays(tmp_path, shape=(4, 3, 1)).input_shape == (4, 3, 1)
