"""What fits a board, as the command line shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.train import schema_check
from train.cli.main import main
from train.tuning import costs as module
from train.tuning.costs import Answer, Asked
from train.tuning.sketch import Cost


def _priced(_: Any, asked: Iterable[Asked]) -> Iterator[tuple[Asked, Answer]]:
    """RAM by the side, flash by the zeros, instructions by both."""
    for sketch, zeros in asked:
        side = sketch.shape[0]
        flash = round(1_000_000 * (1 - zeros.share))
        yield (sketch, zeros), Cost(100 * side, 300 * side, flash, flash * side)


@pytest.fixture(autouse=True)
def _prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Costs, "each", _priced)


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["plan", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_what_fits_comes_first_and_the_dearest_of_it_on_top(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--board", "esp32-cam", "--max-ram", "13kB", "--latency", "500ms", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    schema_check.check(made, "plan")
    assert made["budget"] == {"ram_bytes": 13_000, "flash_bytes": 4 << 20, "instructions": 80_000_000}
    fits = [(row["image_size"], row["sparsity"]) for row in made["rows"] if not row["misses"]]
    assert set(fits) == {(96, 0.8), (128, 0.8)}
    costs = [row["cost"]["instructions"] for row in made["rows"]]
    assert costs[: len(fits)] == sorted(costs[: len(fits)], reverse=True)
    assert all(row["misses"] for row in made["rows"][len(fits) :])
    widths = {(row["backbone"], row["alpha"]) for row in made["rows"]}
    assert ("mobilenet_v2", 0.25) not in widths
    assert ("mobilenet_v1", 0.25) in widths


def test_the_table_says_what_it_was_held_against(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--board", "pico", "--alpha", "0.5", "--backbone", "mobilenet_v2") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "What fits Raspberry Pi Pico" in shown
    assert "6 of 6 networks fit. Limits: RAM 270,336, flash 2,097,152." in shown


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["--max-ram", "many"], "--max-ram: 'many' is no size; use bytes", id="no size"),
        pytest.param(["--max-instructions", "0"], "--max-instructions: '0' is no number", id="no number"),
        pytest.param(["--latency", "500ms"], "--latency: needs a board whose time can be estimated", id="no board"),
        pytest.param(["--latency", "5h", "--board", "esp32"], "--latency: '5h' is no time", id="no time"),
        pytest.param(["--board", "esp8266"], "--board esp8266: no such board; use esp32", id="unknown board"),
        pytest.param(["--alpha", "wide"], "--alpha: 'wide' is no list of numbers", id="no list"),
        pytest.param(["--image-size", "8"], "image_size: Input should be greater than or equal to 32", id="small"),
        pytest.param(["--alpha", "0.35", "--backbone", "mobilenet_v1"], "--alpha: no such network", id="no width"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {line}")
    assert error.count("\n") == 1
