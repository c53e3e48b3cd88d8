"""Trials that take no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Server
from tests.train.conftest import draw_classes
from tests.train.reporting.made import make_run
from tests.train.tuning import priced, stub
from tests.train.tuning.searching import MOST_RAM, SPACE
from train.tuning import running

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a finished run."""
    folder = tmp_path_factory.mktemp("made") / "run"
    make_run(folder)
    return folder / "report.json"


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch, template: Path, tmp_path: Path) -> Callable[..., None]:
    """Puts the stub in training's place; call it with what `stub` reads to change its ways."""

    def put(**settings: object) -> None:
        file = tmp_path / "stub.json"
        file.write_text(json.dumps({"report": str(template), "seconds": 0.0} | settings))
        monkeypatch.setenv("EI_STUB", str(file))

    monkeypatch.setattr(running, "PROGRAM", (stub.__file__,))
    put()
    return put


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


@pytest.fixture
def program(arguments: list[str], stubbed: Callable[..., None]) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the search as a process."""
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server; a test that uses it carries the `postgres` marker."""
    with Server() as running_server:
        yield running_server
