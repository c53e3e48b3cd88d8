"""Weights are found, checked and folded exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from tests.train.networks import mobilenet_v2
from train.backbones import keras_applications
from train.backbones.mobilenet_v2 import MOBILENET_V2, PUBLISHED, file_name
from train.backbones.weights_file import WeightsFile
from train.network import Network
from train.recipe import Recipe


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[WeightsFile, object]:
    """Keras' own MobileNetV2 for [-1, 1] with random statistics, and a file of its weights."""
    import tf_keras as keras

    keras.utils.set_random_seed(5)
    model = keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None)
    random = np.random.default_rng(5)
    normalisation = model.get_layer("bn_Conv1")
    normalisation.set_weights([random.uniform(0.5, 1.5, w.shape) for w in normalisation.get_weights()])
    path = tmp_path_factory.mktemp("weights") / file_name(0.35, 96)
    model.save_weights(path)
    return WeightsFile(path, 96, "local", "digest"), model


@pytest.fixture(scope="module")
def network() -> Network:
    """A network into which every test loads its weights."""
    return mobilenet_v2(Recipe(), (64, 64, 3), 2)


def first_layers(model: object) -> object:
    import tf_keras as keras

    return keras.Model(model.input, model.get_layer("bn_Conv1").output)


def test_folded_rescale_gives_the_same_activations_away_from_the_border(
    original: tuple[WeightsFile, object], network: Network
) -> None:
    file, model = original
    MOBILENET_V2.load_weights(network.backbone, file)
    x = np.random.default_rng(1).uniform(size=(2, 64, 64, 3)).astype(np.float32)

    expected = first_layers(model)(2 * x - 1).numpy()
    actual = first_layers(network.backbone)(x).numpy()

    np.testing.assert_allclose(actual[:, :-1, :-1], expected[:, :-1, :-1], atol=2e-5)


def test_one_channel_sees_what_three_equal_channels_see(original: tuple[WeightsFile, object], network: Network) -> None:
    file, _ = original
    colour, grey = network, mobilenet_v2(Recipe(), (64, 64, 1), 2)
    MOBILENET_V2.load_weights(colour.backbone, file)
    MOBILENET_V2.load_weights(grey.backbone, file)
    x = np.random.default_rng(1).uniform(size=(2, 64, 64, 1)).astype(np.float32)

    np.testing.assert_allclose(
        first_layers(grey.backbone)(x), first_layers(colour.backbone)(np.repeat(x, 3, axis=-1)), atol=2e-5
    )


