"""Every picture is drawn anew, and the same way for the same step."""

from __future__ import annotations

import numpy as np
import pytest

from train.methods.augment import BRIGHTNESS, augment


@pytest.fixture
def pictures() -> np.ndarray:
    """Four copies of one picture with a gradient, float32 [4, 32, 32, 3] in [0.3, 0.7]."""
    ramp = np.linspace(0.3, 0.7, 32, dtype=np.float32)
    return np.broadcast_to(ramp[np.newaxis, np.newaxis, :, np.newaxis], (4, 32, 32, 3)).copy()


def test_copies_of_a_picture_come_out_different(pictures: np.ndarray) -> None:
    drawn = augment(pictures, 1, 7).numpy()

    assert drawn.shape == pictures.shape
    assert len({picture.tobytes() for picture in drawn}) == 4


def test_same_seed_and_step_draw_the_same_and_others_do_not(pictures: np.ndarray) -> None:
    drawn = augment(pictures, 1, 7).numpy()

    np.testing.assert_array_equal(augment(pictures, 1, 7), drawn)
    assert not np.array_equal(augment(pictures, 1, 8), drawn)
    assert not np.array_equal(augment(pictures, 2, 7), drawn)


def test_values_stay_in_range(pictures: np.ndarray) -> None:
    for step in range(20):
        drawn = augment(pictures, 1, step).numpy()
        assert drawn.min() >= 0.3 - BRIGHTNESS - 1e-6
        assert drawn.max() <= 0.7 + BRIGHTNESS + 1e-6
    assert augment(np.ones_like(pictures), 1, 3).numpy().max() <= 1.0


def test_about_half_are_mirrored(pictures: np.ndarray) -> None:
    many = np.repeat(pictures[:1], 200, axis=0)
    drawn = augment(many, 1, 0).numpy()

    mirrored = (drawn[:, 0, 0, 0] > drawn[:, 0, -1, 0]).mean()
    assert 0.35 < mirrored < 0.65
