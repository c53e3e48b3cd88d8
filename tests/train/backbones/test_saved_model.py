"""SavedModels of both Keras versions and of TensorFlow alone, read from their operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.core.errors import EiTrainError
from tests.train import foreign
from train.backbones.flat import ENTRY, assemble, split
from train.backbones.given_model import GivenModel
from train.backbones.saved_model import read_saved_model


def without_flip(model: Any) -> Any:
    """The model without its random layer: Keras 3 exports a generator that counts its calls."""
    keras = foreign.library(type(model).__module__.split(".")[0])
    if not any(layer.name.startswith("random") for layer in model.layers):
        return model
    kept = [layer for layer in model.layers if not layer.name.startswith("random")]
    return keras.Sequential([keras.layers.Input(foreign.SHAPE), *kept], name="plain")


@pytest.mark.parametrize("name", foreign.MODELS)
@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_layers_are_read_from_operations(library: str, name: str, tmp_path: Path) -> None:
    theirs = foreign.scattered(without_flip(foreign.MODELS[name](foreign.library(library))))
    path = foreign.saved(theirs, tmp_path / "saved")

    found = read_saved_model(path)  # and `GivenModel.read` holds these layers against what TensorFlow says
    given = GivenModel.read(path, scaling="0..1" if name == "template" else None, labels=None)

    x = foreign.pixels() / (255 if name == "template" else 1)
    inner = {"tutorial": x / 255, "transfer": x / 127.5 - 1, "template": x}[name]
    body = assemble(given.network.body, foreign.SHAPE, entry=ENTRY, name="body")
    head = assemble(given.network.head, body.output_shape[1:], entry="features", name="head")
    activation = foreign.library("tf_keras").activations.get(given.network.activation)
    ours, want = activation(head(body(inner))).numpy(), np.asarray(theirs(x, training=False))
    np.testing.assert_allclose(ours, want, rtol=1e-3, atol=1e-4)
    assert len(found.layers.steps) >= len(given.network.body)
    normalised = [step for step in given.network.body if step.kind == "BatchNormalization"]
    assert all(len(step.weights) == 4 for step in normalised), "its statistics are known, not folded"


def _saved(folder: Path, function: Any, *signature: Any, variables: Any = ()) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.variables_of_it = variables
    module.serve = tf.function(function, input_signature=signature or [tf.TensorSpec((None, 8, 8, 3), tf.float32, "x")])
    tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": module.serve})
    return folder / "saved"


def _operations() -> dict[str, tuple[Any, str]]:
    import tensorflow as tf

    kernel = tf.constant(np.random.default_rng(1).normal(size=(192, 2)).astype(np.float32))

    def dense(x: Any) -> Any:
        return {"y": tf.nn.softmax(tf.reshape(x, (-1, 192)) @ kernel)}

    spec = tf.TensorSpec
    return {
        "operation": (lambda x: dense(tf.sin(x)), r"layer '.*Sin' \(Sin\) has no INT8 form here"),
        "computed weights": (
            lambda x: {"y": tf.reshape(x, (-1, 192)) @ (kernel * tf.reduce_mean(kernel))},
            r"\(MatMul\) computes its weights",
        ),
        "outputs": (lambda x: dense(x) | {"z": x}, "the model has 2 outputs"),
        "integers": (lambda x: dense(tf.cast(x, tf.float32)), "the input is uint8"),
        "open": (lambda x: dense(x), r"the input is float32 \(None, None, 8, 3\)"),
        "nothing": (lambda x: {"y": x}, "the model does nothing"),
        "rescaling inside": (
            lambda x: {"y": (tf.reshape(x, (-1, 192)) @ kernel) * 3.0},
            r"layer 'mul' \(Rescaling\) has no INT8 form here",
        ),
    } | {"shapes": (spec((None, 8, 8, 3), tf.uint8, "x"), spec((None, None, 8, 3), tf.float32, "x"))}


@pytest.mark.parametrize(
    "name", ["operation", "computed weights", "outputs", "integers", "open", "nothing", "rescaling inside"]
)
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    cases = _operations()
    integers, open_ = cases["shapes"]
    function, words = cases[name]
    path = _saved(tmp_path, function, *{"integers": [integers], "open": [open_]}.get(name, []))

    with pytest.raises(EiTrainError, match=words) as caught:
        GivenModel.read(path, scaling="0..1", labels=None)

    assert "saved" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_graph_of_tensorflow_alone_is_read(tmp_path: Path) -> None:
    import tensorflow as tf

    random = np.random.default_rng(1)
    kernel, dense = (tf.Variable(random.normal(size=shape).astype(np.float32)) for shape in ((3, 3, 3, 4), (4, 2)))

    def serve(x: Any) -> Any:
        cells = tf.nn.relu6(tf.nn.conv2d(x, kernel, 2, "SAME") + tf.range(4.0))
        return {"y": tf.nn.softmax(tf.reduce_mean(cells, (1, 2)) @ dense)}

    with pytest.raises(EiTrainError, match="no INT8 form"):  # a sum that is computed in the graph is no bias
        GivenModel.read(_saved(tmp_path / "computed", serve, variables=[kernel, dense]), scaling="0..1", labels=None)

    def serve_stored(x: Any) -> Any:
        cells = tf.nn.relu6(tf.nn.conv2d(x, kernel, 2, "SAME") + tf.constant([0.1, 0.2, 0.3, 0.4]))
        return {"y": tf.nn.softmax(tf.reduce_mean(cells, (1, 2)) @ dense)}

    given = GivenModel.read(
        _saved(tmp_path / "stored", serve_stored, variables=[kernel, dense]), scaling="0..1", labels=None
    )
    assert [step.kind for step in given.network.body] == ["Conv2D", "ReLU", "GlobalAveragePooling2D"]
    assert given.network.body[0].config["use_bias"]


@pytest.mark.parametrize(("name", "words"), [("empty", "holds no saved_model.pb"), ("damaged", "cannot be loaded")])
def test_other_folders_are_refused(name: str, words: str, tmp_path: Path) -> None:
    if name == "damaged":
        (tmp_path / "saved_model.pb").write_bytes(b"\x12\x99garbage")

    with pytest.raises(EiTrainError, match=words):
        read_saved_model(tmp_path)


def test_layers_that_give_something_else_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.backbones import given_model

    path = foreign.saved(foreign.scattered(foreign.template(foreign.library("tf_keras"))), tmp_path / "saved")
    monkeypatch.setattr(given_model, "split", lambda layers: _with_other_weights(split(layers)))

    with pytest.raises(EiTrainError, match=r"its operations were not understood: .* differ by"):
        GivenModel.read(path, scaling="0..1", labels=None)


def _with_other_weights(network: Any) -> Any:
    from dataclasses import replace

    last = network.head[-1]
    return replace(
        network, head=[*network.head[:-1], replace(last, weights=[value[..., ::-1] for value in last.weights])]
    )
