"""What a run says at its end; see test_main and test_block_command for its options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ei_compat.block.run_folder import INT8_FILE
from ei_compat.core.errors import CheckError
from ei_compat.core.progress import Silent
from tests.train.reporting.made import make_run
from train.cli.train import finish
from train.result import Result


class Notes(Silent):
    """Progress that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)

    def finish(self, result: Result) -> None:
        assert result.as_tables()


def test_the_end_says_where_the_model_is_what_it_takes_and_what_comes_next(tmp_path: Path) -> None:
    report, notes, out = make_run(tmp_path / "out"), Notes(), tmp_path / "out"

    with pytest.raises(CheckError, match=r"odd 0\.100, measured 0\.200"):
        finish(report, out, notes)

    where, takes, *next_ = notes.lines
    assert str(out / INT8_FILE) in where
    assert re.match(r"On a board: [\d,.]+ kB of RAM .*, [\d,.]+ kB of flash, about [\d,.]+ ms on an ESP32", takes)
    assert [line for line in next_ if f"ei-train package {out} --name" in line]
