"""A whole small run: what it writes, what it says of itself, and that it goes on where it was stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import pkgutil
import signal
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from tests.train.cli.test_train import Notes
from tests.train.conftest import SMALL
from train import pipeline
from train.evaluate import predict
from train.job import Job
from train.result import as_document
from train.runs.folder import OutputFolder
from train.runs.report import Report
from train.sparsity import prunable_weights, sparsity
from train.tuning.network_cost import costs_of
from train.tuning.sketch import Sketch, Zeros, zeros_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_is_there_and_nothing_else(finished: tuple[Job, Report]) -> None:
    job, _ = finished

    assert sorted(path.name for path in job.out.iterdir()) == [
        "MODEL_CARD.md",
        "config.json",
        "explorer.zip",
        "labels.txt",
        "model.h5.zip",
        "model.tflite",
        "model_quantized_int8_io.tflite",
        "predictions.csv",
        "report.html",
        "report.json",
        "saved_model.zip",
        "training_log.csv",
    ]
    assert (job.out / "labels.txt").read_text() == "cat\ndog\n"


def test_report_has_what_is_promised(finished: tuple[Job, Report]) -> None:
    job, returned = finished
    report = json.loads((job.out / "report.json").read_text())

    assert report == json.loads(json.dumps(as_document(returned)))
    for kind in ("float32", "int8"):
        assert set(report["metrics"][kind]) == {"validation", "testing"}
        for scores in report["metrics"][kind].values():
            assert 0 <= scores["accuracy"] <= 1
            assert scores["loss"] >= 0
            assert sum(map(sum, scores["confusion"])) == scores["samples"]
            assert set(scores["classes"]) == {"cat", "dog"}
    assert report["sparsity"]["prunable"] >= 0.8
    assert report["sparsity"]["int8_file"] >= 0.8
    assert report["sparsity"]["all_kernels"] < report["sparsity"]["prunable"]
    assert set(report["unpruned"]) == {"linear probe", "head"}
    for shares in report["unpruned"].values():
        assert set(shares) == {"validation", "testing"}
    assert {"prepare", "head", "finetune", "quantize", "convert_float", "convert_int8", "evaluate", "total"} <= set(
        report["seconds"]
    )
    assert report["peak_memory_bytes"] > 100e6
    assert report["samples"] == {"training": 32, "validation": 11, "testing": 11}
    assert len(report["history"]) == SMALL["epochs"] + SMALL["fine_tune_epochs"]


def test_metrics_are_those_of_the_files(finished: tuple[Job, Report]) -> None:
    from train.data import load_data

    job, report = finished
    data = load_data(job, SILENT)
    for kind, name in (("float32", FLOAT_FILE), ("int8", INT8_FILE)):
        content = (job.out / name).read_bytes()
        hits = predict(content, data.testing).argmax(axis=1) == data.testing.y
        assert report.metrics[kind]["testing"].accuracy == pytest.approx(hits.mean())
    assert report.sparsity.int8_file == sparsity(list(prunable_weights((job.out / INT8_FILE).read_bytes())))


def test_int8_file_takes_and_gives_what_edge_impulse_expects(finished: tuple[Job, Report]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(finished[0].out / INT8_FILE))
    entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    assert entry["quantization"] == (pytest.approx(1 / 255), -128)
    assert (entry["dtype"], list(entry["shape"])) == (np.int8, [1, 32, 32, 3])
    assert (exit_["dtype"], list(exit_["shape"])) == (np.int8, [1, 2])


def test_all_four_forms_of_the_model_agree(finished: tuple[Job, Report], tmp_path: Path) -> None:
    import keras as keras_3
    import tensorflow as tf
    import tf_keras as keras

    from train.data import load_data

    job, _ = finished
    images = load_data(job, SILENT).testing
    expected = predict((job.out / FLOAT_FILE).read_bytes(), images)
    x = images.x.astype(np.float32) / 255
    for name in ("saved_model.zip", "model.h5.zip"):
        zipfile.ZipFile(job.out / name).extractall(tmp_path)

    serve = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(serve(x_input=tf.constant(x))["y_pred"], expected, atol=1e-4)
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.h5", compile=False)(x), expected, atol=1e-4)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The structure of `inputs`")
        opened = keras_3.models.load_model(tmp_path / "model.h5", compile=False)
        np.testing.assert_allclose(opened(x), expected, atol=1e-4)
    assert int(keras_3.__version__.split(".")[0]) >= 3
    assert np.abs(predict((job.out / INT8_FILE).read_bytes(), images) - expected).mean() < 0.1


def test_config_says_how_it_was_made(finished: tuple[Job, Report]) -> None:
    config = json.loads((finished[0].out / "config.json").read_text())

    assert config["recipe"]["seed"] == 1
    assert config["recipe"]["fine_tune_share"] == 1.0, "without ImageNet weights everything has to learn"
    assert config["weights"] is None
    assert config["sources"] == {"train_input": None, "parameters": None, "config": None}
    assert config["imageInputScaling"] == config["recipe"]["input_scaling"] == "0..1"
    assert config["machine"]["threads"] >= 1
    assert config["machine"]["instructions"]
    assert config["input_shape"] == [32, 32, 3]
    assert config["data"]["format"] == "ei-export"
    assert len(config["data"]["sha256"]) == 64
    assert {"ei-train", "python", "tf-keras", "numpy"} <= config["versions"].keys()
    assert {"tensorflow", "tensorflow-cpu"} & config["versions"].keys()


def test_training_log_is_csv_with_a_line_per_epoch(finished: tuple[Job, Report]) -> None:
    rows = list(csv.DictReader(io.StringIO((finished[0].out / "training_log.csv").read_text())))

    assert [row["phase"] for row in rows] == ["head"] * 2 + ["finetune"] * 2 + ["ending"]
    assert float(rows[-1]["sparsity"]) == pytest.approx(0.8)


def test_a_finished_run_is_replaced_only_on_demand_and_resumed_as_finished(
    finished: tuple[Job, Report], tmp_path: Path
) -> None:
    job, report = finished
    before = {path.name: path.read_bytes() for path in job.out.iterdir()}

    with pytest.raises(UsageError, match=r"holds the results of a finished run; .*--overwrite"):
        pipeline.run(job, SILENT)
    with pytest.raises(UsageError, match="holds a finished run that differs in --seed; give"):
        pipeline.run(replace(job, resume=True, recipe=job.recipe.model_copy(update={"seed": 9})), SILENT)
    notes = Notes()
    again = pipeline.run(replace(job, resume=True), notes)

    assert notes.lines == [f"{job.out} holds the results of these very options: nothing is left to do"]
    assert json.loads(json.dumps(again.as_json())) == json.loads(json.dumps(report.as_json()))
    assert {path.name: path.read_bytes() for path in job.out.iterdir()} == before


def test_two_runs_in_one_folder(finished: tuple[Job, Report]) -> None:
    with OutputFolder(finished[0].out), pytest.raises(UsageError, match="another run is at work in it"):
        pipeline.run(replace(finished[0], overwrite=True), SILENT)


def test_a_disk_that_is_too_small_shows_before_training(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "out") as folder:
        folder.require(1)
        with pytest.raises(DataError, match=r"out: no space left on the device: checkpoints and results take about"):
            folder.require(1 << 62)
    assert not (tmp_path / "out").exists(), "nothing came of it"


def test_overwriting_removes_the_report_first(tmp_path: Path) -> None:
    for name in ("report.json", "model.tflite", "checkpoint.npz", "notes.txt"):
        (tmp_path / name).write_text("x")
    with OutputFolder(tmp_path) as folder:
        folder.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


class KilledError(Exception):
    """Stands for whatever ends a process in the middle of a run."""


def run_until(job: Job, saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs until that many checkpoints are written, and no further."""
    die_at(job, "train.runs.checkpoint.Checkpoints.save", saves, monkeypatch)