def test_every_other_layer_is_loaded_unchanged(original: tuple[WeightsFile, object], network: Network) -> None:
    file, model = original
    MOBILENET_V2.load_weights(network.backbone, file)

    for ours, theirs in zip(network.backbone.layers[3:-1], model.layers[3:], strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_file_with_its_top_gives_the_same(
    original: tuple[WeightsFile, object], tmp_path: Path, network: Network
) -> None:
    import h5py

    file, _ = original
    path = tmp_path / file_name(0.35, 96, top=True)
    path.write_bytes(file.path.read_bytes())
    with h5py.File(path, "r+") as content:
        group = content.create_group("predictions/predictions")
        group["kernel:0"], group["bias:0"] = np.zeros((1280, 1000), np.float32), np.zeros(1000, np.float32)
    MOBILENET_V2.load_weights(network.backbone, file)
    plain = network.backbone.get_weights()
    network.backbone.set_weights([np.zeros_like(weight) for weight in plain])
    MOBILENET_V2.load_weights(network.backbone, WeightsFile(path, 96, "local", ""))

    for ours, theirs in zip(network.backbone.get_weights(), plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_layers_are_still_refused(original: tuple[WeightsFile, object], tmp_path: Path, network: Network) -> None:
    import h5py

    path = tmp_path / "weights.h5"
    path.write_bytes(original[0].path.read_bytes())
    with h5py.File(path, "r+") as content:
        content["block_17_expand/kernel:0"] = np.zeros(3)

    with pytest.raises(DataError, match="has layers that MobileNetV2 lacks: block_17_expand; give Keras' own"):
        MOBILENET_V2.load_weights(network.backbone, WeightsFile(path, None, "given", ""))


@pytest.mark.parametrize("folder", ["weights", "transfer-learning-weights/keras"])
@pytest.mark.parametrize("top", [False, True])
@pytest.mark.usefixtures("nowhere")
def test_auto_finds_the_files_of_an_export(tmp_path: Path, folder: str, top: bool) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / file_name(0.35, 96, top=top)).write_bytes(b"x")

    found = PUBLISHED.find("auto", alpha=0.35, size=96, progress=SILENT)

    assert found is not None
    assert found.path == Path(folder) / file_name(0.35, 96, top=top)


def test_folding_for_another_zero(original: tuple[WeightsFile, object], network: Network) -> None:
    file, model = original
    zero = np.array([0.485, 0.456, 0.406])
    MOBILENET_V2.load_weights(network.backbone, file, zero)
    x = np.random.default_rng(1).uniform(size=(2, 64, 64, 3)).astype(np.float32)

    expected = first_layers(model)(2 * x - 1).numpy()
    actual = first_layers(network.backbone)((x - zero).astype(np.float32)).numpy()

    np.testing.assert_allclose(actual[:, :-1, :-1], expected[:, :-1, :-1], atol=5e-5)


def test_weights_of_another_alpha_are_refused(original: tuple[WeightsFile, object]) -> None:
    file, _ = original
    network = mobilenet_v2(Recipe(alpha=0.5), (64, 64, 3), 2)

    with pytest.raises(DataError, match=r"layer .* should hold .* of this alpha"):
        MOBILENET_V2.load_weights(network.backbone, file)


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(64), id="damaged")]
)
def test_file_that_is_not_hdf5_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    network = mobilenet_v2(Recipe(), (32, 32, 3), 2)

    with pytest.raises(DataError, match="not an HDF5 file"):
        MOBILENET_V2.load_weights(network.backbone, WeightsFile(path, None, "given", ""))


@pytest.mark.parametrize(
    ("asked", "present", "chosen"),
    [
        pytest.param(96, [96, 224], 96, id="exact"),
        pytest.param(160, [96, 224], 224, id="larger of two as near"),
        pytest.param(120, [96, 224], 96, id="nearest"),
        pytest.param(32, [224], 224, id="the only one"),
    ],
)
def test_nearest_size_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, present: list[int], chosen: int
) -> None:
    monkeypatch.setenv("EI_TRAIN_WEIGHTS", str(tmp_path))
    for size in present:
        (tmp_path / file_name(0.35, size)).write_bytes(b"x")

    found = PUBLISHED.find("auto", alpha=0.35, size=asked, progress=SILENT)

    assert found is not None
    assert (found.image_size, found.origin) == (chosen, "local")


class Warnings:
    """A progress that keeps its warnings."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights on this machine, and nothing that answers a download."""
    monkeypatch.setenv("EI_TRAIN_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras_applications, "KERAS", "http://127.0.0.1:9/")


@pytest.mark.usefixtures("nowhere")
def test_auto_without_any_weights_warns_once_and_starts_from_scratch() -> None:
    progress = Warnings()

    assert PUBLISHED.find("auto", alpha=0.35, size=160, progress=progress) is None
    assert len(progress.lines) == 1
    assert "training from scratch" in progress.lines[0]


@pytest.mark.usefixtures("nowhere")
def test_imagenet_without_any_weights_is_an_error() -> None:
    with pytest.raises(DataError, match=r"--weights imagenet: no ImageNet weights for alpha 0\.35"):
        PUBLISHED.find("imagenet", alpha=0.35, size=160, progress=SILENT)


def test_missing_file_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"--weights nowhere\.h5: no such weights file"):
        PUBLISHED.find("nowhere.h5", alpha=0.35, size=160, progress=SILENT)


@pytest.mark.shared
@pytest.mark.parametrize("size", [96, 224])
def test_real_imagenet_weights_fit(shared: Path, size: int) -> None:
    file = WeightsFile(shared / "weights" / file_name(0.35, size), size, "local", "")
    network = mobilenet_v2(Recipe(image_size=96), (96, 96, 3), 2)

    MOBILENET_V2.load_weights(network.backbone, file)

    features = network.backbone(np.full((1, 96, 96, 3), 0.5, np.float32)).numpy()
    assert 0 < features.mean() < 6
