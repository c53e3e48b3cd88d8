"""Tables fit the terminal that they are for, and lose nothing there."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.cells import cell_len
from rich.console import Console

from train.cli.tables import laid_out
from train.result import Columns

SCORES = Columns(
    "out on photos",
    ["network", "validation accuracy", "testing accuracy", "zero weights", "size"],
    [
        ["linear probe, before fine-tuning", "1.000", "0.988", "0.00", ""],
        ["model_quantized_int8_io.tflite", "1.000", "0.988", "0.80", "797 kB"],
    ],
    "prepare 1.5 s, total 75.0 s",
)
PATHS = Columns(
    "/a/folder/whose/name/is/longer/than/the/terminal/is/wide/by/far/so/that/it/has/to/be/folded/somewhere",
    ["file", "reason"],
    [["dog/3.png", "Failed to process"], ["犬/" * 30 + "写真.png", "x" * 90], ["", "a line\nand another"]],
    texts=2,
)
MANY = Columns("Layers", ["layer", *"abcdefgh"], [["Conv1", *["1,234,567"] * 8], ["y_pred", *[""] * 8]])
EMPTY = Columns("Nothing", ["file", "count"], [])


def shown(columns: Columns, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(laid_out(columns, width))
    return console.file.getvalue().splitlines()


def letters(text: str) -> Counter[str]:
    return Counter(text.replace(" ", "").replace("\n", ""))


@pytest.mark.parametrize("width", [120, 80, 40, 20])
@pytest.mark.parametrize("columns", [SCORES, PATHS, MANY, EMPTY], ids=["scores", "paths", "many", "empty"])
def test_each_line_fits_and_no_letter_is_lost(columns: Columns, width: int) -> None:
    lines = shown(columns, width)

    assert max(map(cell_len, lines)) <= width
    wanted = [columns.title, columns.caption or "", *(cell for row in columns.rows for cell in row)]
    assert letters("".join(wanted)) <= letters("".join(lines))


def test_what_fits_is_a_plain_table() -> None:
    lines = shown(SCORES, 120)

    assert any("│ model_quantized_int8_io.tflite   │               1.000 │" in line for line in lines)
    assert len(lines) == 8


def test_figures_are_never_folded() -> None:
    for width in (80, 60, 40, 20):
        text = "\n".join(shown(SCORES, width))
        assert text.count("0.988") == 2, width
        assert "797 kB" in text, width


def test_without_room_each_row_is_a_block() -> None:
    assert [line.rstrip() for line in shown(SCORES, 40)] == [
        "out on photos",
        "network: linear probe, before",
        "fine-tuning",
        "  validation accuracy  1.000",
        "  testing accuracy     0.988",
        "  zero weights         0.00",
        "  size",
        "network: model_quantized_int8_io.tflite",
        "  validation accuracy  1.000",
        "  testing accuracy     0.988",
        "  zero weights         0.80",
        "  size                 797 kB",
        "prepare 1.5 s, total 75.0 s",
    ]
