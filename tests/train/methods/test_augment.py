"""Every picture is drawn anew, and the same way for the same step."""

from __future__ import annotations

import numpy as np
import pytest

from train.methods.augment import BRIGHTNESS, augment


@pytest.fixture
def images() -> np.ndarray:
    """Four copies of one picture with a gradient, float32 [4, 32, 32, 3] in [0.3, 0.7]."""
    ramp = np.linspace(0.3, 0.7, 32, dtype=np.float32)
    return np.broadcast_to(ramp[np.newaxis, np.newaxis, :, np.newaxis], (4, 32, 32, 3)).copy()


def test_copies_of_a_image_come_out_different(images: np.ndarray) -> None:
    drawn = augment(images, 1, 7).numpy()

    assert drawn.shape == images.shape
    assert len({image.tobytes() for image in drawn}) == 4


def test_same_seed_and_step_draw_the_same_and_others_do_not(images: np.ndarray) -> None:
    drawn = augment(images, 1, 7).numpy()

    np.testing.assert_array_equal(augment(images, 1, 7), drawn)
    assert not np.array_equal(augment(images, 1, 8), drawn)
    assert not np.array_equal(augment(images, 2, 7), drawn)


def test_values_stay_in_range(images: np.ndarray) -> None:
    for step in range(20):
        drawn = augment(images, 1, step).numpy()
        assert drawn.min() >= 0.3 - BRIGHTNESS - 1e-6
        assert drawn.max() <= 0.7 + BRIGHTNESS + 1e-6
    assert augment(np.ones_like(images), 1, 3).numpy().max() <= 1.0


def test_about_half_are_mirrored(images: np.ndarray) -> None:
    many = np.repeat(images[:1], 200, axis=0)
    drawn = augment(many, 1, 0).numpy()

    mirrored = (drawn[:, 0, 0, 0] > drawn[:, 0, -1, 0]).mean()
    assert 0.35 < mirrored < 0.65
