"""Both halves of a batch at once: what the network does in training, each half by its own statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from train.methods import halves
from train.methods.ending import ending
from train.methods.halves import _same, in_halves
from train.network import Network

SIZE = 16


@pytest.fixture(scope="module", autouse=True)
def always() -> Iterator[None]:
    """Halves even where planes are small."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(halves, "LARGEST_AT_ONCE", 0)
        yield


def residual(x: Any, name: str) -> Any:
    """An inverted residual of four channels, as MobileNetV2 has them."""
    from tf_keras import layers

    y = layers.Conv2D(24, 1, use_bias=False, name=f"{name}_expand")(x)
    y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_expand_BN")(y))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(y))
    y = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(4, 1, use_bias=False)(y))
    return layers.Add(name=f"{name}_add")([x, y])


@pytest.fixture(scope="module")
def network() -> Network:
    """Padding, a depthwise convolution of stride 2, and three residuals, one with a frozen normalisation."""
    import tf_keras as keras
    from tf_keras import layers

    keras.utils.set_random_seed(1)
    pixels = layers.Input((SIZE, SIZE, 3))
    x = layers.DepthwiseConv2D(3, 2, use_bias=False)(layers.ZeroPadding2D(((0, 1), (0, 1)))(pixels))
    x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(4, 1)(x))
    for name in ("first", "second", "third"):
        x = residual(x, name)
    backbone = keras.Model(pixels, layers.GlobalAveragePooling2D()(x))
    backbone.get_layer("second_expand_BN").trainable = False  # works by what it stores
    return Network(backbone, keras.Sequential())


@pytest.fixture(scope="module")
def halved(network: Network) -> Callable[[Any], np.ndarray]:
    import tensorflow as tf

    learner = in_halves(network)
    run = tf.function(lambda x: learner.backbone(x, training=True), autograph=False, reduce_retracing=True)
    return lambda x: run(tf.constant(x)).numpy()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).random((5, SIZE, SIZE, 3), np.float32)


@pytest.mark.parametrize("at_once", [False, True])
def test_of_two_equal_halves_or_small_planes_nothing_differs_from_the_layers(
    network: Network, images: np.ndarray, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    import tensorflow as tf

    if at_once:
        monkeypatch.setattr(halves, "LARGEST_AT_ONCE", 24 * SIZE * SIZE)
    x = tf.constant(np.concatenate([images, images]))
    moving = [v for v in network.backbone.variables if "moving" in v.name]
    start = [v.numpy() for v in moving]
    learned = network.backbone.trainable_variables

    def trained(backbone: Any) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
        @tf.function(autograph=False)
        def step() -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                features = backbone(x, training=True)
                loss = tf.reduce_sum(features**2)
            return features, tape.gradient(loss, learned)

        for variable, value in zip(moving, start, strict=True):
            variable.assign(value)
        features, gradients = step()
        return features.numpy(), [g.numpy() for g in gradients], [v.numpy() for v in moving]

    layers, ours = trained(network.backbone), trained(in_halves(network).backbone)

    np.testing.assert_allclose(ours[0], layers[0], atol=1e-5)
    for variable, mine, theirs in zip(learned, ours[1], layers[1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3, err_msg=variable.name)
    for variable, mine, theirs in zip(moving, ours[2], layers[2], strict=True):
        bessel = (
            1e-3 if "variance" in variable.name and not at_once else 0.0
        )  # of half as many, and a tenth of it is taken
        np.testing.assert_allclose(mine, theirs, rtol=bessel + 1e-5, atol=1e-6, err_msg=variable.name)
        assert (mine != start[[v.name for v in moving].index(variable.name)]).any() == (
            "second_expand" not in variable.name
        )


def test_of_an_odd_number_the_middle_is_in_both_halves(halved: Callable[[Any], np.ndarray], images: np.ndarray) -> None:
    first, second = (halved(np.concatenate([part, part]))[:3] for part in (images[:3], images[2:]))

    np.testing.assert_allclose(halved(images), [*first, *second[1:]], atol=1e-5)
    np.testing.assert_allclose(halved(images[:1]), halved(images[[0, 0]])[:1], atol=1e-5)


def test_the_end_of_a_network_takes_its_planes(network: Network, images: np.ndarray) -> None:
    end = ending(network, 0.4)
    assert end is not None
    planes = end.beginning(images, training=False)
    twice = np.concatenate([planes, planes])

    ours = in_halves(end.network).backbone(twice, training=True)

    np.testing.assert_allclose(ours, end.network.backbone(twice, training=True), atol=1e-5)


@pytest.mark.parametrize("kind", ["GaussianNoise", "Conv2DTranspose", "Dropout"])
def test_layers_that_nobody_knows_are_left_as_they_are(kind: str) -> None:
    import tf_keras as keras

    x = keras.layers.Input((8, 8, 3))
    unknown = {"Conv2DTranspose": (4, 3)}.get(kind, (0.1,))
    y = getattr(keras.layers, kind)(*unknown)(keras.layers.Conv2D(4, 3)(x))
    strange = Network(keras.Model(x, keras.layers.GlobalAveragePooling2D()(y)), keras.Sequential())

    assert in_halves(strange) is strange


@pytest.mark.parametrize(("side", "kernel", "pads"), [(80, 3, (0, 1)), (5, 3, (1, 1)), (10, 5, (1, 2)), (4, 1, (0, 0))])
def test_same_pads_as_tensorflow_says(side: int, kernel: int, pads: tuple[int, int]) -> None:
    assert _same(side, kernel, 2) == pads
