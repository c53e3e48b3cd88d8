"""Boards and budgets."""

from __future__ import annotations

import pytest

from ei_compat.core.errors import UsageError
from train.tuning.boards import Budget, board_named, boards, budget_of, milliseconds
from train.tuning.sketch import Cost

COST = Cost(ram_bytes=1000, whole_ram_bytes=2000, flash_bytes=3000, instructions=16_000_000)


def test_each_figure_of_each_board_has_a_source() -> None:
    for board in boards().values():
        assert 64_000 < board.ram_bytes < board.flash_bytes
        assert all(len(source) > 20 for source in board.sources.values())


def test_an_unknown_board_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"--board esp33: no such board; use esp32, esp32-cam"):
        board_named("esp33")


def test_a_board_limits_memory_and_the_user_limits_it_further() -> None:
    board = board_named("esp32-cam")
    assert budget_of(board) == Budget(board.ram_bytes, board.flash_bytes, None)
    assert budget_of(board, ram_bytes=100_000).ram_bytes == 100_000
    with pytest.raises(UsageError, match="--max-ram: 1,000,000 bytes are more than the 327,680"):
        budget_of(board, ram_bytes=1_000_000)


def test_a_latency_is_a_number_of_instructions() -> None:
    board = board_named("esp32-c3")
    budget = budget_of(board, latency_ms=150)
    assert budget.instructions == COST.instructions  # 160 MHz at 1.5 cycles each
    assert milliseconds(board, COST.instructions) == 150
    for other in (None, board_named("pico")):
        with pytest.raises(UsageError, match="--latency: needs a board whose time can be estimated"):
            budget_of(other, latency_ms=150)


def test_excess_is_a_share_of_the_limit() -> None:
    assert Budget(ram_bytes=1000, flash_bytes=2000).excess(COST) == {"ram_bytes": 0.0, "flash_bytes": 0.5}
    assert Budget(ram_bytes=1000, flash_bytes=2000).misses(COST) == ["flash 3,000 of 2,000"]
    assert Budget().misses(COST) == []
