"""Masks are exact, and the schedule is tfmot's."""

from __future__ import annotations

import numpy as np
import pytest

from train.methods.prune import largest, make_pruner
from train.recipe import Recipe
from train.sparsity import sparsity


@pytest.mark.parametrize(
    ("size", "asked", "zeros"),
    [
        pytest.param(10, 0.8, 8, id="divides evenly"),
        pytest.param(432, 0.8, 346, id="rounds towards more zeros"),
        pytest.param(3, 0.5, 2, id="odd and small"),
        pytest.param(7, 0.0, 0, id="nothing to prune"),
        pytest.param(1, 0.8, 1, id="a single weight"),
    ],
)
def test_mask_has_at_least_the_asked_zeros(size: int, asked: float, zeros: int) -> None:
    mask = largest(np.random.default_rng(1).normal(size=size), asked)

    assert (mask == 0).sum() == zeros
    assert sparsity([mask]) >= asked


def test_mask_keeps_the_largest_magnitudes_and_breaks_ties_by_position() -> None:
    assert largest(np.array([[0.1, -3.0], [2.0, -0.2]]), 0.5).tolist() == [[0, 1], [1, 0]]
    assert largest(np.ones((2, 2)), 0.5).tolist() == [[1, 1], [0, 0]]
    assert largest(np.array([0.0, 0.0, -2.0, 1.0]), 0.75).tolist() == [0, 0, 1, 0]
    assert largest(np.array([0.0, 0.0, -2.0, 0.0]), 0.25).tolist() == [1, 1, 1, 0]  # some of it was zero already


@pytest.mark.parametrize("steps", [1, 2, 7, 60, 510])
def test_final_sparsity_is_reached_before_the_end_whatever_the_number_of_steps(steps: int) -> None:
    pruner = make_pruner(Recipe(prune_ramp=1.0), [], steps)

    assert len(pruner.sparsities) == steps
    assert pruner.sparsities[-1] == pytest.approx(0.8)
    assert pruner.first_final_step <= max(steps - 1, 0)
    assert np.all(np.diff(pruner.sparsities) >= 0)


def test_schedule_is_the_polynomial_decay_of_tfmot() -> None:
    pruner = make_pruner(Recipe(initial_sparsity=0.5, final_sparsity=0.8, prune_ramp=0.5), [], 200)
    expected = 0.8 + (0.5 - 0.8) * (1 - np.arange(100) / 100) ** 3

    np.testing.assert_allclose(pruner.sparsities[:100], expected, atol=1e-6)
    assert np.all(pruner.sparsities[100:] == 0.8)


def test_pruned_weights_stay_zero_while_others_change() -> None:
    import tensorflow as tf

    kernel = tf.Variable(np.arange(1.0, 11.0, dtype=np.float32))
    pruner = make_pruner(Recipe(initial_sparsity=0.5, final_sparsity=0.8, prune_ramp=0.5), [kernel], 20)
    for step in range(20):
        pruner.before_step(step)
        kernel.assign_add(tf.ones_like(kernel))
        pruner.apply()

    assert (kernel.numpy() == 0).tolist() == [True] * 8 + [False] * 2
    assert kernel.numpy()[-1] == 30.0
