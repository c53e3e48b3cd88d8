"""A 1x1 convolution as a product of matrices, and which layers are one."""

from __future__ import annotations

import numpy as np
import pytest

from train.methods.pointwise import is_pointwise, pointwise


@pytest.mark.parametrize("rows", [0, 3])
def test_the_product_is_the_convolution_and_so_are_its_gradients(rows: int) -> None:
    import tensorflow as tf

    random = np.random.default_rng(1)
    x, kernel = (tf.constant(random.normal(size=shape)) for shape in ((rows, 5, 7, 4), (1, 1, 4, 6)))  # float64
    change = random.normal(size=(rows, 5, 7, 6))

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel])
        found, wanted = pointwise(x, kernel), tf.nn.conv2d(x, kernel, 1, "VALID")

    np.testing.assert_allclose(found, wanted, atol=1e-12)
    for ours, theirs in zip(
        tape.gradient(found, [x, kernel], change), tape.gradient(wanted, [x, kernel], change), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_only_what_looks_at_every_pixel_alone_is_pointwise() -> None:
    from tf_keras import layers

    x = layers.Input((8, 8, 4))
    found = {}
    for name, layer in {
        "plain": layers.Conv2D(6, 1),
        "strided": layers.Conv2D(6, 1, 2),
        "wide": layers.Conv2D(6, (1, 3)),
        "grouped": layers.Conv2D(6, 1, groups=2),
        "depthwise": layers.DepthwiseConv2D(1),
        "transposed": layers.Conv2DTranspose(6, 1),
        "dense": layers.Dense(6),
    }.items():
        layer(x)
        found[name] = is_pointwise(layer)

    assert found == dict.fromkeys(found, False) | {"plain": True}
