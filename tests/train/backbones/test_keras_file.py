"""Keras files of both versions, read without Keras 3: the same outputs, and a line for what cannot be read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ei_compat.core.errors import EiTrainError, FormatError, UsageError
from tests.train import foreign
from train.backbones.keras_file import read_keras_file

LIBRARIES = ("keras", "tf_keras")


@pytest.mark.parametrize("name", foreign.MODELS)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_gives_the_model_that_was_saved(suffix: str, library: str, name: str, tmp_path: Path) -> None:
    theirs = foreign.scattered(foreign.MODELS[name](foreign.library(library)))
    path = foreign.saved(theirs, tmp_path / f"model{suffix}")

    ours = read_keras_file(path)

    x = foreign.pixels()
    np.testing.assert_allclose(ours(x).numpy(), np.asarray(theirs(x, training=False)), rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras 3 file of the model with a base."""
    folder = tmp_path_factory.mktemp("file")
    return foreign.saved(foreign.scattered(foreign.transfer(foreign.library("keras"))), folder / "model.keras")


def changed(file: Path, to: Path, change: Any) -> Path:
    """The file with its configuration and its weights (an open HDF5 file) changed."""
    with zipfile.ZipFile(file) as archive:
        document, weights = json.loads(archive.read("config.json")), archive.read("model.weights.h5")
    inner = to / "weights.h5"
    inner.write_bytes(weights)
    with h5py.File(inner, "r+") as group:
        change(document["config"], group)
    with zipfile.ZipFile(to / "changed.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(document))
        archive.write(inner, "model.weights.h5")
    return to / "changed.keras"


def _layer(config: Any, name: str) -> Any:
    return next(layer for layer in config["layers"] if layer["config"]["name"] == name)


def _other_class(config: Any, _: Any) -> None:
    _layer(config, "scores").update(class_name="Mine", module="mine.layers", registered_name="mine>Mine")


def _own_class_of_a_known_name(config: Any, _: Any) -> None:
    _layer(config, "scores").update(module="mine.layers")


def _option(config: Any, _: Any) -> None:
    _layer(config, "scores")["config"]["lora_rank"] = 4


def _lambda(config: Any, _: Any) -> None:
    _layer(config, "scores")["class_name"] = "Lambda"


def _twice(config: Any, _: Any) -> None:
    layer = _layer(config, "scores")
    layer["inbound_nodes"] *= 2


def _no_weights(_: Any, group: Any) -> None:
    del group["layers/dense/vars/1"]


def _other_shape(config: Any, _: Any) -> None:
    _layer(config, "scores")["config"]["units"] = 5


def _other_layer(_: Any, group: Any) -> None:
    group["layers/dense/vars"].attrs["name"] = "logits"


def _weights_left(config: Any, group: Any) -> None:
    group.create_dataset("layers/conv2d_7/vars/0", data=np.zeros(3))


def _damaged(config: Any, _: Any) -> None:
    del _layer(config, "scores")["inbound_nodes"]


def _circle(config: Any, _: Any) -> None:
    layer = _layer(config, "scores")
    layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = ["scores", 0, 0]


REFUSED = {
    "class": (_other_class, r"layer 'scores' \(Mine\) has no INT8 form here; such a model cannot be compressed"),
    "namesake": (_own_class_of_a_known_name, r"layer 'scores' \(Dense\) has no INT8 form here"),
    "option": (_option, r"layer 'scores' \(Dense\) has lora_rank=4"),
    "lambda": (_lambda, r"layer 'scores' \(Lambda\) has no INT8 form here; it holds any Python code"),
    "twice": (_twice, r"layer 'scores' \(Dense\) is used twice"),
    "no weights": (_no_weights, r"should have weights \[\(16, 2\), \(2,\)\] but has \[\(16, 2\)\]"),
    "shape": (_other_shape, r"should have weights \[\(16, 5\), \(5,\)\] but has"),
    "other layer": (_other_layer, "the weights of layer 'scores' are those of 'logits'"),
    "left": (_weights_left, "holds weights of no layer of its configuration: /layers/conv2d_7/vars/0"),
    "damaged": (_damaged, r"is damaged, or no Keras model \(KeyError"),
    "circle": (_circle, "layers wait for each other"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_one_line(change: Any, words: str, file: Path, tmp_path: Path) -> None:
    with pytest.raises(EiTrainError, match=words) as caught:
        read_keras_file(changed(file, tmp_path, change))

    assert "changed.keras" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_lambda_is_not_run(tmp_path: Path) -> None:
    keras = foreign.library("tf_keras")
    model = keras.Sequential([keras.layers.Lambda(lambda x: x, input_shape=(4,)), keras.layers.Dense(2)])
    path = foreign.saved(model, tmp_path / "model.h5")

    with pytest.raises(UsageError, match=r"\(Lambda\) has no INT8 form here"):
        read_keras_file(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"PK\x03\x04", "is no Keras model"), (b"\x89HDF\r\n\x1a\n", "is damaged, or no"), (b"", "is no Keras model")],
)
def test_other_files_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(content)

    with pytest.raises(FormatError, match=words):
        read_keras_file(tmp_path / "model")


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    keras = foreign.library("tf_keras")
    keras.Sequential([keras.layers.Dense(2, input_shape=(3,))]).save_weights(tmp_path / "only.weights.h5")

    with pytest.raises(FormatError, match="holds weights and no model; save the whole model"):
        read_keras_file(tmp_path / "only.weights.h5")
