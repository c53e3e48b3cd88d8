"""The ways to watch a run."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from ei_compat.core.errors import UsageError
from train.cli import progress
from train.cli.data import FormatsView
from train.cli.progress import JsonProgress, PlainProgress, RunProgress, TerminalProgress, make_progress


def work(watcher: RunProgress) -> None:
    watcher.note("Training model...")
    with watcher.task("head", 4, "step") as task:
        for step in range(1, 5):
            task.advance(1, epoch=step / 2, loss=0.5)
    watcher.warn("careful")


def test_plain_lines_are_those_of_edge_impulse(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    work(PlainProgress())
    out, err = capsys.readouterr()

    assert out.splitlines() == [
        "Training model...",
        "Epoch 50% done",
        "Epoch 100% done",
        "Epoch 50% done",
        "Epoch 100% done",
    ]
    assert err == "warning: careful\n"


def test_json_lines_are_objects_with_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    work(JsonProgress())
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [event["event"] for event in events] == ["note", "start", "end", "warning"]
    assert events[1] | {"time": 0} == {
        "schema": "ei-train/event/1", "event": "start", "time": 0, "task": "head", "total": 4, "unit": "step",
    }  # fmt: skip
    assert events[2]["done"] == 4


def test_terminal_shows_a_bar_for_each_task() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    work(TerminalProgress(console))
    shown = console.file.getvalue()

    assert "head" in shown
    assert "4/4" in shown
    assert "loss 0.5" in shown
    assert "careful" in shown


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(make_progress("auto"), PlainProgress)
    assert isinstance(make_progress("json"), JsonProgress)


def test_work_without_steps_is_seen_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with TerminalProgress(console).task("convert"):
        pass
    assert "convert" in console.file.getvalue()
    assert "0:00:0" in console.file.getvalue()
    with PlainProgress().task("convert to INT8"):
        pass
    assert capsys.readouterr().out == "Convert to INT8...\n"


def test_a_bar_says_that_work_begins_before_its_first_step() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with TerminalProgress(console).task("head", 30, "step") as task:
        assert "starting" in console.file.getvalue()
        task.advance(0)  # as a phase does that begins, or goes on, while its graph is built
        assert "starting" in (shown := console.file.getvalue().splitlines()[-1])
        assert "0:00:0" in shown
        task.advance(30)
    assert "starting" not in console.file.getvalue().splitlines()[-1]


def test_the_result_alone_is_on_stdout_where_it_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = make_progress("auto", as_json=True)
    work(watcher)
    watcher.finish(FormatsView(()))
    out, err = capsys.readouterr()

    assert (json.loads(out), err) == ({"schema": "ei-train/formats/1", "formats": []}, "warning: careful\n")


def test_log_and_result_cannot_both_be_json() -> None:
    with pytest.raises(UsageError, match="--json prints the report alone"):
        make_progress("json", as_json=True)
