"""The map of the samples: what is alike is near, the same every time, and nothing breaks on few or equal samples."""

from __future__ import annotations

import numpy as np
import pytest

from train.inspection.projection import Components, project

RANDOM = np.random.default_rng(2)


def kinds(count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of four kinds, far from each other."""
    y = np.arange(count) % 4
    middles = RANDOM.normal(0, 4, (4, width))
    return (middles[y] + RANDOM.normal(0, 1, (count, width))).astype(np.float32), y


def test_neighbours_are_of_one_kind() -> None:
    x, y = kinds(400, 50)
    placed = project(Components.of(x)(x), seed=1)
    assert placed.min() == 0
    assert placed.max() == 1
    distances = np.square(placed[:, np.newaxis] - placed).sum(axis=2) + 9 * np.eye(len(y))
    assert (y[distances.argmin(axis=1)] == y).mean() > 0.99


def test_it_is_the_same_every_time() -> None:
    x, _ = kinds(100, 20)
    np.testing.assert_array_equal(project(x, seed=3), project(x, seed=3))


@pytest.mark.parametrize("shape", [(30, 200), (200, 30)], ids=["more features", "more samples"])
def test_components_hold_the_distances(shape: tuple[int, int]) -> None:
    x = RANDOM.normal(5, 1, shape).astype(np.float32)
    placed = Components.of(x)(x)
    assert placed.shape == (shape[0], min(shape[0], shape[1]))
    wanted = np.square(x[:, np.newaxis] - x).sum(axis=2)
    np.testing.assert_allclose(np.square(placed[:, np.newaxis] - placed).sum(axis=2), wanted, rtol=1e-3, atol=1e-2)
    assert (np.diff(placed.var(axis=0)) <= 1e-3).all()


@pytest.mark.parametrize("x", [np.zeros((50, 8)), np.ones((3, 1)), np.zeros((1, 5))], ids=["equal", "few", "one"])
def test_samples_that_say_nothing_are_placed(x: np.ndarray) -> None:
    placed = project(Components.of(x.astype(np.float32))(x.astype(np.float32)), seed=1)
    assert placed.shape == (len(x), 2)
    assert np.isfinite(placed).all()
