"""Colours, widths and bars by the rules that terminals and their users have."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from ei_compat.core.errors import DataError
from train.cli import console
from train.cli.main import main
from train.cli.progress import PlainProgress, TerminalProgress, WarningsAlone, bars, make_progress

COLOUR = "\x1b[1;31m"  # of an error: bold red


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def said(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    console.fail(DataError("is empty", where="photos"))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),  # https://no-color.org: only when it is not empty
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": ""}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours(environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    text = said(monkeypatch, Terminal() if terminal else io.StringIO())

    assert (COLOUR in text) is coloured
    assert "31m" not in text or coloured
    assert "error: photos: is empty" in text


def test_a_dumb_terminal_gets_lines_and_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    assert isinstance(make_progress("auto"), TerminalProgress)
    assert isinstance(bars(), TerminalProgress)

    monkeypatch.setenv("TERM", "dumb")

    assert isinstance(make_progress("auto"), PlainProgress)
    assert isinstance(bars(), WarningsAlone)


@pytest.mark.parametrize("columns", ["80", "40"])
def test_tables_are_as_wide_as_they_may(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        main(["formats"])

    lines = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= int(columns)
    assert any("ei is short for" in line for line in lines)


def test_a_pipe_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["formats"])

    assert max(map(cell_len, capsys.readouterr().out.splitlines())) > 100


def test_an_error_is_one_line_whatever_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")

    assert said(monkeypatch, io.StringIO()) == "error: photos: is empty\n"
