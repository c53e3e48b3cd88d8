"""A finished model: how its ends fit the data, and a whole run that is held against it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.block.run_folder import CONFIG, INT8_FILE
from ei_compat.core.errors import DataError, EiTrainError
from ei_compat.core.progress import SILENT
from ei_compat.media.images import ImageSpec, load_images
from tests.firmware import host
from tests.train import foreign
from tests.train.conftest import draw_classes
from tests.train.networks import classification
from train import pipeline
from train.backbones.given_model import GIVEN, GivenModel, GivenNetwork
from train.backbones.own_layers import Step
from train.job import Job
from train.recipe import Recipe
from train.tasks.classification import Classification
from train.tasks.regression import Regression

OPTIONS = {"fine_tune_epochs": 2, "min_steps": 0, "batch_size": 8, "max_prune_drop": 1.0, "max_int8_drop": 1.0}


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of sixteen pictures."""
    return draw_classes(tmp_path_factory.mktemp("given") / "pictures", {"cat": 16, "dog": 16})


@pytest.fixture(scope="module")
def arrays(colours: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same as pixels 0..255 and class numbers."""
    files = sorted(colours.glob("*/*.png"))
    pixels = load_images(files, ImageSpec(*foreign.SHAPE), out=None, max_broken=0.0, progress=SILENT).pixels
    return pixels, np.array([file.parent.name == "dog" for file in files]).astype(int)


def trained(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The model after it has learned two colours, statistics too."""
    for layer in model.layers:
        layer.momentum = 0.5
    logits = "softmax" not in str(model.layers[-1].get_config().get("activation"))
    keras = foreign.library(type(model).__module__.split(".")[0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(x.astype(np.float32), y, epochs=12, batch_size=8, verbose=0)
    return model


@pytest.fixture(scope="module")
def keras_3_file(arrays: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras = foreign.library("keras")
    keras.utils.set_random_seed(1)
    model = trained(foreign.tutorial(keras), *arrays)
    return foreign.saved(model, tmp_path_factory.mktemp("file") / "model.keras")


def compressed(model: Path, data: Path, out: Path, **options: Any) -> Any:
    labels = options.pop("labels", None)
    given = OPTIONS | options
    job = Job(data, out, Recipe(**given), given=frozenset(given), overridden=frozenset(given), model=model)
    report = pipeline.run(replace(job, labels=labels), SILENT)
    assert report is not None
    return report


def test_a_keras_3_file_becomes_a_library_and_is_held_against_itself(
    keras_3_file: Path, colours: Path, tmp_path: Path
) -> None:
    report = compressed(keras_3_file, colours, tmp_path / "out")

    assert list(report.unpruned) == [GIVEN]
    assert report.unpruned[GIVEN]["validation"] == 1.0
    assert report.metrics["int8"]["validation"].metric == 1.0
    assert report.sparsity.int8_file >= 0.8
    assert report.best_epochs.keys() == {"finetune"}, "its head is not trained anew"
    config = (tmp_path / "out" / CONFIG).read_text()
    assert '"imageInputScaling": "0..1"' in config
    assert '"origin": "given"' in config
    wrong, compared = host.mismatches((tmp_path / "out" / INT8_FILE).read_bytes(), tmp_path / "c", 8)
    assert compared
    assert not wrong


def test_a_saved_model_goes_on_from_its_weights(
    colours: Path, arrays: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    keras = foreign.library("keras")
    keras.utils.set_random_seed(1)
    model = trained(foreign.transfer(keras), *arrays)

    report = compressed(foreign.saved(model, tmp_path / "saved"), colours, tmp_path / "out", prune=False)

    assert report.unpruned[GIVEN]["validation"] == 1.0
    assert report.metrics["int8"]["validation"].metric == 1.0


def test_classes_in_another_order_are_heard_and_put_right(keras_3_file: Path, colours: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "pictures"
    for old, new in (("cat", "zebra"), ("dog", "ant")):  # in the order of the data they change places
        shutil.copytree(colours / old, renamed / new)

    with pytest.raises(DataError, match=r"right for 0\.000 of 32 .* seem to be zebra, ant, in this order: say so with"):
        compressed(keras_3_file, renamed, tmp_path / "out")

    report = compressed(keras_3_file, renamed, tmp_path / "out", labels=("zebra", "ant"))
    assert report.unpruned[GIVEN]["validation"] == 1.0


def test_a_model_that_guesses_is_refused(colours: Path, tmp_path: Path) -> None:
    path = foreign.saved(foreign.tutorial(foreign.library("keras")), tmp_path / "model.keras")

    with pytest.raises(DataError, match=r"guessing the most frequent class for 0\.500; check --input-scaling"):
        compressed(path, colours, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> GivenModel:
    """A model of the template, with three outputs, that does not say how its pixels are scaled."""
    model = foreign.scattered(foreign.template(foreign.library("tf_keras"), classes=3))
    path = foreign.saved(model, tmp_path_factory.mktemp("given") / "model.h5")
    return GivenModel.read(path, scaling=None, labels=None)


def test_what_it_answers_of_the_recipe(given: GivenModel) -> None:
    answers = replace(given, scaling="-1..1").settles()

    assert answers == {
        "network": str(given.path),
        "epochs": 0,
        "input_scaling": "-1..1",
        "image_size": 32,
        "channels": 3,
    }


def _with_end(given: GivenModel, units: int, activation: str) -> GivenModel:
    last: Step = given.network.head[-1]
    config = {**last.config, "units": units}
    last = replace(last, config=config, shape=(units,), weights=[value[..., :units] for value in last.weights])
    return replace(given, network=replace(given.network, head=[*given.network.head[:-1], last], activation=activation))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda given: given.of(Regression(("value",)), foreign.SHAPE, 1), "compress takes classifiers"),
        (lambda given: given.of(classification(2), foreign.SHAPE, 1), "has 3 outputs, and the data have 2 classes"),
        (lambda given: given.of(classification(3), (96, 96, 3), 1), r"takes inputs \(32, 32, 3\), and the data give"),
        (lambda given: given.check_images(), r"does not say what it was given for pixels; say it with --input-scal"),
        (lambda given: _with_end(given, 3, "sigmoid").of(classification(3), foreign.SHAPE, 1), "ends with sigmoid"),
        (
            lambda given: replace(given, labels=("a", "b", "x")).of(classification(3), foreign.SHAPE, 1),
            "--labels: 'c' is not in both the file and the data's a, b, c",
        ),
        (
            lambda given: replace(given, network=replace(given.network, shape=(32, 48, 3))).check_images(),
            r"takes inputs \(32, 48, 3\), and pictures are prepared as squares",
        ),
        (lambda given: GivenModel.read(Path("nowhere.h5"), scaling=None, labels=None), "nowhere.h5: no such model"),
    ],
)
def test_what_does_not_fit_is_one_line(given: GivenModel, change: Any, words: str) -> None:
    with pytest.raises(EiTrainError, match=words):
        change(given)


def test_one_sigmoid_becomes_two_classes(given: GivenModel) -> None:
    one = _with_end(given, 1, "sigmoid")
    network = one.of(classification(2), foreign.SHAPE, 1)
    assert isinstance(network, GivenNetwork)
    assert "its one output, the score of the second class, becomes two with a softmax" in network.notes

    features = np.random.default_rng(3).random((5, 256 * 16)).astype(np.float32) / 50
    two = network.build_head(Recipe(), features.shape[1])(features).numpy()
    plain = replace(network, network=replace(one.network, activation="sigmoid"))
    score = plain.build_head(Recipe(), features.shape[1])(features).numpy()

    np.testing.assert_allclose(two[:, 1], score[:, 0], rtol=1e-4, atol=1e-6)


def test_labels_put_the_outputs_in_the_order_of_the_data(given: GivenModel) -> None:
    network = replace(given, labels=("c", "a", "b")).of(Classification(("a", "b", "c")), foreign.SHAPE, 1)
    assert isinstance(network, GivenNetwork)

    before, after = given.network.head[-1].weights, network.network.head[-1].weights
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(now, was[..., [1, 2, 0]])


@pytest.mark.parametrize(
    ("scale", "offset", "given_scaling", "inside"),
    [
        (1 / 255, 0.0, None, "0..1"),
        (1 / 127.5, -1.0, None, "-1..1"),
        (2.0, -1.0, "0..1", "-1..1"),
        (1.0, -128.0, None, "-128..127"),
        ([1 / 58.395, 1 / 57.12, 1 / 57.375], [-2.117904, -2.0357144, -1.8044444], None, "torch"),
        (1 / 100, 0.0, None, None),
    ],
)
def test_a_models_own_rescaling_becomes_the_input_scaling(
    scale: Any, offset: Any, given_scaling: str | None, inside: str | None, tmp_path: Path
) -> None:
    keras = foreign.library("tf_keras")
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((8, 8, 3)), layers.Rescaling(scale, offset), layers.Flatten(), layers.Dense(2, "softmax")]
    )
    path = foreign.saved(model, tmp_path / "model.keras")

    if inside is None:
        with pytest.raises(EiTrainError, match=r"its own rescaling by 0\.01 and 0 of pixels in 0\.\.255 gives none of"):
            GivenModel.read(path, scaling=given_scaling, labels=None)
        return
    found = GivenModel.read(path, scaling=given_scaling, labels=None)
    assert found.scaling == inside
    assert f"the compressed model is given {inside}" in found.notes[0]
