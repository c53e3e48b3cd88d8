"""An expansion in one pass is what its three layers are, and so are its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from train.graph import Graph
from train.methods.expansions import expansion, normalisation_of

EPSILON = 1e-3


@pytest.mark.parametrize("rows", [1, 4])
def test_one_pass_is_convolution_normalisation_and_relu6(rows: int) -> None:
    import tensorflow as tf

    random = np.random.default_rng(1)
    x = random.normal(1.0, [3.0, 0.1, 1.0], (rows, 5, 6, 3))  # channels apart in range, and not around zero
    kernel, gamma, beta = random.normal(size=(1, 1, 3, 12)), random.normal(size=12), random.normal(2.0, size=12)
    given = [tf.constant(value) for value in (x, kernel, gamma, beta)]  # float64
    change = random.normal(size=(rows, 5, 6, 12))

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(given)
        y, mean, variance = expansion(*given, EPSILON)
        linear = tf.nn.conv2d(given[0], given[1], 1, "VALID")
        moments = tf.nn.moments(linear, (0, 1, 2))
        layers = tf.nn.relu6(tf.nn.batch_normalization(linear, *moments, given[3], given[2], EPSILON))
    found, wanted = (tape.gradient(output, given, change) for output in (y, layers))

    np.testing.assert_allclose(y, layers, atol=1e-12)
    np.testing.assert_allclose(mean, moments[0], atol=1e-12)
    np.testing.assert_allclose(variance, moments[1] * rows * 30 / (rows * 30 - 1), rtol=1e-9)
    assert ((np.asarray(y) == 0).mean(), (np.asarray(y) == 6).mean()) > (0, 0), "both ends of ReLU6 are met"
    for name, ours, theirs in zip(("x", "kernel", "gamma", "beta"), found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10, err_msg=name)


def test_what_widens_between_a_normalisation_that_learns_and_relu6_is_one() -> None:
    import tf_keras as keras
    from tf_keras import layers

    x = y = layers.Input((8, 8, 3))
    for name, kernel, widths, end in (
        ("expand", 1, 12, layers.ReLU(6.0)),
        ("narrow", 1, 24, layers.ReLU(6.0)),
        ("open", 1, 96, layers.ReLU()),
        ("wide", 3, 400, layers.ReLU(6.0)),
    ):
        y = end(
            layers.BatchNormalization(name=f"{name}_BN")(layers.Conv2D(widths, kernel, use_bias=False, name=name)(y))
        )
    graph = Graph.of(keras.Model(x, y))

    def found() -> list[str]:
        return [layer.name for layer in graph.layers if normalisation_of(graph, layer) is not None]

    assert found() == ["expand"]

    next(layer for layer in graph.layers if layer.name == "expand_BN").trainable = False
    assert found() == []