def die_at(job: Job, where: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs until what this name stands for has been called so many times, and no further."""
    module, _, name = where.rpartition(".")
    owner = pkgutil.resolve_name(module)
    original, count = getattr(owner, name), 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        result = original(*arguments, **options)
        count += 1
        if count == times:
            raise KilledError
        return result

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, counted)
        with pytest.raises(KilledError):
            pipeline.run(job, SILENT)


def same_files(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in (FLOAT_FILE, INT8_FILE))


@pytest.mark.slow
@pytest.mark.usefixtures("short_mobilenet")
def test_resumed_run_ends_with_the_bytes_of_an_uninterrupted_one(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.recipe import Recipe

    monkeypatch.setattr("train.methods.loop.EPOCH_SECONDS", 0.0)  # every epoch is saved
    recipe = Recipe(**SMALL | {"batch_size": 4})
    whole = Job(images, tmp_path / "whole", recipe, given=frozenset(SMALL), deterministic=True)
    pipeline.run(whole, SILENT)
    pieces = replace(whole, out=tmp_path / "pieces")
    run_until(pieces, 2, monkeypatch)  # within phase one: each phase begins with a checkpoint
    run_until(replace(pieces, resume=True), 3, monkeypatch)  # before the first step of phase two
    run_until(replace(pieces, resume=True), 2, monkeypatch)  # within phase two
    run_until(replace(pieces, resume=True), 2, monkeypatch)  # before the end learns alone
    report = pipeline.run(replace(pieces, resume=True), SILENT)

    assert report.resumed
    assert [line.phase for line in report.history] == ["head"] * 2 + ["finetune"] * 2 + ["ending"]
    assert same_files(whole.out, pieces.out)
    assert not (pieces.out / "checkpoint.npz").exists()


@pytest.mark.slow
def test_killed_in_every_phase_a_run_ends_with_the_same_bytes(
    images: Path, tmp_path: Path, short_mobilenet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights to start from, features and answers are constants, which a resumed run computes again."""
    import tf_keras as keras

    from train.recipe import Recipe

    monkeypatch.setattr("train.methods.loop.EPOCH_SECONDS", 0.0)  # every epoch is saved
    short_mobilenet(keras.layers.Input((32, 32, 3))).save_weights(tmp_path / "start.h5")
    changes = {"weights": str(tmp_path / "start.h5"), "min_steps": 12, "batch_size": 8, "max_prune_drop": 1.0}
    changes |= {"qat_epochs": 2}
    recipe = Recipe(**SMALL | changes)
    whole = Job(images, tmp_path / "whole", recipe, given=frozenset(SMALL | changes), deterministic=True)
    pipeline.run(whole, SILENT)
    pieces = replace(whole, out=tmp_path / "pieces")
    run_until(pieces, 2, monkeypatch)  # after an epoch of the head
    pieces = replace(pieces, resume=True)
    for where, times in {
        "train.methods.finetune.begin": 1,  # between the phases
        "train.methods.reconstruct.least_squares": 3,  # while the beginning is pruned
        "train.methods.finetune.planes": 1,  # after that, before the end learns
        "train.methods.prune.Pruner.before_step": 2,  # before the masks are final
        "train.methods.loop._keep_if_best": 2,  # after
        "train.methods.int8_ready.snap_kernels": 1,  # on the way to INT8
        "train.methods.qat.begin": 1,
        "train.methods.qat.Simulation.measure_ranges": 2,  # after an epoch, or at the beginning of the second
        "train.methods.adam.Adam.apply": 1,  # before any further step
        "train.methods.quantize.to_float": 1,
        "train.methods.quantize.to_int8": 1,
        "train.pipeline.saved_model_zip": 1,
        "train.pipeline.texts": 1,  # all but the report
    }.items():
        die_at(pieces, where, times, monkeypatch)
    report = pipeline.run(pieces, SILENT)

    phases = ["head"] * 2 + ["finetune"] * 3 + ["qat"] * 2
    assert [line.phase for line in report.history] == phases
    assert report.sparsity.int8_file >= 0.8
    assert same_files(whole.out, pieces.out)


@pytest.mark.usefixtures("short_mobilenet")
def test_checkpoint_of_another_recipe_or_a_damaged_one_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.recipe import Recipe

    job = Job(images, tmp_path / "out", Recipe(**SMALL), given=frozenset(SMALL))
    run_until(job, 1, monkeypatch)
    before = (job.out / "checkpoint.npz").read_bytes()

    with pytest.raises(UsageError, match=r"holds a checkpoint of 0 epochs; --resume goes on from it, --overwrite"):
        pipeline.run(job, SILENT)
    assert (job.out / "checkpoint.npz").read_bytes() == before
    with pytest.raises(UsageError, match="differs in data, --seed; give the same options"):
        pipeline.run(replace(job, resume=True, recipe=Recipe(**SMALL, seed=2)), SILENT)
    (job.out / "checkpoint.npz").write_bytes(b"PK half a file")
    with pytest.raises(UsageError, match="checkpoint is damaged"):
        pipeline.run(replace(job, resume=True), SILENT)


@pytest.mark.slow
def test_sigterm_saves_and_ends_with_its_code(images: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.train.short",
        "--data-directory",
        images,
        "--out-directory",
        tmp_path / "out",
    ]
    options = ["--image-size", "32", "--weights", "none", "--epochs", "500"]
    with subprocess.Popen(
        [*map(str, command), *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("Epoch 2/"):
                process.send_signal(signal.SIGTERM)
                break
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; run again with --resume to go on" in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.npz"]


@pytest.mark.usefixtures("short_mobilenet")  # which the finished run has, too
def test_a_trained_network_takes_what_was_said_before_training(finished: tuple[Job, Report]) -> None:
    job, report = finished
    recipe = job.recipe.model_copy(update={"backbone": "mobilenet_v2"})
    sketch = Sketch.of(recipe, (32, 32, 3), report.task, len(report.classes))
    sparse, dense = costs_of(sketch, [zeros_of(recipe), Zeros(0.0, "balanced")])
    board = report.board
    assert board is not None
    assert (sparse.ram_bytes, sparse.whole_ram_bytes) == (board.rows_ram_bytes, board.own.ram_bytes)
    assert abs(sparse.flash_bytes / board.own.flash_bytes - 1) < 0.1
    assert abs(sparse.instructions / board.own.instructions - 1) < 0.15
    assert (dense.ram_bytes, dense.whole_ram_bytes) == (sparse.ram_bytes, sparse.whole_ram_bytes)
    assert dense.flash_bytes > 2 * sparse.flash_bytes
    assert dense.instructions > sparse.instructions
