"""The calibration set: bounded, balanced, from the training data, and exactly 0 to 1 wide."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.train.networks import classification
from train.methods.quantize import calibration_set
from train.recipe import Recipe
from train.samples import Samples
from train.scaling import Scaling


@pytest.fixture
def samples() -> Samples:
    """Ninety grey pictures of class 0, eight of class 1, two of class 2; each picture's grey is its row."""
    x = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None] + 20, (100, 4, 4, 3)).copy()
    return Samples(x, np.repeat([0, 1, 2], [90, 8, 2]).astype(np.int32))


def data_of(samples: Samples) -> SimpleNamespace:
    return SimpleNamespace(training=samples, scaling=Scaling.of("0..1", 3), task=classification(3))


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(6, [2, 2, 2], id="even"),
        pytest.param(30, [20, 8, 2], id="small classes give all they have"),
        pytest.param(1000, [90, 8, 2], id="no more than there are"),
    ],
)
def test_classes_are_balanced(samples: Samples, count: int, expected: list[int]) -> None:
    images = calibration_set(data_of(samples), Recipe(calibration_samples=count))
    rows = np.round(images[:, 1, 1, 0] * 255).astype(int) - 20

    assert len(set(rows)) == len(rows)
    assert np.bincount(samples.y[rows], minlength=3).tolist() == expected


def test_range_is_exactly_0_to_1_and_the_data_is_not_changed(samples: Samples) -> None:
    before = samples.x.copy()
    for x in (samples.x, samples.x.astype(np.float32) / 255):
        images = calibration_set(data_of(Samples(x, samples.y)), Recipe(calibration_samples=10))
        assert (images.min(), images.max(), images.dtype) == (0.0, 1.0, np.float32)

    np.testing.assert_array_equal(samples.x, before)
