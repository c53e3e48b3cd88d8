"""Features of every variant, and variants that show something else are left out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.train.networks import classification
from train.methods.features import extract
from train.network import Network
from train.recipe import Recipe
from train.samples import Samples


class Notes(list[str]):
    """Keeps what is said."""

    note = list.append

    def task(self, *_: object) -> object:
        from ei_compat.core.progress import SILENT

        return SILENT.task("")


def training_on(images: np.ndarray, classes: np.ndarray, folder: Path, **asked: object) -> SimpleNamespace:
    """A backbone that gives the pixels of the middle rows as they are."""
    import tf_keras as keras

    pixels = keras.layers.Input(images.shape[1:])
    backbone = keras.Model(pixels, keras.layers.Flatten()(keras.layers.Cropping2D(((1, 1), (0, 0)))(pixels)))
    samples = Samples(images, classes.astype(np.int32))
    data = SimpleNamespace(training=samples, validation=samples, task=classification(2))
    data.held_out = lambda: {"validation": samples}
    recipe = Recipe().model_copy(update=asked)
    network = Network(backbone, keras.Sequential())
    return SimpleNamespace(recipe=recipe, network=network, data=data, folder=folder, progress=Notes())


@pytest.mark.parametrize(
    ("bright", "mirrored"),
    [
        pytest.param(lambda classes: np.stack([1 - classes, classes], 1), False, id="left and right"),
        pytest.param(lambda classes: np.stack([classes, classes], 1), True, id="dark and bright"),
    ],
)
def test_mirror_images_are_used_unless_they_cost_accuracy(bright, mirrored: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    classes = np.arange(60) % 2
    images = random.uniform(0, 0.2, (60, 3, 2, 1)).astype(np.float32)
    images += bright(classes)[:, None, :, None]

    training = training_on(images, classes, tmp_path)
    features = extract(training)

    assert features.variants.mirrored == mirrored
    assert len(features.training) == 60 * (1 + mirrored)
    np.testing.assert_allclose(features.training[:60], images[:, 1, :, 0], rtol=1e-6)
    if mirrored:
        np.testing.assert_allclose(features.training[60:], images[:, 1, ::-1, 0], rtol=1e-6)
    else:
        assert "Mirror images are left out" in training.progress[0]
    np.testing.assert_array_equal(features.probe.predict(features.held_out["validation"]).argmax(axis=1), classes)


@pytest.mark.parametrize(
    ("where", "closer"),
    [
        pytest.param(lambda classes: (np.arange(9) == 8) * 0.9 * classes[:, None], 0, id="at an edge"),
        pytest.param(lambda classes: np.repeat(classes[:, None] * 0.5, 9, axis=1), 2, id="everywhere"),
    ],
)
def test_closer_looks_are_used_unless_they_cost_accuracy(where, closer: int, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    classes = np.arange(60) % 2
    images = random.uniform(0, 0.02, (60, 9, 9, 1)).astype(np.float32) + where(classes)[:, None, :, None]

    training = training_on(images.astype(np.float32), classes, tmp_path, mirror=False, closer_looks=2)
    features = extract(training)

    assert features.variants.closer == closer
    assert not features.variants.mirrored
    assert len(features.training) == 60 * (1 + closer)
    np.testing.assert_allclose(features.training[:60], images[:, 1:-1].reshape(60, -1), rtol=1e-6)
    assert [note.partition(":")[0] for note in training.progress] == ["Closer looks are left out"] * (closer == 0)
