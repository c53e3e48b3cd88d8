"""Whole runs of a regression: dials in folders that are called by their angle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
from ei_compat.core.progress import SILENT
from firmware.package import package
from tests.firmware import host
from tests.firmware.packages_made import unpacked
from tests.firmware.test_eim import Runner
from tests.train.dials import dial_folders, dial_samples
from train import pipeline
from train.backbones import BACKBONES
from train.evaluate import predict
from train.job import Job
from train.recipe import Recipe
from train.runs.report import Report, read_report

SIDE = 32
OPTIONS: dict[str, Any] = {
    "backbone": "places", "task": "regression", "image_size": SIDE, "weights": "none", "mirror": False,
    "head_units": "32", "head_dropout": "0", "epochs": 25, "learning_rate": 0.01, "fine_tune_epochs": 10,
    "fine_tune_learning_rate": 0.003, "min_steps": 0, "batch_size": 16, "initial_sparsity": 0.3,
    "final_sparsity": 0.5, "max_prune_error": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Three convolutions whose planes are the features, so that they say where something is."""

    name: str = "places"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        pass

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        return {}

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Any) -> None:
        return None

    def build(self, recipe: Recipe, shape: tuple[int, ...], dropout: Any = None) -> Any:
        import tf_keras as keras

        layers = keras.layers
        x = entry = layers.Input(shape, name="x_input")
        for filters in (8, 12, 16):
            x = layers.Conv2D(filters, 3, 2, "same", use_bias=False)(x)
            x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        return keras.Model(entry, layers.Flatten()(x), name="places")

    def load_weights(self, model: Any, file: Any, zero: Any) -> None:
        raise AssertionError("there are none")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Job, Report]]:
    BACKBONES.register(Places())
    folder = tmp_path_factory.mktemp("regression")
    angles = np.round(np.random.default_rng(1).uniform(-75, 75, 240))
    job = Job(dial_folders(folder / "dials", angles, SIDE), folder / "out", Recipe(**OPTIONS), frozenset(OPTIONS))
    yield job, pipeline.run(job, SILENT)
    BACKBONES.unregister("places")


def test_an_angle_is_learned_from_folders_that_are_called_by_it(run: tuple[Job, Report]) -> None:
    job, report = run
    assert report.task == "regression"
    assert report.samples["validation"] == pytest.approx(48, abs=2)  # of 240, of which most angles have one or two
    found = report.metrics["int8"]["validation"]
    assert found.r2 > 0.8
    assert found.root_mean_square_error <= 1.05 * report.metrics["float32"]["validation"].root_mean_square_error
    assert all(check.met for check in report.checks)
    assert (job.out / "labels.txt").read_text() == "value\n"
    config = json.loads((job.out / "config.json").read_text())
    assert config["mode"] == "regression"
    assert config["target_range"] == pytest.approx([-75, 75], abs=1)
    assert "val_mean_absolute_error" in (job.out / "training_log.csv").read_text()
    read = read_report(json.loads((job.out / "report.json").read_text()))
    assert read.metrics == report.metrics
    result, whole, parts = report.as_tables()
    assert result.header[1] == "validation mean absolute error"
    assert whole.title == "INT8 on validation"
    assert len(parts.rows) == 5


def test_both_files_give_the_number_itself(run: tuple[Job, Report]) -> None:
    job, report = run
    others = dial_samples(np.random.default_rng(2).uniform(-70, 70, 60), SIDE)
    for name, kind in ((FLOAT_FILE, "float32"), (INT8_FILE, "int8")):
        errors = predict((job.out / name).read_bytes(), others)[:, 0] - others.y
        assert np.abs(errors).mean() < 2 * report.metrics[kind]["validation"].metric


def test_the_int8_output_covers_the_targets(run: tuple[Job, Report]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    job, _ = run
    exit_ = Interpreter(str(job.out / INT8_FILE)).get_output_details()[0]
    assert exit_["dtype"] == np.int8
    assert exit_["shape"].tolist() == [1, 1]
    scale, zero_point = exit_["quantization"]
    low, high = json.loads((job.out / "config.json").read_text())["target_range"]
    assert scale * (-128 - zero_point) <= low + scale / 2
    assert scale * (127 - zero_point) >= high - scale / 2
    assert scale < 2 * (high - low) / 255


def test_the_library_gives_the_references_bytes(run: tuple[Job, Report], tmp_path: Path) -> None:
    tflite = (run[0].out / INT8_FILE).read_bytes()
    dials = dial_samples(np.linspace(-75, 75, 40), SIDE).x
    values = (dials.astype(np.int16) - 128).astype(np.int8)
    given = np.concatenate([values, host.images((1, SIDE, SIDE, 3), 40, 1, "int8").reshape(values.shape)])
    made = host.Host(tflite, tmp_path / "c")(given.view(np.uint8))
    np.testing.assert_array_equal(made, host.Reference(tflite)(given).reshape(made.shape).view(np.uint8))
    assert len(set(made[:40].ravel().tolist())) > 20


def test_the_headers_are_those_of_a_regression(run: tuple[Job, Report], tmp_path: Path) -> None:
    folder = unpacked(package(run[0].out, name="dial", version="1", output=tmp_path / "d.zip").path, tmp_path / "d")
    metadata = (folder / "model-parameters/model_metadata.h").read_text()
    for line in ("LABEL_COUNT 1", "NN_OUTPUT_COUNT 1", "OBJECT_DETECTION 0", "TFLITE_OUTPUT_QUANTIZED 1"):
        assert f"#define EI_CLASSIFIER_{line}\n" in metadata
    assert '    "value",' in (folder / "model-parameters/model_variables.c").read_text()
    assert "An image regression: 32 x 32 RGB to a number." in (folder / "README.md").read_text()


def test_the_runner_answers_with_the_value(run: tuple[Job, Report], tmp_path: Path) -> None:
    """As Studio's own runners do, which call the type of a regression classification and its label value."""
    job, _ = run
    runner = Runner(
        package(job.out, name="dial", version="1", target="linux", output=tmp_path / "d.eim").path, tmp_path
    )
    try:
        described = runner.client.ask({"hello": 1, "id": 1})["model_parameters"]
        assert (described["labels"], described["label_count"]) == (["value"], 1)
        assert described["model_type"] == "classification"
        dials = dial_samples(np.array([-60.0, -20.0, 35.0, 70.0]), SIDE)
        for pixels, value in zip(dials.x, predict((job.out / INT8_FILE).read_bytes(), dials)[:, 0], strict=True):
            wide = pixels.reshape(-1, 3).astype(np.int64) @ [1 << 16, 1 << 8, 1]
            answer = runner.client.ask({"classify": wide.tolist(), "id": 2})
            assert answer["result"] == {"classification": {"value": pytest.approx(value, rel=1e-6, abs=1e-6)}}
    finally:
        runner.stop()
