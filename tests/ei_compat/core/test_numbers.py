"""What a label has to look like to be a number, wherever it stands: a folder's name, or a class of an array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ei_compat.block.arrays import targets_of
from ei_compat.block.train_input import Mode
from ei_compat.core.errors import DataError
from ei_compat.core.numbers import LARGEST, is_number
from tests.ei_compat.block.test_arrays import INFO


def test_the_largest_is_float32_s() -> None:
    assert np.finfo(np.float32).max == LARGEST
    assert is_number(repr(LARGEST))
    assert not is_number(repr(np.nextafter(LARGEST, np.inf).item()))


@pytest.mark.parametrize("name", ["cat", "1_000", "nan", "٣", ""])
def test_a_class_of_a_regression_is_a_number_as_labels_are(name: str) -> None:
    info = replace(INFO, mode=Mode.REGRESSION, classes=("10", name))
    with pytest.raises(DataError, match=f"y: mode regression, but the class {name!r} is not a number"):
        targets_of(np.array([[2, 9, 0, 1]]), info, where="y")
