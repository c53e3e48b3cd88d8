"""Each of Edge Impulse's six input scalings: exact, foldable, and what the deployed model takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.core.errors import UsageError
from ei_compat.core.progress import SILENT
from ei_compat.media.pixels import InputScaling, scale_pixels
from tests.train.networks import classification, mobilenet_v2
from train.recipe import Recipe
from train.scaling import Scaling

SCALINGS = [str(scaling) for scaling in InputScaling]
PIXELS = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("name", SCALINGS)
def test_pixels_and_values_give_training_the_same(name: str) -> None:
    scaling = Scaling.of(name, 3)
    ours, theirs = (scaling.for_training(x) for x in (PIXELS, scale_pixels(PIXELS, name)))
    ours = ours / 255 if name == "0..1" else ours[:]
    theirs = theirs[:]

    np.testing.assert_allclose(theirs, ours, atol=1e-6)
    np.testing.assert_allclose(ours, PIXELS / 255 - scaling.zero, atol=1e-6)
    assert np.ptp(theirs, axis=(0, 1, 2)) == pytest.approx([1, 1, 1], abs=0.02)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SCALINGS[:4])
def test_deployed_values_are_what_studio_feeds(name: str, channels: int) -> None:
    scaling = Scaling.of(name, channels)
    pixels = PIXELS[..., :channels]
    values = scale_pixels(pixels, name)

    given = scaling.for_deployment(scaling.for_training(pixels))[:]
    np.testing.assert_array_equal(given / np.float32(255) if name == "0..1" else given, values)
    np.testing.assert_array_equal(scaling.for_deployment(scaling.for_training(values))[:], values)


def test_statistics_of_colours_need_colours() -> None:
    with pytest.raises(UsageError, match="needs 3 channels"):
        Scaling.of("torch", 1)


@pytest.mark.parametrize("name", SCALINGS)
def test_folding_keeps_every_output(name: str) -> None:
    """The border included: padding is 0 in both scalings."""
    import tensorflow as tf

    from train.methods.input_scaling import deployed
    from train.methods.trainer import Trainer
    from train.samples import Samples, TrainingData

    scaling = Scaling.of(name, 3)
    network = mobilenet_v2(Recipe(), (32, 32, 3), 2)
    samples = Samples(scaling.for_training(PIXELS), np.zeros(5, np.int32))
    data = TrainingData(classification(2), samples, samples, None, "", (), None, scaling, None, None, "")
    training = Trainer(Recipe(), network, tf.Variable(0), data, None, SILENT)

    def first(x: np.ndarray) -> np.ndarray:
        values = x.astype(np.float32) / 255 if x.dtype == np.uint8 else x
        return network.backbone.get_layer("Conv1")(values).numpy()

    before = first(training.data.training.take(np.arange(5))[0])
    after = deployed(training)

    given = after.data.training.take(np.arange(5))[0]
    np.testing.assert_allclose(given / 255 if name == "0..1" else given, scale_pixels(PIXELS, name), atol=1e-5)
    np.testing.assert_allclose(first(given), before, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCALINGS)
def test_the_deployed_files_recognise_what_studio_feeds(
    name: str, tmp_path: Path, short_mobilenet: Callable[..., Any]
) -> None:
    """Trains a head on arrays so scaled, and runs both files through LiteRT on fresh ones."""
    import tf_keras as keras
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
    from firmware.package import package
    from train import pipeline
    from train.job import Job

    random = np.random.default_rng(3)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(count) % 2
        pixels = random.integers(0, 120, (count, 32, 32, 3), np.uint8)
        pixels[np.arange(count), :, :, y * 2] += 120  # red, or blue
        return pixels, y

    data = tmp_path / "data"
    data.mkdir()
    for part, count in (("train", 32), ("test", 12)):
        pixels, y = draw(count)
        np.save(data / f"X_split_{part}.npy", scale_pixels(pixels, name))
        np.save(data / f"Y_split_{part}.npy", np.eye(2, dtype=np.float32)[y])
    info = {"classes": ["red", "blue"], "mode": "classification", "inputShapeString": "(32, 32, 3)", "yType": "npy"}
    (data / "train_input.json").write_text(json.dumps(info | {"imageInputScaling": name}))
    keras.utils.set_random_seed(1)  # features of random filters tell colours apart
    short_mobilenet(keras.layers.Input((32, 32, 3))).save_weights(tmp_path / "start.h5")
    options = {
        "weights": str(tmp_path / "start.h5"),
        "epochs": 8,
        "fine_tune_epochs": 0,
        "prune": False,
        "batch_size": 8,
    }
    job = Job(data, tmp_path / "out", Recipe(**options), given=frozenset(options))

    pipeline.run(job, SILENT)

    written = json.loads((job.out / "config.json").read_text())
    assert written["imageInputScaling"] == written["recipe"]["input_scaling"] == name
    packaged = package(job.out, name="colours", version="1", output=tmp_path / "colours.zip")
    assert packaged.spec.scaling is not None
    assert packaged.spec.scaling.name == name
    pixels, y = draw(40)
    for file in (FLOAT_FILE, INT8_FILE):
        interpreter = Interpreter(
            model_path=str(job.out / file), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
        interpreter.allocate_tensors()
        entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        hits = 0
        for image, truth in zip(scale_pixels(pixels, name), y, strict=True):
            values = image[np.newaxis]
            if entry["dtype"] == np.int8:
                scale, zero_point = entry["quantization"]
                values = np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)
            interpreter.set_tensor(entry["index"], values)
            interpreter.invoke()
            hits += int(interpreter.get_tensor(exit_["index"])[0].argmax() == truth)
        assert hits >= 38, (file, hits)
