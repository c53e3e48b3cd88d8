"""A network of one's own: the file is run, its model flattened and trained, and what cannot be is one clear line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.block.run_folder import INT8_FILE, KERAS
from ei_compat.core.errors import EiTrainError, UsageError
from ei_compat.core.progress import SILENT
from tests.firmware import host
from tests.train.conftest import SMALL
from train import pipeline
from train.backbones.flat import assemble, flat
from train.backbones.network_file import NetworkFile, UserNetwork
from train.job import Job
from train.recipe import Recipe
from train.runs.report import Report
from train.tasks.classification import Classification

ROOT = Path(__file__).resolve().parents[3]
SHAPE = (32, 32, 3)
HEAD = """
import tensorflow as tf
from tensorflow.keras import Model, Sequential, layers
from tensorflow.keras.layers import *
"""

TUTORIAL = """
def build(input_shape, classes):
    return Sequential([
        Conv2D(8, 3, strides=2, activation="relu", padding="same"),
        MaxPooling2D(),
        SeparableConv2D(8, 3, activation="relu6"),
        BatchNormalization(scale=False),
        Flatten(),
        Dense(8, activation="relu", name="dropout_1"),
        Dropout(0.1),
        Dense(classes),
        Activation("softmax"),
    ])
"""

# The template of the closed service, on a base that is cut and nested as there.
TEMPLATE = """
def base_model(input_shape):
    x = entry = Input(input_shape)
    for number, (filters, stride) in enumerate([(8, 2), (8, 1), (16, 2)]):
        before = x
        x = Conv2D(filters, 3, stride, "same", use_bias=False)(x)
        x = BatchNormalization(name=f"bn_{number}")(x)
        x = Add()([x, before]) if number == 1 else ReLU(6.0)(x)
    x = GlobalAveragePooling2D()(x)
    return Model(entry, Dense(10, activation="softmax")(x), name="base")

def build(input_shape, classes):
    base = base_model(input_shape)
    base.trainable = False
    model = Sequential()
    model.add(InputLayer(input_shape=input_shape, name="x_input"))
    model.add(Model(inputs=base.inputs, outputs=base.layers[-3].output))
    model.add(Reshape((-1, model.layers[-1].output.shape[3])))
    model.add(Dense(8, activation="relu"))
    model.add(Dropout(0.1))
    model.add(Flatten())
    model.add(Dense(classes, activation="softmax"))
    return model
