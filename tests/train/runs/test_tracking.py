"""A run that is numbered, told to TensorBoard and to MLflow's own client, and done again from its `config.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ei_compat.block.run_folder import RESULTS
from ei_compat.core.progress import SILENT, Kept
from tests.train.features import export
from train.cli.main import main
from train.methods.state import Epoch
from train.runs import mlflow_run, tracking
from train.runs.events import Events
from train.runs.folder import OutputFolder
from train.runs.report import Report, read_report
from train.runs.tracking import Trackers

SHORT = ("--epochs", "2", "--fine-tune-epochs", "2", "--min-steps", "0", "--units", "6")
LOOSE = ("--max-prune-drop", "1", "--max-int8-drop", "1")


def trained(*arguments: object) -> int:
    """The exit code of `train` with these options."""
    with pytest.raises(SystemExit) as ended:
        main(["train", "--log-format", "plain", *map(str, arguments)])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where MLflow keeps its runs."""
    return (tmp_path_factory.mktemp("mlflow") / "store").as_uri()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, store: str) -> Path:
    """The folder of a run that both have heard of."""
    folder = export(tmp_path_factory.mktemp("tracked"), mode="classification", count=80)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        told = ("--tensorboard", "--mlflow", store)
        options = ("--data-directory", "data", "--out-directory", "runs", "--name", "exp", "--ensure-determinism")
        assert trained(*options, *SHORT, *LOOSE, *told) == 0
    return folder / "runs" / "exp"


def report_of(folder: Path) -> Report:
    return read_report(json.loads((folder / "report.json").read_text()))


