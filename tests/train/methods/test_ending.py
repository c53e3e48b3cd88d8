"""The end of a network learns alone, from what its beginning gives, and together they are the network."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ei_compat.core.progress import SILENT
from tests.train.networks import mobilenet_v2
from train.methods.ending import ending, planes
from train.network import Network, learning_layers
from train.recipe import Recipe
from train.samples import Samples
from train.views import Variants, Views


@pytest.fixture(scope="module")
def network() -> Network:
    return mobilenet_v2(Recipe(image_size=32), (32, 32, 3), 4)


def test_beginning_and_end_are_the_network(network: Network) -> None:
    end = ending(network, 0.7)
    assert end is not None
    images = np.random.default_rng(1).random((5, 32, 32, 3), np.float32)

    parts = end.network(end.beginning(images, training=False), training=False)

    np.testing.assert_allclose(parts, network(images, training=False), atol=1e-6)
    learning = {layer.name for layer in learning_layers(network.backbone, 0.7)}
    assert learning <= {layer.name for layer in end.network.backbone.layers}
    own = [id(variable) for variable in (*end.beginning.variables, *end.network.variables)]
    assert sorted(own) == sorted(id(variable) for variable in network.variables), "each layer is in one of the parts"


@pytest.mark.parametrize(("share", "start"), [(0.7, "block_4_add"), (0.3, "block_11_add"), (0.97, None), (1.0, None)])
def test_the_end_starts_behind_a_block(network: Network, share: float, start: str | None) -> None:
    end = ending(network, share)

    assert (end and end.beginning.layers[-1].name) == start


def test_planes_of_mirror_images_follow_those_of_the_images(network: Network) -> None:
    end = ending(network, 0.7)
    assert end is not None
    random = np.random.default_rng(2)
    x, y = random.integers(0, 256, (70, 32, 32, 3), np.uint8), np.zeros(70, np.int32)
    constants = (random.random((140, 4), np.float32),)
    training = SimpleNamespace(data=SimpleNamespace(validation=Samples(x[:9], y[:9])), progress=SILENT, folder=None)

    known, held = planes(training, end.beginning, Views(x, y, Variants(mirrored=True), constants))

    mirrored = end.beginning(x[3:4, :, ::-1].astype(np.float32) / 255, training=False)
    np.testing.assert_allclose(known.take(np.array([73]))[0], mirrored, atol=1e-5)
    np.testing.assert_allclose(held.x, known.x[:9], atol=1e-5)
    assert known.constants is constants
    assert known.variants == Variants(mirrored=True)


def test_features_are_compiled_once_and_follow_the_weights(network: Network) -> None:
    random = np.random.default_rng(3)
    x, y = random.integers(0, 256, (3, 32, 32, 3), np.uint8), np.zeros(3, np.int32)
    features = network.features(Samples(x, y))
    scaled = x.astype(np.float32) / 255
    kernel = network.backbone.layers[1].kernel

    for factor in (1.0, -1.0):
        kernel.assign(kernel * factor)
        np.testing.assert_allclose(features(x), network.backbone(scaled, training=False), atol=1e-5)
    kernel.assign(kernel * -1.0)

    assert network.features(Samples(x[:2], y[:2])) is features
    assert network.features(Samples(scaled, y)) is not features
