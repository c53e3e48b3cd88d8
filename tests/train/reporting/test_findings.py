"""What a real run finds out for its report, and that no part of it can cost the model."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import ExportError, Interrupted
from ei_compat.core.progress import SILENT
from tests.train.reporting.made import data_of, make_run, outputs_of, task_of
from train import pipeline, supervision
from train.cli.main import main
from train.job import Job, command_of
from train.reporting.explorer import chosen, unpacked
from train.reporting.findings import Findings, Seen, look_at_data
from train.reporting.page import page_of
from train.runs.report import Report, read_report
from train.tasks import Answered


def test_a_run_knows_every_part(finished: tuple[Job, Report]) -> None:
    job, report = finished

    assert report.missing == {}
    assert report.board is not None
    assert 0 < report.board.own.ram_bytes <= report.board.tflm.ram_bytes  # the same: its widest layer is the last one
    assert 0 < report.board.own.instructions < report.board.tflm.instructions
    zeros = report.sparsity.kernels
    assert [kernel.reached for kernel in report.kernels] == list(zeros.values())
    weights = np.array([kernel.weights for kernel in report.kernels])
    stored = np.array([kernel.int8 for kernel in report.kernels], float)
    assert (stored * weights).sum() / weights.sum() == pytest.approx(report.sparsity.int8_file)
    asked = np.array([kernel.asked for kernel in report.kernels], float)
    assert (asked * weights).sum() / weights.sum() >= 0.8 - 1e-9
    assert len(report.layers) > 10
    assert all(0 <= layer.error < 1 for layer in report.layers)
    assert report.health is not None
    assert report.health.doubted is None, "features of a network without weights have been taught the labels"
    assert {name: sum(counts.values()) for name, counts in report.health.balance.items()} == report.samples
    explorer = unpacked((job.out / "explorer.zip").read_bytes(), "")
    assert [(point.set, point.row) for point in explorer.points] == [
        (name, row) for name, count in report.samples.items() for row in range(count)
    ]
    assert all((job.data / point.file).is_file() for point in explorer.points)
    assert explorer.sheets is not None


def test_its_report_and_its_page_are_read_again(finished: tuple[Job, Report]) -> None:
    job, report = finished
    read = read_report(json.loads((job.out / "report.json").read_text()))
    assert (read.board, list(read.kernels), list(read.layers), read.health) == (
        report.board, list(report.kernels), list(report.layers), report.health,
    )  # fmt: skip
    assert (job.out / "report.html").read_text(encoding="utf-8") == page_of(job.out)


class Heard:
    """Notes what is warned of."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, line: str) -> None:
        self.lines.append(line)


def test_a_part_that_fails_is_one_line() -> None:
    heard = Heard()
    found = Findings(heard)  # type: ignore[arg-type]

    def refuse() -> None:
        raise ExportError("operator SIN is not supported", where="model.tflite")

    def fail() -> None:
        raise ZeroDivisionError("of ours\nand a second line")

    assert found.attempt("board", refuse) is None
    assert found.attempt("report.html", fail) is None
    assert found.missing == {
        "board": "model.tflite: operator SIN is not supported",
        "report.html": "ZeroDivisionError: of ours",
    }
    assert heard.lines == [
        "The run goes without what the model takes on a board: model.tflite: operator SIN is not supported",
        "The run goes without its page (`ei-train report` tries again): ZeroDivisionError: of ours",
    ]


def test_an_interruption_is_no_part_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "stopped_by", lambda: 15)

    def stop() -> None:
        raise Interrupted(signal.SIGTERM)

    def become_another() -> None:
        raise RuntimeError("what a library makes of it")

    with pytest.raises(Interrupted):
        Findings(SILENT).attempt("board", stop)
    with pytest.raises(RuntimeError):
        Findings(SILENT).attempt("board", become_another)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_copies_and_wrong_labels_are_found(kind: str) -> None:
    task = task_of(kind)
    data, features = data_of(task, {"training": 60, "validation": 24, "testing": 36})
    held = {name: samples for name, samples in data.sets().items() if name != "training"}
    sets = {
        name: Answered(
            samples.names, samples.y, dict.fromkeys(("float32", "int8"), outputs_of(task, samples.y, 0.4, 1))
        )
        for name, samples in held.items()
    }
    found = Findings(SILENT)

    look_at_data(found, data, sets, Seen(features, frozen=True), 1)

    assert found.missing == {}
    assert found.health is not None
    assert (found.health.copies, found.health.repeated) == (1, 1)
    assert found.health.copied == ((("training", "training/picture0.png"), ("testing", "testing/picture0.png")),)
    assert [(doubt.set, doubt.row) for doubt in found.health.doubts] == [("training", 5)]


def test_what_a_page_shows_begins_with_what_it_speaks_of() -> None:
    sets = {"training": 1000, "validation": 30, "testing": 40}
    first = [("testing", 3), ("training", 999)]

    shown = chosen(sets, first, 100)

    assert len(shown) == len(set(shown)) == 100
    assert set(first) <= set(shown)
    assert sum(name != "training" for name, _ in shown) == 70
    rows = [row for name, row in shown if name == "training"]
    assert rows[0] < 50
    assert np.diff(rows[:-1]).max() < 60
    assert chosen(sets, [], 5000) == [(name, row) for name, count in sets.items() for row in range(count)]
    assert len(chosen(sets, [("testing", row) for row in range(40)], 10)) == 10


def test_the_command_makes_the_same_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []
    monkeypatch.setattr(pipeline, "run", lambda job, progress: jobs.append(job))
    line = [
        *("train", "--data-directory", str(tmp_path / "my data"), "--out-directory", "out", "--image-size", "96"),
        *("--head-units", "32,16", "--no-mirror", "--augment", "--final-sparsity", "0.7", "--ensure-determinism"),
        *("--classes", "a b,c", "--from", "folders", "--seed", "3"),
    ]
    with pytest.raises(SystemExit):
        main(line)
    with pytest.raises(SystemExit):
        main(shlex.split(command_of(jobs[0]))[1:])
    assert jobs[1] == jobs[0]


def test_a_page_that_fails_leaves_the_run(tmp_path: Path) -> None:
    make_run(tmp_path / "out")
    (tmp_path / "out" / "predictions.csv").write_text("damaged")
    heard = Heard()
    found = Findings(heard)  # type: ignore[arg-type]
    assert found.attempt("report.html", lambda: page_of(tmp_path / "out")) is None
    assert len(heard.lines) == 1
    assert not (tmp_path / "out" / "report.html").exists()
