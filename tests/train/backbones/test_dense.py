"""Arrays of features through the dense network: an export's own command, and a regression to the board's bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.block.run_folder import INT8_FILE
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from firmware.package import package
from firmware.packages.headers import model_metadata
from tests.firmware import host
from tests.firmware.official import installed
from tests.firmware.packages_made import run as run_command
from tests.firmware.packages_made import unpacked
from tests.firmware.test_eim import Runner
from tests.train.features import export, windows
from train import pipeline
from train.backbones import BACKBONES, usual
from train.backbones.dense import DENSE
from train.cli.main import main
from train.evaluate import predict
from train.graph import first_kernel
from train.job import Job
from train.recipe import Recipe
from train.runs.report import Report, read_report
from train.samples import Samples

ROOT = Path(__file__).resolve().parents[3]
FEATURES = 72


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Report]:
    """A regression."""
    folder = export(tmp_path_factory.mktemp("dense"), mode="regression", count=600)
    options = {"epochs": 40, "learning_rate": 0.01, "fine_tune_epochs": 30, "min_steps": 0}
    job = Job(
        folder / "data", folder / "out", Recipe(**options), frozenset(options), info_file=folder / "train_input.json"
    )
    return job, pipeline.run(job, SILENT)


def test_it_is_what_features_are_trained_with_unless_another_is_asked_for() -> None:
    assert usual((FEATURES,)) is BACKBONES.named("dense") is DENSE
    assert usual((96, 96, 3)).name == "mobilenet_v2"
    assert DENSE.defaults(pretrained=False)["mirror"] is False


@pytest.mark.parametrize(
    ("options", "shape", "kind", "message"),
    [
        pytest.param({}, (96, 96, 3), DataError, "dense takes features and not inputs of shape", id="pictures"),
        pytest.param({"units": ""}, (FEATURES,), UsageError, "--units: there must be one layer", id="no layer"),
        pytest.param({"augment": True}, (FEATURES,), UsageError, "--augment: features have no variants", id="augment"),
        pytest.param({"weights": "imagenet"}, (FEATURES,), UsageError, "there are none for dense", id="weights"),
    ],
)
def test_what_it_cannot_be_built_with(
    options: dict[str, object], shape: tuple[int, ...], kind: type, message: str
) -> None:
    with pytest.raises(kind, match=message):
        DENSE.check(Recipe(**({"mirror": False} | options)), shape)


def test_its_layers_are_those_of_the_recipe() -> None:
    model = DENSE.build(Recipe(units="7,5"), (12, 6))
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [7, 5]
    assert first_kernel(model).name == "features_1"
    assert model.output_shape == (None, 5)


def test_an_export_trains_with_the_command_of_its_readme(tmp_path: Path) -> None:
    folder = export(tmp_path / "block", mode="classification")
    command = [sys.executable, "-m", "train", "--data-directory", "data", "--out-directory", "out"]
    done = subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "Settings from train_input.json and parameters.json (epochs 30, learning_rate 0.005)" in said
    assert "12 of 72 features (counted from 0: 5, 11, 17, 23, 29, …) vary by less than a step" in said
    report = read_report(json.loads((folder / "out" / "report.json").read_text()))
    assert report.metrics["int8"]["validation"].metric > 0.85
    assert report.sparsity.int8_file >= 0.8
    config = json.loads((folder / "out" / "config.json").read_text())
    assert (config["recipe"]["backbone"], config["input_shape"]) == ("dense", [FEATURES])
    assert "imageInputScaling" not in config
    assert (folder / "out" / "labels.txt").read_text() == "fast\nmiddle\nslow\n"


def test_int8_adds_less_than_a_twentieth_to_the_error(run: tuple[Job, Report]) -> None:
    _, report = run
    found, before = (report.metrics[kind]["validation"] for kind in ("int8", "float32"))
    assert found.r2 > 0.9
    assert found.root_mean_square_error <= 1.05 * before.root_mean_square_error
    assert all(check.met for check in report.checks)


def test_the_model_takes_the_features_as_they_are_in_their_own_range(run: tuple[Job, Report]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    job, report = run
    interpreter = Interpreter(str(job.out / INT8_FILE))
    (entry,) = interpreter.get_input_details()
    x = np.load(job.data / "X_split_train.npy")
    assert entry["shape"].tolist() == [1, FEATURES]
    assert entry["quantization"][0] == pytest.approx((x.max() - x.min()) / 255, rel=1e-5)
    operators = [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
    assert operators == ["FULLY_CONNECTED"] * 3, "normalisation is part of the layers"
    others, speed = windows(100, seed=9)
    said = predict((job.out / INT8_FILE).read_bytes(), Samples(others, speed))[:, 0]
    assert np.abs(said - 100 * speed).mean() < 2 * report.metrics["int8"]["validation"].metric


def test_huber_and_quantisation_aware_training_of_a_regression(tmp_path: Path) -> None:
    """Ten targets are far off, which squared errors would follow."""
    folder = export(tmp_path / "block", mode="regression", count=400)
    y = np.load(folder / "data" / "Y_split_train.npy")
    y[:10] = 1000
    np.save(folder / "data" / "Y_split_train.npy", y)
    options = {
        "huber": 0.2, "qat_epochs": 3, "epochs": 30, "learning_rate": 0.01, "fine_tune_epochs": 20, "min_steps": 0,
    }  # fmt: skip
    job = Job(
        folder / "data", folder / "out", Recipe(**options), frozenset(options), info_file=folder / "train_input.json"
    )

    report = pipeline.run(job, SILENT)

    assert report.task == "regression"
    assert "qat" in report.best_epochs
    assert [line.phase for line in report.history].count("qat") == 3
    found, before = (report.metrics[kind]["validation"] for kind in ("int8", "float32"))
    assert found.r2 > 0.8
    assert found.root_mean_square_error <= 1.05 * before.root_mean_square_error
    assert report.sparsity.int8_file >= 0.8
    assert package(job.out, name="speed", version="1", output=tmp_path / "s.zip").checked > 0


def test_it_is_evaluated_on_its_own_arrays_as_in_its_report(
    run: tuple[Job, Report], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, report = run
    monkeypatch.chdir(job.data.parent)
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(job.out), str(job.data), "--json"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    error = report.metrics["int8"]["validation"].root_mean_square_error
    assert f'"root_mean_square_error": {error!r}' in said


def test_the_library_takes_features_and_gives_the_references_bytes(run: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = run
    tflite = (job.out / INT8_FILE).read_bytes()
    given = host.images((1, FEATURES), 200, 1, "int8").reshape(200, FEATURES)
    made = host.Host(tflite, tmp_path / "c")(given.view(np.uint8))
    np.testing.assert_array_equal(made, host.Reference(tflite)(given).reshape(made.shape).view(np.uint8))
    assert len(set(made.ravel().tolist())) > 20

    done = package(job.out, name="speed", version="1", sensor="accelerometer", output=tmp_path / "s.zip")
    assert done.checked > 0, "no C compiler"
    folder = unpacked(done.path, tmp_path / "s")
    metadata = (folder / "model-parameters/model_metadata.h").read_text()
    for line in (
        "NN_INPUT_FRAME_SIZE 72", "RAW_SAMPLE_COUNT 72", "RAW_SAMPLES_PER_FRAME 1", "INPUT_WIDTH 0", "INPUT_FRAMES 0",
        "LABEL_COUNT 1", "NN_OUTPUT_COUNT 1", "SENSOR EI_CLASSIFIER_SENSOR_ACCELEROMETER",
    ):  # fmt: skip
        assert f"#define EI_CLASSIFIER_{line}\n" in metadata
    assert "#define EI_MODEL_IS_IMAGE 0" in (folder / "model-parameters/model_variables.h").read_text()
    assert "A regression of 72 values to a number." in (folder / "README.md").read_text()


def test_readings_have_axes_and_a_frequency(run: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = run
    named: dict[str, Any] = {"name": "speed", "version": "1", "sensor": "accelerometer", "axes": 6}
    program = package(job.out, **named, frequency=62.5, target="linux", output=tmp_path / "s.eim")
    assert program.checked > 0
    macros = model_metadata(program.spec)
    for line in ("RAW_SAMPLE_COUNT 12", "RAW_SAMPLES_PER_FRAME 6", "INTERVAL_MS 16", "FREQUENCY 62.5"):
        assert f"#define EI_CLASSIFIER_{line}\n" in macros
    runner = Runner(program.path, tmp_path)
    try:
        described = runner.client.ask({"hello": 1, "id": 1})["model_parameters"]
    finally:
        runner.stop()
    assert (described["axis_count"], described["frequency"], described["interval_ms"]) == (6, 62.5, 16)
    assert (described["sensor"], described["input_features_count"]) == (2, FEATURES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": 5}, "--axes: the input's 72 values are no readings of 5; give a divisor"),
        ({"frequency": 0.0}, "--frequency: 0 is no frequency"),
        ({"sensor": "camera"}, "--sensor: the model's input"),
    ],
)
def test_readings_that_cannot_be(run: tuple[Job, Report], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        package(run[0].out, name="speed", version="1", **options)


def test_the_runner_answers_for_features(run: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = run
    program = package(job.out, name="speed", version="1", target="linux", output=tmp_path / "s.eim").path
    runner = Runner(program, tmp_path)
    try:
        described = runner.client.ask({"hello": 1, "id": 1})["model_parameters"]
        assert (described["input_features_count"], described["image_input_width"]) == (FEATURES, 0)
        assert (described["labels"], described["model_type"]) == (["value"], "classification")
        x, speed = windows(20, seed=4)
        wanted = predict((job.out / INT8_FILE).read_bytes(), Samples(x, speed))[:, 0]
        for row, value in zip(x, wanted, strict=True):
            answer = runner.client.ask({"classify": row.astype(float).tolist(), "id": 2})
            assert answer["result"] == {"classification": {"value": pytest.approx(value, rel=1e-6, abs=1e-6)}}
    finally:
        runner.stop()


# What the official package's own runner gets for features, through shared memory and without.
OFFICIAL = """
import importlib.util, json, sys
import numpy as np
spec = importlib.util.spec_from_file_location("runner", sys.argv[1] + "/edge_impulse_linux/runner.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answers = []
for shared in (True, False):
    runner = module.ImpulseRunner(sys.argv[2], timeout=None, allow_shm=shared)
    runner.init()
    rows = np.load(sys.argv[3]).astype(float)
    answers.append([runner.classify(row.tolist())["result"]["classification"]["value"] for row in rows])
    runner.stop()
print(json.dumps(answers))
"""


def test_the_official_sdk_gets_what_the_interpreter_computes(run: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = run
    folder = installed("edge_impulse_linux==1.2.2")
    x, speed = windows(50, seed=5)
    np.save(tmp_path / "x.npy", x)
    program = package(job.out, name="speed", version="1", target="linux", output=tmp_path / "s.eim").path
    command = [sys.executable, "-c", OFFICIAL, str(folder), str(program), str(tmp_path / "x.npy")]
    by_memory, by_socket = json.loads(run_command(command, tmp_path))
    wanted = predict((job.out / INT8_FILE).read_bytes(), Samples(x, speed))[:, 0]
    assert len(set(by_memory)) > 10
    np.testing.assert_allclose(by_memory, wanted, rtol=1e-6, atol=1e-6)
    assert by_socket == by_memory
