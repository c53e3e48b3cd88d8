"""A whole search on networks that cost nothing to train: what it leaves, and that kills change nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ei_compat.core.errors import ExportError
from tests.train import schema_check
from tests.train.conftest import draw_classes
from tests.train.tuning import priced
from train.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
SPACE = """
alpha: [0.35, 0.5, 0.75, 1.0]
final_sparsity: {low: 0.5, high: 0.9, step: 0.1}
image_size: [160, 128, 96]
backbone: [mobilenet_v2, mobilenet_v1]
channels: 3
head: {head_units: "64", head_dropout: "0.3"}
epochs: 5
learning_rate: 0.001
fine_tune_learning_rate: 0.0005
augment: false
"""
MOST_RAM = 17_000


@pytest.fixture
def arguments(tmp_path: Path, stubbed: Callable[..., None]) -> list[str]:
    draw_classes(tmp_path / "data", {"cat": 6, "dog": 6}, side=8)
    (tmp_path / "space.yaml").write_text(SPACE)
    return [
        "tune", str(tmp_path / "data"), str(tmp_path / "out"), "--max-ram", str(MOST_RAM), "--trials", "6",
        "--space", str(tmp_path / "space.yaml"), "--workers", "2", "--top", "2", "--log-format", "plain",
    ]  # fmt: skip


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    priced.put_in_place(monkeypatch.setattr)


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def histories(out: Path) -> dict[str, list[str]]:
    """What was done in each trial's folder."""
    return {path.stem: path.read_text().splitlines() for path in (out / "trials").glob("*.did")}


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
    assert all(after[digest] == did for digest, did in before.items())
    made = json.loads((tmp_path / "out" / "tune.json").read_text())
    assert sum(bool(trial["rungs"]) for trial in made["trials"]) == 7
    arguments[arguments.index("--max-ram") + 1] = "16000"
    capsys.readouterr()
    assert run(arguments) == 2
    assert "holds a search that differs in budget" in capsys.readouterr().err
    assert run([*arguments, "--from", "folders"]) == 2
    assert "holds a search that differs in --task or --from, budget" in capsys.readouterr().err


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


@pytest.fixture
def program(arguments: list[str], stubbed: Callable[..., None]) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the search in a process group of its own."""
    stubbed(seconds=0.05)
    begun: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.train.tuning.priced", *arguments]
        paths = os.environ | {"PYTHONPATH": str(ROOT)}
        begun.append(
            subprocess.Popen(command, cwd=ROOT, env=paths, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def _sound(out: Path, digests: set[str]) -> None:
    """The same trials are finished, and none was begun twice."""
    did = histories(out)
    assert {digest for digest, lines in did.items() if lines[-1] == "end"} == digests
    for digest, lines in did.items():
        counts = Counter(lines)
        epochs = sorted(line for line in counts if line.startswith("epoch"))
        begun_again = counts["begin"] - 1  # only where it was killed before its first epoch
        assert begun_again <= 0 or lines[: begun_again + 1] == ["begin"] * (begun_again + 1), digest
        assert all(counts[line] <= 2 for line in epochs), digest
        assert counts["end"] == 1, digest


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
        _until(lambda wanted=wanted: len(histories(tmp_path / "out")) >= wanted, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    said, _ = program().communicate(timeout=300)
    assert "Winner" in said
    _sound(tmp_path / "out", set(histories(tmp_path / "calm")))
    results = [json.loads((tmp_path / name / "tune.json").read_text()) for name in ("calm", "out")]
    assert results[0]["winner"]["digest"] == results[1]["winner"]["digest"]


def test_kills_of_workers_change_nothing(
    program: Callable[[], subprocess.Popen[str]], arguments: list[str], tmp_path: Path
) -> None:
    process, killed = program(), 0
    while process.poll() is None:
        for number in _workers(tmp_path / "out"):
            if killed < 3 and any(line.startswith("epoch") for line in _did(tmp_path / "out", number)):
                os.kill(number, signal.SIGKILL)
                killed += 1
        time.sleep(0.02)
    assert process.returncode == 0
    assert killed == 3
    _sound(tmp_path / "out", set(histories(tmp_path / "out")))


def _until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not reached() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def _workers(out: Path) -> dict[int, str]:
    """Processes that train in a folder of the search, with its name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        folder = next((word for word in words if word.startswith(f"{out}/trials/")), None)
        if folder is not None and "--out-directory" in words:
            found[int(path.parent.name)] = Path(folder).name
    return found


def _did(out: Path, number: int) -> list[str]:
    name = _workers(out).get(number)
    return histories(out).get(name, []) if name else []
