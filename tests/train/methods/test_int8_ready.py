"""What is done for INT8 changes no float result but the rounding, and that is repaired."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.progress import SILENT
from firmware.compiler import compile_model
from tests.train.networks import mobilenet_v2
from train.backbones.mobilenet_v2 import MOBILENET_V2, file_name
from train.backbones.weights_file import WeightsFile
from train.methods.int8_ready import (
    _equalize_bottlenecks,
    make_int8_ready,
    round_to_int8,
    snap_kernels,
    snap_scales,
)
from train.methods.quantize import freeze, to_int8
from train.methods.statistics import normalisations, renew_statistics
from train.network import Network, learning_layers
from train.recipe import Recipe
from train.samples import Samples


def make_training() -> SimpleNamespace:
    """A network with uneven channels and settled statistics, and random pictures."""
    recipe = Recipe(image_size=32, batch_norm_momentum=0.0)  # one batch settles them
    random = np.random.default_rng(3)
    network = mobilenet_v2(recipe, (32, 32, 3), 3)
    for layer in network.backbone.layers:
        if layer.name.endswith("_project_BN"):
            layer.gamma.assign(random.uniform(0.05, 5.0, layer.gamma.shape))
    samples = Samples(random.integers(0, 256, (64, 32, 32, 3), np.uint8), np.zeros(64, np.int32))
    network.backbone(samples.x[:32].astype(np.float32) / 255, training=True)
    return SimpleNamespace(
        recipe=recipe, network=network, data=SimpleNamespace(training=samples), progress=SILENT, images=samples.x
    )


@pytest.fixture
def training(short_mobilenet: Callable[..., Any]) -> SimpleNamespace:
    return make_training()


def features(network: Network, images: np.ndarray) -> np.ndarray:
    return network.backbone(images.astype(np.float32) / 255, training=False).numpy()


def test_equalizing_leaves_the_function_as_it_is(training: SimpleNamespace) -> None:
    before = features(training.network, training.images)

    _equalize_bottlenecks(training)

    np.testing.assert_allclose(features(training.network, training.images), before, atol=2e-3)


def test_snapped_kernels_are_on_the_int8_grid_and_keep_their_zeros(training: SimpleNamespace) -> None:
    kernel = training.network.backbone.get_layer("block_2_expand").kernel
    kernel.assign(np.where(np.abs(kernel) < 0.1, 0, kernel))
    zeros = kernel.numpy() == 0

    snap_kernels(training.network)

    value = kernel.numpy()
    steps = value / np.abs(value).max(axis=(0, 1, 2), keepdims=True) * 127
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.all(value[zeros] == 0)


def test_every_layer_s_multipliers_take_a_word_a_channel_on_the_chip() -> None:
    training = make_training()
    make_int8_ready(training)

    file = to_int8(freeze(training.network), training.images[:8].astype(np.float32) / 255)

    source = compile_model(file, name="m").files["m.c"]
    layers = {form: source.count(form) for form in ("EIT_SNAPPED", "EIT_MERGED", "EIT_EXACT", "EIT_PACKED")}
    assert sum(layers.values()) == 55
    assert layers["EIT_SNAPPED"] >= 55 - 4  # a multiplier above 1/2 takes another form


def test_snapping_moves_a_channel_by_less_than_half_a_percent(training: SimpleNamespace) -> None:
    round_to_int8(training)
    before = [layer.gamma.numpy() for layer in normalisations(training.network)]

    snap_scales(training.network)

    for layer, old in zip(normalisations(training.network), before, strict=True):
        np.testing.assert_allclose(layer.gamma.numpy(), old, rtol=0.004)


def test_frozen_statistics_are_corrected_and_learned_ones_replaced(training: SimpleNamespace) -> None:
    network = training.network
    learned, frozen = network.backbone.get_layer("block_2_project_BN"), network.backbone.get_layer("block_1_expand_BN")
    network.backbone.trainable = False
    learned.trainable = True
    learned.moving_mean.assign(learned.moving_mean + 100)
    frozen.moving_mean.assign(frozen.moving_mean + 100)

    make_int8_ready(training)

    assert np.abs(learned.moving_mean).max() < 90
    assert np.abs(frozen.moving_mean).min() > 90


def small_network() -> Network:
    """Two frozen normalisations whose statistics are far from the pictures' own, and two that learn on top."""
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    random, layers = np.random.default_rng(5), keras.layers
    pixels = x = layers.Input((16, 16, 3))
    for index in range(4):
        x = layers.DepthwiseConv2D(3, padding="same")(x) if index == 1 else layers.Conv2D(8, 3, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization(trainable=index > 1)(x))
    backbone = keras.Model(pixels, x)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization) and not layer.trainable:
            layer.moving_mean.assign(random.normal(size=8) * 0.3)
            layer.moving_variance.assign(random.uniform(0.02, 0.5, 8))
    return Network(backbone, keras.Sequential())


def test_with_frozen_and_learning_layers_the_network_stays_the_one_that_was_chosen() -> None:
    network = small_network()
    images = np.random.default_rng(3).integers(0, 256, (64, 16, 16, 3), np.uint8)
    samples = Samples(images, np.zeros(64, np.int32))
    training = SimpleNamespace(
        recipe=Recipe(), network=network, data=SimpleNamespace(training=samples), progress=SILENT
    )
    renew_statistics(training)
    chosen = features(network, images)

    round_to_int8(training)

    written = features(network, images)
    assert np.abs(written - chosen).mean() < 0.02 * np.abs(chosen).mean()


@pytest.mark.shared
@pytest.mark.parametrize("share", [0.7, 0.0])
def test_imagenet_s_features_survive(shared: Path, share: float) -> None:
    """Real frozen layers amplify what rounding does to the channels before them."""
    network = mobilenet_v2(Recipe(image_size=96), (96, 96, 3), 10)
    MOBILENET_V2.load_weights(network.backbone, WeightsFile(shared / "weights" / file_name(0.35, 96), 96, "local", ""))
    learning = learning_layers(network.backbone, share)
    for layer in network.backbone.layers:
        layer.trainable = layer in learning
    files = sorted((shared / "data/sign-digits10").glob("*/*"))[::32]
    images = np.stack([np.asarray(Image.open(file).convert("RGB").resize((96, 96))) for file in files])
    samples = Samples(images, np.zeros(len(files), np.int32))
    training = SimpleNamespace(
        recipe=Recipe(), network=network, data=SimpleNamespace(training=samples), progress=SILENT
    )
    renew_statistics(training)
    chosen = features(network, images)

    make_int8_ready(training)

    assert np.corrcoef(features(network, images).ravel(), chosen.ravel())[0, 1] > 0.97
