"""Several drivers on one search, in a PostgreSQL and one folder: kills change nothing, and nothing is done twice."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ei_compat.core.errors import RemoteError
from tests.postgres import Server
from tests.train.tuning.searching import did, histories, run, sound, until, workers
from train.tuning import database

LEASE = 3.0  # seconds until a dead driver's trials pass on
pytestmark = pytest.mark.postgres
Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def shared_search(arguments: list[str], postgres: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every network fits, and values follow from a trial's number alone: the order of events decides nothing."""
    monkeypatch.setenv("EI_LEASE", str(LEASE))
    for option, value in (("--max-ram", "1MiB"), ("--workers", "1"), ("--trials", "7")):
        arguments[arguments.index(option) + 1] = value
    space = Path(arguments[arguments.index("--space") + 1])
    space.write_text(space.read_text().replace("[mobilenet_v2, mobilenet_v1]", "mobilenet_v2"))
    arguments += ["--rungs", "default", "--storage", postgres.database("shared")]
    return arguments


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Winner" in said
    return said


def told(postgres: Server) -> list[str]:
    """The states of all trials."""
    return sorted(str(row[0]) for row in postgres.do("SELECT state::text FROM trials", "shared"))


@pytest.mark.slow
def test_kills_of_drivers_and_workers_change_nothing(
    shared_search: list[str], program: Start, postgres: Server, tmp_path: Path
) -> None:
    disturbed = shared_search.copy()
    shared_search[2] = str(tmp_path / "calm")
    shared_search[-1] = postgres.database("calm")
    calm = program()
    ended(calm)
    shared_search[:], out = disturbed, tmp_path / "out"

    first, second = program(), program()
    until(lambda: len(workers(out)) == 2, first)
    until(lambda: any(_trains(out, number) for number in workers(out)), second)
    victim = next(number for number in workers(out) if _trains(out, number))
    os.kill(victim, signal.SIGKILL)  # its driver begins another one, which goes on
    until(lambda: len(histories(out)) >= 4, second)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    third = program()
    said = [ended(process) for process in (second, third)]

    sound(out, set(histories(tmp_path / "calm")))
    assert told(postgres) == ["COMPLETE"] * 7
    assert postgres.do("SELECT * FROM ei_train_claims", "shared") == []
    lines = [line for each in said for line in each.splitlines()]
    begun = [line for line in lines if " begins: " in line]
    assert len(begun) == len({line.split()[1] for line in begun}) <= 7
    finals = [line for line in lines if " with seed " in line]
    assert len(finals) == len(set(finals)) == 6  # each by one of them
    results = [json.loads((folder / "tune.json").read_text()) for folder in (tmp_path / "calm", out)]
    assert results[0]["winner"] == results[1]["winner"] | {"command": results[0]["winner"]["command"]}
    assert (out / "best" / "report.json").exists()
    assert not list(out.glob(".*"))  # nothing half-written


def _trains(out: Path, number: int) -> bool:
    return any(line.startswith("epoch") for line in did(out, number))


def test_a_database_that_is_gone_loses_nothing(
    shared_search: list[str], in_place: None, stubbed: Callable[..., None], postgres: Server, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(database, "LEASE_SECONDS", 1.0)
    stubbed(seconds=0.05)
    out = tmp_path / "out"

    def stop() -> None:
        while len(histories(out)) < 2:
            time.sleep(0.01)
        postgres.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    try:
        assert run(shared_search) == RemoteError.exit_code
    finally:
        stopping.join()
        postgres.start()
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: postgresql://tuner@/shared: ")
    assert said.endswith("; run the same command again to go on")
    assert "\n" not in said
    assert not workers(out)
    before = histories(out)
    assert run(shared_search) == 0
    sound(out, {*before, *histories(out)})
    assert told(postgres) == ["COMPLETE"] * 7


def test_a_folder_is_a_journals_or_a_databases(
    shared_search: list[str], in_place: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # as a driver with a journal does
        assert run(shared_search) == 2
        fcntl.flock(handle, fcntl.LOCK_SH)  # as one with a database does
        assert run(shared_search[:-2]) == 2
    finally:
        os.close(handle)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all("another search is at work in it; wait, or give all of them the same --storage" in line for line in said)
