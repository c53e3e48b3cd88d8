"""A whole search on networks that cost nothing to train: what it leaves, and that kills change nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ei_compat.core.errors import ExportError
from tests.train import schema_check
from tests.train.tuning.searching import MOST_RAM, did, histories, run, sound, until, workers
from train.tuning.claims import Alone
from train.tuning.driver import FINAL
from train.tuning.study import Study


def test_a_search_ends_with_the_best_that_fits(
    arguments: list[str], in_place: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    out, said = tmp_path / "out", capsys.readouterr().out
    assert "does not fit: RAM" in said
    assert "Winner: trial" in said
    made = json.loads((out / "tune.json").read_text())
    schema_check.check(made, "tune")
    trained = [trial for trial in made["trials"] if trial["rungs"]]
    infeasible = [trial for trial in made["trials"] if trial["state"] == "infeasible"]
    assert len(trained) == 6
    assert infeasible
    assert all(trial["reason"] for trial in infeasible)
    assert {trial["state"] for trial in trained} <= {"trained", "stopped early"}
    for trial in trained:
        assert trial["predicted"]["ram_bytes"] <= MOST_RAM
        assert all(rung["cost"] == trial["predicted"] for rung in trial["rungs"].values())
    assert set(made["prediction_errors"]["ram_bytes"]) == {0.0}
    best = max(
        (trial["rungs"]["default"]["metric"], trial["number"]) for trial in trained if "default" in trial["rungs"]
    )
    winner = made["winner"]
    assert len(winner["validation_by_seed"]) == 3
    assert winner["validation"] == max(winner["validation_by_seed"]) >= best[0]
    assert (out / "best").resolve() == out / "trials" / winner["digest"]
    assert winner["command"].startswith(f"ei-train train --data-directory {tmp_path / 'data'} --out-directory again ")
    with (out / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(made["trials"])
    assert all(row["ram_bytes predicted"] == row["ram_bytes real"] for row in rows if row["effort"])
    page = (out / "tune.html").read_text()
    assert "<script" not in page
    for words in ("The best model", "Front", "Skipped", "Predicted against real", winner["digest"]):
        assert words in page


def test_the_same_again_trains_nothing_and_more_trials_go_on(
    arguments: list[str], in_place: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 0
    before = histories(tmp_path / "out")
    assert run(arguments) == 0
    assert histories(tmp_path / "out") == before
    arguments[arguments.index("--trials") + 1] = "7"
    assert run(arguments) == 0
    after = histories(tmp_path / "out")
    assert all(after[digest] == lines for digest, lines in before.items())
    made = json.loads((tmp_path / "out" / "tune.json").read_text())
    assert sum(bool(trial["rungs"]) for trial in made["trials"]) == 7
    arguments[arguments.index("--max-ram") + 1] = "16000"
    capsys.readouterr()
    assert run(arguments) == 2
    assert "holds a search that differs in budget" in capsys.readouterr().err
    assert run([*arguments, "--from", "folders"]) == 2
    assert "holds a search that differs in --task or --from, budget" in capsys.readouterr().err


def test_what_another_driver_ends_just_before_the_claim_is_not_trained_again(
    arguments: list[str], in_place: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run(arguments) == 0
    before, claimed, noted = histories(tmp_path / "out"), set[str](), Study.notes.fget
    assert noted is not None
    assert capsys.readouterr().out.count(" with seed ") >= 3
    finals = set[str]()  # two trials of the same network have three between them

    def seen(study: Study) -> dict[str, Any]:
        """Notes of the last trainings are there only once their claims are."""
        finals.update(key for key in noted(study) if key.startswith(FINAL))
        return {key: note for key, note in noted(study).items() if key not in finals or key in claimed}

    def claim(_: Alone, name: str) -> bool:
        claimed.add(name)
        return True

    monkeypatch.setattr(Study, "notes", property(seen))
    monkeypatch.setattr(Alone, "claim", claim)
    assert run(arguments) == 0
    assert claimed == finals
    assert len(finals) >= 3
    assert histories(tmp_path / "out") == before
    assert " with seed " not in capsys.readouterr().out


def test_nothing_that_fits_is_said_with_the_nearest(
    arguments: list[str], in_place: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train.tuning.driver.MOST_MISSES", 12)
    arguments[arguments.index("--max-ram") + 1] = "5000"
    assert run(arguments) == ExportError.exit_code
    assert "none of 12 networks fits: the nearest takes RAM 10,080 of 5,000" in capsys.readouterr().err


def test_an_unknown_executor_leaves_nothing(arguments: list[str], tmp_path: Path) -> None:
    assert run([*arguments, "--executor", "slurm"]) == 2
    assert not (tmp_path / "out").exists()


def test_what_train_refuses_ends_the_search(
    arguments: list[str], in_place: None, stubbed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    stubbed(exit=3)
    assert run(arguments) == 3
    assert "a trial was refused: here; it went wrong; mend it" in capsys.readouterr().err


def test_trials_that_fail_end_it_when_none_succeeds(
    arguments: list[str], in_place: None, stubbed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    stubbed(exit=4)
    assert run(arguments) == 4
    assert "trials failed and none succeeded" in capsys.readouterr().err


@pytest.mark.slow
def test_kills_of_the_driver_change_nothing(
    program: Callable[[], subprocess.Popen[str]], arguments: list[str], tmp_path: Path
) -> None:
    arguments[arguments.index("--workers") + 1] = "1"  # decisions in one order
    calm = arguments.copy()
    calm[2] = str(tmp_path / "calm")
    arguments[:], disturbed = calm, arguments.copy()
    said, _ = program().communicate(timeout=300)
    assert "Winner" in said
    arguments[:] = disturbed
    for wanted in (2, 5, 9):  # runs that are begun
        process = program()
        until(lambda wanted=wanted: len(histories(tmp_path / "out")) >= wanted, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    said, _ = program().communicate(timeout=300)
    assert "Winner" in said
    sound(tmp_path / "out", set(histories(tmp_path / "calm")))
    results = [json.loads((tmp_path / name / "tune.json").read_text()) for name in ("calm", "out")]
    assert results[0]["winner"]["digest"] == results[1]["winner"]["digest"]


def test_kills_of_workers_change_nothing(
    program: Callable[[], subprocess.Popen[str]], arguments: list[str], tmp_path: Path
) -> None:
    process, killed = program(), 0
    while process.poll() is None:
        for number in workers(tmp_path / "out"):
            if killed < 3 and any(line.startswith("epoch") for line in did(tmp_path / "out", number)):
                os.kill(number, signal.SIGKILL)
                killed += 1
        time.sleep(0.02)
    assert process.returncode == 0
    assert killed == 3
    sound(tmp_path / "out", set(histories(tmp_path / "out")))
