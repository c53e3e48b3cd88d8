"""Several drivers on one search, in a PostgreSQL and one folder: kills change nothing, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ei_compat.core.errors import RemoteError
from tests.postgres import Server
from tests.train.tuning.searching import did, histories, sound, until, workers

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
    shared_search: list[str], program: Start, postgres: Server, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = program()
    until(lambda: len(histories(out)) >= 2, process)
    postgres.stop()
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        postgres.start()
    assert process.returncode == RemoteError.exit_code, said
    assert said.count("\n") <= said.count("trial") + 1
    assert "run the same command again to go on" in said.splitlines()[-1]
    assert not workers(out)
    before = histories(out)
    time.sleep(LEASE)
    ended(program())
    sound(out, {*before, *histories(out)})
    assert told(postgres) == ["COMPLETE"] * 7


def test_a_folder_is_a_journals_or_a_databases(shared_search: list[str], program: Start, tmp_path: Path) -> None:
    process = program()
    until(lambda: (tmp_path / "out" / "trials").is_dir(), process)
    del shared_search[-2:]
    said, _ = program().communicate(timeout=120)
    assert "another search is at work in it; wait, or give all of them the same --storage" in said
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "stopped by SIGTERM; run the same command again to go on" in said
