"""MobileNetV1 through the protocol: its weights, its graph, and its INT8 file bit for bit in C."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from firmware.package import package
from tests.train.networks import classification
from train.backbones import BACKBONES
from train.backbones.mobilenet_v1 import MOBILENET_V1, PUBLISHED, file_name
from train.backbones.weights_file import WeightsFile
from train.graph import Graph, bottlenecks, cut_points, first_kernel
from train.methods.ending import ending
from train.methods.int8_ready import make_int8_ready
from train.methods.quantize import calibration_set, freeze, to_int8
from train.network import Network, build_network, prunable_kernels
from train.recipe import Recipe
from train.samples import Samples
from train.scaling import Scaling

RECIPE = Recipe(alpha=0.25, image_size=32, batch_norm_momentum=0.0)  # one batch settles the statistics


@pytest.fixture(scope="module")
def network() -> Network:
    return build_network(MOBILENET_V1, classification(3), RECIPE, (32, 32, 3))


def first_layers(model: Any) -> Any:
    import tf_keras as keras

    return keras.Model(model.input, model.get_layer("conv1_bn").output)


def test_it_is_registered_with_its_smallest_width() -> None:
    assert BACKBONES.named("mobilenet_v1") is MOBILENET_V1
    assert MOBILENET_V1.defaults(pretrained=True) == {"alpha": 0.25}
    assert MOBILENET_V1.defaults(pretrained=False)["augment"] is True


@pytest.mark.parametrize(
    ("recipe", "shape", "kind", "message"),
    [
        pytest.param(
            Recipe(alpha=0.35), (96, 96, 3), UsageError, "--alpha 0.35: mobilenet_v1 has the widths", id="alpha"
        ),
        pytest.param(RECIPE, (31, 96, 3), DataError, "no pictures this network can take", id="too small"),
        pytest.param(RECIPE, (40,), DataError, "no pictures this network can take", id="features"),
    ],
)
def test_what_it_cannot_be_built_with(recipe: Recipe, shape: tuple[int, ...], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        MOBILENET_V1.check(recipe, shape)


def test_published_weights_are_found_and_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    import tf_keras as keras

    keras.utils.set_random_seed(5)
    model = keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None)
    random, norm = np.random.default_rng(5), model.get_layer("conv1_bn")
    norm.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])
    model.save_weights(tmp_path / file_name(0.25, 128))
    monkeypatch.setenv("EI_TRAIN_WEIGHTS", str(tmp_path))

    file = PUBLISHED.find("imagenet", alpha=0.25, size=96, progress=SILENT)
    assert isinstance(file, WeightsFile)
    MOBILENET_V1.load_weights(network.backbone, file)

    x = random.uniform(size=(2, 32, 32, 3)).astype(np.float32)
    ours, theirs = first_layers(network.backbone)(x).numpy(), first_layers(model)(2 * x - 1).numpy()
    np.testing.assert_allclose(ours[:, :-1, :-1], theirs[:, :-1, :-1], atol=2e-5)
    for layer in model.layers[3:]:
        for a, b in zip(network.backbone.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_its_graph_has_no_bottlenecks_and_an_end_behind_a_block(network: Network) -> None:
    assert first_kernel(network.backbone).name == "conv1"
    assert bottlenecks(network.backbone) == []
    assert all(Graph.of(network.backbone).is_stored(layer) for layer in cut_points(network.backbone))
    end = ending(network, 0.7)
    assert end is not None
    assert end.beginning.layers[-1].name == "conv_dw_2_relu", "its planes are the smallest before the last 70 %"
    x = np.random.default_rng(1).random((2, 32, 32, 3), np.float32)
    parts = end.network(end.beginning(x, training=False), training=False)
    np.testing.assert_allclose(parts, network(x, training=False), atol=1e-6)


def test_its_int8_file_is_the_same_bit_for_bit_in_c(network: Network, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    samples = Samples(random.integers(0, 256, (64, 32, 32, 3), np.uint8), np.arange(64, dtype=np.int32) % 3)
    network.backbone(samples.x[:32].astype(np.float32) / 255, training=True)
    for kernel in prunable_kernels(network):
        kernel.assign(np.where(random.random(kernel.shape) < 0.8, 0, kernel))
    data = SimpleNamespace(training=samples, scaling=Scaling.of("0..1", 3), task=classification(3))
    make_int8_ready(SimpleNamespace(recipe=RECIPE, network=network, data=data, progress=SILENT))

    (tmp_path / "model.tflite").write_bytes(to_int8(freeze(network), calibration_set(data, RECIPE)))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    done = package(
        tmp_path / "model.tflite", name="v1", version="1", labels=tmp_path / "labels.txt", output=tmp_path / "v1.zip"
    )

    assert done.checked > 0, "no C compiler"