"""

# A base of which only the beginning is frozen, with a dense layer behind its own normalisation.
PARTLY = TEMPLATE.replace(
    "base.trainable = False", "base.layers[1].trainable = base.layers[2].trainable = False"
).replace("    model.add(Reshape", "    model.add(BatchNormalization())\n    model.add(Reshape")


def written(folder: Path, body: str) -> Path:
    path = folder / "net.py"
    path.write_text(HEAD + body)
    return path


def built(folder: Path, body: str, shape: tuple[int, ...] = SHAPE) -> UserNetwork:
    backbone = NetworkFile.named(str(written(folder, body)), ()).of(Classification(("a", "b")), shape, 1)
    assert isinstance(backbone, UserNetwork)
    return backbone


def trained(data: Path, folder: Path, body: str, **options: Any) -> tuple[Job, Report]:
    options = (
        SMALL | {"network": str(written(folder, body)), "epochs": 3, "batch_size": 8, "max_prune_drop": 1.0} | options
    )
    job = Job(data, folder / "out", Recipe(**options), given=frozenset(options))
    report = pipeline.run(job, SILENT)
    assert report is not None
    assert report.sparsity.int8_file >= 0.8
    assert all(check.met for check in report.checks)
    return job, report


@pytest.mark.parametrize("body", [TUTORIAL, TEMPLATE, PARTLY], ids=["tutorial", "template", "partly"])
def test_the_flat_network_computes_what_the_file_built(body: str, tmp_path: Path) -> None:
    backbone = built(tmp_path, body)
    namespace: dict[str, Any] = {}
    exec(HEAD + body, namespace)  # noqa: S102
    model = namespace["build"](SHAPE, 2)
    x = np.random.default_rng(1).random((3, *SHAPE), np.float32)
    model(x)
    model.set_weights([np.random.default_rng(2).random(value.shape) for value in model.get_weights()])

    features = assemble(flat(model).body, SHAPE, entry="x_input", name="body")(x)
    network = UserNetwork(backbone.path, flat(model))

    assert features.shape.rank == 2
    head = network.build_head(Recipe(), features.shape[1])
    np.testing.assert_allclose(head(features).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-6)


def test_a_tutorials_network_trains_to_a_library_with_the_same_bits(images: Path, tmp_path: Path) -> None:
    job, _ = trained(images, tmp_path, TUTORIAL)

    wrong, compared = host.mismatches((job.out / INT8_FILE).read_bytes(), tmp_path / "c", 8)
    assert compared
    assert not wrong
    assert (job.out / KERAS).stat().st_size


def test_a_frozen_base_waits_for_fine_tuning(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _variables_after_the_head(monkeypatch)
    backbone = built(tmp_path, TEMPLATE)
    start = {step.name: step.weights for step in backbone.network.body if step.weights}

    trained(images, tmp_path, TEMPLATE)

    assert [step.name for step in backbone.network.frozen] == list(start)
    assert all(
        np.array_equal(value, first) for name in start for value, first in zip(seen[name], start[name], strict=True)
    )
    after = seen["trainer"].network.backbone
    kernels = [name for name in start if "conv" in name]
    assert not any(np.array_equal(after.get_layer(name).get_weights()[0], start[name][0]) for name in kernels)


def test_what_is_frozen_in_part_stays_in_part(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _variables_after_the_head(monkeypatch)
    backbone = built(tmp_path, PARTLY)

    trained(images, tmp_path, PARTLY)

    steps = [step for step in backbone.network.body if step.weights]
    moved = {step.name for step in steps if not np.array_equal(seen[step.name][0], step.weights[0])}
    assert {step.name for step in steps if step.trainable} == moved
    assert {step.name for step in backbone.network.frozen} == {"conv2d", "bn_0"}


def _variables_after_the_head(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The weights of each of the backbone's layers when phase one is done, and the trainer."""
    from train.methods import finetune

    seen: dict[str, Any] = {}
    begin = finetune.begin

    def looking(trainer: Any, state: Any) -> Any:
        seen.update({layer.name: layer.get_weights() for layer in trainer.network.backbone.layers})
        seen["trainer"] = trainer
        return begin(trainer, state)

    monkeypatch.setattr(finetune, "begin", looking)
    return seen


def network(layers: str, before: str = "") -> str:
    return f"{before}\ndef build(input_shape, classes):\n    return Sequential([InputLayer(input_shape), {layers}])\n"