def events(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """What TensorBoard would show: steps and values by name, text as it is."""
    import tensorflow as tf

    found: dict[str, list[tuple[int, Any]]] = {}
    (file,) = folder.glob("tensorboard/events.out.tfevents.*")
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            array = tf.make_ndarray(value.tensor)
            shown = array.item() if array.ndim == 0 else array[0]
            found.setdefault(value.tag, []).append((event.step, shown if array.ndim == 0 else shown.decode()))
    return found


@pytest.mark.filterwarnings("ignore:.*summary_iterator")
def test_tensorboard_hears_of_the_recipe_the_epochs_and_the_end(first: Path) -> None:
    report, found = report_of(first), events(first)

    assert [step for step, _ in found["loss"]] == [1, 2, 3, 4]
    for name, of in (("loss", "loss"), ("val_accuracy", "val_metric"), ("learning_rate", "learning_rate")):
        assert [value for _, value in found[name]] == pytest.approx([getattr(line, of) for line in report.history])
    final = found["int8/validation/accuracy"]
    assert final == [(4, pytest.approx(report.metrics["int8"]["validation"].metric))]
    assert "| units | [6] |" in found["recipe"][0][1]


def test_mlflow_has_one_run_with_recipe_epochs_and_files(
    first: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client, report = MlflowClient(store), report_of(first)
    experiment = client.get_experiment_by_name("ei-train")
    (run,) = client.search_runs([experiment.experiment_id])

    assert (run.info.status, run.info.run_name) == ("FINISHED", "exp")
    recipe = json.loads((first / "config.json").read_text())["recipe"]
    assert run.data.params.items() >= {name: str(value) for name, value in recipe.items()}.items()
    losses = client.get_metric_history(run.info.run_id, "loss")
    assert {each.step: each.value for each in losses} == {n: line.loss for n, line in enumerate(report.history, 1)}
    assert run.data.metrics["int8/validation/accuracy"] == report.metrics["int8"]["validation"].metric
    listed = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert listed == {name for name in RESULTS if (first / name).is_file()}
    assert {"MODEL_CARD.md", "report.html", "model_quantized_int8_io.tflite"} <= listed


def test_another_run_of_its_config_is_the_same_and_has_the_next_number(
    first: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = first.parents[1]
    monkeypatch.chdir(folder)
    options = (
        "--data-directory",
        "data",
        "--out-directory",
        "runs",
        "--name",
        "exp",
        "--config",
        first / "config.json",
    )

    assert trained(*options, "--config", first / "config.json") == 0

    out, second = capsys.readouterr().out, first.parent / "exp-2"
    assert "Results go to runs/exp-2" in out
    assert f"Settings from {first / 'config.json'}" in out
    one, other = (json.loads((run / "config.json").read_text()) for run in (first, second))
    assert one["recipe"] == other["recipe"]
    assert other["deterministic"] is True
    assert other["sources"]["config"] == str(first / "config.json")
    for name in ("model.tflite", "model_quantized_int8_io.tflite", "predictions.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    closing = out[out.index("The model to deploy: ") :].splitlines()
    assert closing[0] == "The model to deploy: runs/exp-2/model_quantized_int8_io.tflite"
    own = report_of(second).board.own
    assert closing[1].startswith(f"On a board: {own.ram_bytes / 1000:.2f} kB of RAM (")
    assert f"about {own.milliseconds['ESP32']:.2f} ms on an ESP32, " in closing[1]
    assert closing[3] == "Its C library: ei-train package runs/exp-2 --name NAME --version 1"


def test_a_run_in_a_folder_of_results_is_refused_unless_it_may_replace_them(
    first: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(first.parents[1])
    before = (first / "report.json").read_bytes()

    code = trained("--data-directory", "data", "--out-directory", first, *SHORT)

    assert (code, "holds the results of a finished run" in capsys.readouterr().err) == (2, True)
    assert (first / "report.json").read_bytes() == before


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("http://me:secret@host", "--mlflow: the address holds a password, which others can read; give it as MLFLOW_"),
        ("http://host:1", "--mlflow http://host:1: MLflow's client is not installed; pip install 'ei-train[mlflow]'"),
    ],
)
def test_what_mlflow_cannot_be_told_is_one_line_before_training(
    uri: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = mlflow_run.importlib.util.find_spec
    monkeypatch.setattr(
        mlflow_run.importlib.util, "find_spec", lambda name: None if name == "mlflow" else find_spec(name)
    )

    code = trained("--data-directory", tmp_path / "nowhere", "--out-directory", tmp_path / "out", "--mlflow", uri)

    err = capsys.readouterr().err
    assert (code, says in err, "secret" in err, len(err.splitlines())) == (2, True, False, 1), err
    assert not (tmp_path / "out").exists()


def test_a_server_that_does_not_answer_is_one_line_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "block", mode="classification", count=80)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    code = trained("--data-directory", "data", "--out-directory", "out", "--mlflow", "http://127.0.0.1:9")

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert (code, len(errors)) == (6, 1)
    assert "--mlflow http://127.0.0.1:9: does not answer (connection refused); check the address" in errors[0]
    assert not (folder / "out").exists()


LINE = Epoch("head", 1, 0.5, 0.5, 0.5, 0.5, 0.1, 0.0, 1.0)


class Fake:
    """A tracker that fails at its second epoch."""

    name = "Fake"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, config: Any) -> None:
        self.heard.append("begin")

    def epoch(self, number: int, line: Epoch) -> None:
        self.heard.append(f"epoch {number}")
        if number == 2:
            raise OSError("the disk is\nfull")

    def end(self, report: Any, folder: Path) -> None:
        self.heard.append("end")

    def stop(self) -> None:
        self.heard.append("stop")


def test_one_who_fails_is_left_out_with_a_line_and_the_run_goes_on() -> None:
    fake, progress = Fake(), Kept(SILENT)
    with Trackers([fake], progress) as trackers:
        trackers.begin({}, [LINE])
        trackers.epoch(LINE)
        trackers.epoch(LINE)

    assert fake.heard == ["begin", "epoch 1", "epoch 2"]
    assert progress.warnings == ["The run goes on without Fake: the disk is"]


@pytest.mark.filterwarnings("ignore:.*summary_iterator")
def test_a_run_that_goes_on_writes_its_earlier_epochs_again(tmp_path: Path) -> None:
    for history in ([], [LINE]):
        with Trackers([Events(tmp_path, "accuracy")], SILENT) as trackers:
            trackers.begin({"recipe": {}}, history)
            trackers.epoch(LINE)

    assert events(tmp_path)["accuracy"] == [(1, 0.5), (2, 0.5)]


def test_what_is_written_for_tensorboard_is_gone_with_the_run_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").mkdir()
    for name in ("events.out.tfevents.1.host", "notes.txt"):
        (tmp_path / "tensorboard" / name).write_text("x")

    with OutputFolder(tmp_path) as folder:
        folder.clear()
    assert [path.name for path in tmp_path.rglob("*")] == ["tensorboard", "notes.txt"]
    (tmp_path / "tensorboard" / "notes.txt").unlink()
    with OutputFolder(tmp_path) as folder:
        folder.clear()
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_cut_short_is_told() -> None:
    fake = Fake()

    def stopped() -> None:
        with tracking.Trackers([fake], SILENT) as trackers:
            trackers.begin({}, [])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert fake.heard == ["begin", "stop"]
