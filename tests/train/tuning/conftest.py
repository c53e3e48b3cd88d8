"""Trials that take no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.reporting.made import make_run
from tests.train.tuning import stub
from train.tuning import running


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
