"""Zeros go where they cost least, and their total is what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.networks import mobilenet_v2
from train.methods.allocate import _meeting, balanced, uniform
from train.network import prunable_kernels
from train.recipe import Recipe


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.8, 0.95, 0.99])
def test_total_is_met_and_hardly_passed(sparsity: float) -> None:
    weights = np.array([100, 1000, 50_000, 3])
    shares = _meeting(weights, np.array([4.0, 2.0, 1.0, 9.0]), sparsity)

    assert sparsity <= shares @ weights / weights.sum() + 1e-12 < sparsity + 1e-3
    assert np.all((shares >= 0) & (shares <= max(0.97, sparsity)))


def test_kernels_of_the_same_kind_get_the_same_share() -> None:
    shares = _meeting(np.array([500, 500]), np.array([1.0, 1.0]), 0.7)

    np.testing.assert_allclose(shares, 0.7, atol=1e-6)


def test_what_is_kept_is_proportional_between_the_bounds() -> None:
    shares = _meeting(np.array([1000, 1000]), np.array([3.0, 1.0]), 0.8)

    np.testing.assert_allclose(shares, [0.7, 0.9], atol=1e-6)


def test_small_kernels_keep_more_and_dear_ones_less() -> None:
    network = mobilenet_v2(Recipe(image_size=160), (160, 160, 3), 6)
    kernels = prunable_kernels(network)
    shares = dict(zip([k.name.split("/")[0] for k in kernels], balanced(network, kernels, 0.8), strict=True))
    weights = np.array([int(np.prod(k.shape)) for k in kernels])

    assert 0.8 <= np.array(list(shares.values())) @ weights / weights.sum() < 0.801
    assert shares["block_5_expand"] < shares["block_15_expand"] < shares["Conv_1"]
    assert shares["block_2_expand"] < shares["block_1_expand"], "as many weights, used on four times the pixels"
    assert uniform(kernels, 0.8) == [0.8] * len(kernels)
