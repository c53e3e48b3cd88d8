"""What pruning takes at once, the weights that stay make up for, by least squares."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ei_compat.core.progress import SILENT
from tests.train.networks import mobilenet_v2
from train.methods import reconstruct
from train.methods.ending import ending
from train.methods.prune import largest
from train.methods.reconstruct import least_squares, prune_at_once
from train.network import prunable_kernels
from train.recipe import Recipe
from train.views import Variants, Views

TRAINER: Any = SimpleNamespace(recipe=Recipe(), progress=SILENT)


def views_of(count: int, side: int = 16, channels: int = 3) -> Views:
    """Pictures of coloured blocks, with mirror images."""
    random = np.random.default_rng(3)
    blocks = random.integers(0, 256, (count, side // 4, side // 4, channels), np.uint8)
    return Views(blocks.repeat(4, axis=1).repeat(4, axis=2), np.zeros(count, np.int32), Variants(mirrored=True))


def test_least_squares_are_those_of_numpy() -> None:
    random = np.random.default_rng(1)
    x, weights = random.normal(size=(500, 6)) @ random.normal(size=(6, 6)), random.normal(size=(6, 3))
    mask = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 0, 1], [1, 0, 0]], bool)

    fitted = least_squares(x.T @ x / len(x), x.T @ x / len(x), weights, mask)

    assert not fitted[~mask].any()
    for output in (0, 2):
        kept = mask[:, output]
        best = np.linalg.lstsq(x[:, kept], x @ weights[:, output], rcond=None)[0]
        np.testing.assert_allclose(fitted[kept, output], best, atol=0.1)

        def lost(values: np.ndarray, kept: np.ndarray = kept, output: int = output) -> float:
            return float(np.mean((x[:, kept] @ values - x @ weights[:, output]) ** 2))

        assert lost(best) <= lost(fitted[kept, output]) <= lost(best) + 0.01 * lost(weights[kept, output])


def test_what_another_input_repeats_is_made_up_for_without_loss() -> None:
    inputs = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(5, 1, use_bias=False)
    model = keras.Model(inputs, layer(keras.layers.Concatenate()([inputs, inputs])))
    first = np.random.default_rng(2).uniform(1, 2, (1, 1, 3, 5))
    layer.kernel.assign(np.concatenate([first, first / 10], axis=2))
    views = views_of(40)
    x = views.x.astype(np.float32) / 255
    before = model(x).numpy()

    prune_at_once(TRAINER, model, views, {id(layer.kernel): 0.5})

    kernel = layer.kernel.numpy()
    assert not kernel[0, 0, 3:].any(), "the small ones, which repeat the large ones, are gone"
    np.testing.assert_allclose(kernel[0, 0, :3], first[0, 0] * 1.1, rtol=0.02)
    assert np.var(model(x).numpy() - before) < 1e-4 * np.var(before)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_what_goes_into_an_output_is_what_its_weights_meet(strides: int, padding: str) -> None:
    layer = keras.layers.Conv2D(4, 3, strides=strides, padding=padding, use_bias=False)
    x = np.random.default_rng(4).normal(size=(3, 9, 9, 2)).astype(np.float32)
    outputs = layer(x).numpy().reshape(3, -1, 4)
    picks = np.random.default_rng(1).integers(0, outputs.shape[1], (3, 5))

    of_all, of_some = (reconstruct._inputs(layer, tf.constant(x), chosen) for chosen in (None, picks))

    kernel = layer.kernel.numpy().reshape(-1, 4)
    np.testing.assert_allclose(of_all @ kernel, outputs.reshape(-1, 4), atol=1e-5)
    some = np.take_along_axis(outputs, picks[:, :, np.newaxis], 1)
    np.testing.assert_allclose(of_some @ kernel, some.reshape(-1, 4), atol=1e-5)


def test_the_beginning_of_a_network_stays_nearer_to_what_it_gave_than_without_its_smallest_weights() -> None:
    network = mobilenet_v2(Recipe(image_size=32), (32, 32, 3), 4)
    end = ending(network, 0.7)
    assert end is not None
    beginning, views = end.beginning, views_of(60, 32)
    x = views.x[:16].astype(np.float32) / 255
    weights = [variable.numpy() for variable in network.variables]
    of_beginning = {id(variable) for variable in beginning.variables}
    kernels = [kernel for kernel in prunable_kernels(network) if id(kernel) in of_beginning]
    before = beginning(x, training=False).numpy()

    def lost(prune: Callable[[], None]) -> float:
        for variable, value in zip(network.variables, weights, strict=True):
            variable.assign(value)
        prune()
        assert all(np.mean(kernel.numpy() == 0) >= 0.6 for kernel in kernels)
        return float(np.mean((beginning(x, training=False).numpy() - before) ** 2) / np.var(before))

    def smallest() -> None:
        for kernel in kernels:
            kernel.assign(kernel * largest(kernel.numpy(), 0.6))

    shares = {id(kernel): 0.6 for kernel in prunable_kernels(network)}
    at_once = lost(lambda: prune_at_once(TRAINER, beginning, views, shares))
    now = [variable.numpy() for variable in network.variables]
    assert at_once < 0.5 * lost(smallest)

    lost(lambda: prune_at_once(TRAINER, beginning, views, shares))
    for variable, value, first in zip(network.variables, weights, now, strict=True):
        np.testing.assert_array_equal(variable.numpy(), first, err_msg="the same again")
        if id(variable) not in of_beginning:
            np.testing.assert_array_equal(first, value, err_msg="the end is as it was")


def test_a_kernel_with_very_many_inputs_loses_its_smallest_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruct, "MOST_INPUTS", 8)
    inputs = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(5, 3)
    model = keras.Model(inputs, layer(inputs))
    kernel = layer.kernel.numpy()

    prune_at_once(TRAINER, model, views_of(10), {id(layer.kernel): 0.5})

    np.testing.assert_array_equal(layer.kernel.numpy(), kernel * largest(kernel, 0.5))