END = "Flatten(), Dense(classes, activation='softmax')"
REFUSED = {
    "no build": ("x = 1", "there is no function build"),
    "syntax": ("def build(:\n", r"net.py:5: is no Python"),
    "exception": ("def build(shape, classes):\n    return 1 / 0\n", r"net.py:6: ZeroDivisionError: division by zero"),
    "import": ("import torch_of_mine", r"net.py:5: ModuleNotFoundError: No module named 'torch_of_mine'"),
    "exit": ("raise SystemExit(3)", r"net.py:5: SystemExit: 3"),
    "arguments": ("def build(shape):\n    return 1\n", r"TypeError: build\(\) takes 1 positional argument"),
    "nothing": ("def build(shape, classes):\n    pass\n", r"NoneType is not built of layers; return a Sequential"),
    "lambda": (
        network(f"Lambda(lambda x: x), {END}"),
        r"layer 'lambda' \(Lambda\) has no INT8 form here; it holds any",
    ),
    "custom": (
        network(f"Mine(), {END}", "class Mine(layers.Layer):\n    pass\n"),
        r"layer 'mine' \(Mine\) is not one of Keras' own layers",
    ),
    "operation": (
        "def build(s, c):\n    x = Input(s)\n    return Model(x, Dense(c, 'softmax')(Flatten()(x * 2)))\n",
        r"\(TFOpLambda\) has no INT8 form here; it is an operation on tensors",
    ),
    "recurrent": (
        network(f"Reshape((32, 96)), LSTM(4), {END}"),
        r"layer 'lstm' \(LSTM\) has no INT8 form here; use Ac",
    ),
    "activation": (network(f"Conv2D(4, 3, activation='selu'), {END}"), "is selu, which has no INT8 form here"),
    "groups": (network(f"Conv2D(3, 3, groups=3), {END}"), r"'conv2d' \(Conv2D\) has 3 groups; use a DepthwiseConv2D"),
    "scaling": (network(f"Rescaling(1 / 255), {END}"), "leave it out: inputs are scaled already"),
    "shared": (
        "def build(s, c):\n    x, d = Input(s), Dense(3)\n    return Model(x, Dense(c)(Flatten()(d(d(x)))))\n",
        r"layer 'dense' \(Dense\) is used twice",
    ),
    "two outputs": (
        "def build(s, c):\n    x = Input(s)\n    y = Flatten()(x)\n    return Model(x, [Dense(c)(y), Dense(c)(y)])\n",
        "the model has 2 outputs",
    ),
    "two inputs": (
        "def build(s, c):\n    x, z = Input(s), Input(s)\n    return Model([x, z], Dense(c)(Add()([x, z])))\n",
        "the model has 2 inputs",
    ),
    "subclass": ("class M(Model):\n    pass\ndef build(s, c):\n    return M()\n", "M is not built of layers"),
    "outputs": (network("Flatten(), Dense(5, activation='softmax')"), "has 5 outputs, and the data have 2 classes"),
    "cells": (network("Dense(classes, activation='softmax')"), "has 32 x 32 x 2 outputs, and the data have 2 classes"),
    "no dense": (network("Flatten()"), r"the network ends with 'flatten' \(Flatten\); let it end with a Dense"),
    "logits": (network("Flatten(), Dense(classes)"), r"ends with linear, and classification needs softmax"),
    "size": (
        network(END).replace("input_shape)", "(16, 16, 3))"),
        r"takes inputs \(16, 16, 3\), and the data give \(32,",
    ),
    "all frozen": (
        network(END).replace("return", "m =") + "    m.trainable = False\n    return m\n",
        "every layer is frozen",
    ),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_trained_is_one_line(body: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        built(tmp_path, body)

    assert "net.py" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha"}, "the file of --network says that; leave --alpha out"),
        ({"network"}, "cannot be read: no such file or directory"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: set[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(EiTrainError, match=words):
        NetworkFile.named(str(tmp_path / "none.py"), options)


def test_a_frozen_first_kernel_takes_what_is_deployed(tmp_path: Path) -> None:
    backbone = built(tmp_path, TEMPLATE)
    pixels = np.random.default_rng(1).integers(0, 256, (2, *SHAPE)).astype(np.float32)

    plain = backbone.build(Recipe(), SHAPE)(pixels - 128).numpy()
    scaled = backbone.build(Recipe(input_scaling="-128..127"), SHAPE)((pixels - 128) / 255).numpy()

    np.testing.assert_allclose(scaled, plain, rtol=1e-3, atol=1e-3)


def _shown(name: str) -> str:
    """The code of a file in the guide."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "howto" / "network.md").read_text(), re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {name}\n"))


def test_the_guides_first_network_trains(images: Path, tmp_path: Path) -> None:
    trained(images, tmp_path, _shown("net.py"))


def test_the_guides_template_is_built_with_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tf_keras as keras

    code = _shown("template.py")
    path = tmp_path / re.findall(r'WEIGHTS_PATH = "(.*)"', code)[0]
    path.parent.mkdir(parents=True)
    published = keras.applications.MobileNetV2(input_shape=SHAPE, alpha=0.35, weights=None, classes=1000)
    published.save_weights(path)
    monkeypatch.chdir(tmp_path)

    network = built(tmp_path, code).network

    assert len(network.frozen) == 104
    first = next(step for step in network.body if step.weights)
    np.testing.assert_array_equal(first.weights[0], published.get_layer("Conv1").get_weights()[0])
    assert [step.kind for step in network.head] == ["Reshape", "Dense", "ReLU", "Dropout", "Flatten", "Dense"]
