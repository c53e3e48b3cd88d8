"""Boards with their memory, and the budget that a board or the user sets.

The figures are in `boards.json`, each with its source. They are what the chip has; an application needs its part of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from ei_compat.core.errors import UsageError
from firmware.profile import BOARDS as CHIPS
from train.tuning.sketch import Cost

FILE = Path(__file__).with_name("boards.json")
WORDS = {"ram_bytes": "RAM", "flash_bytes": "flash", "instructions": "instructions"}  # the limits of a budget
TIMES = {chip: (mhz, cycles) for chip, mhz, cycles in CHIPS}  # MHz and assumed cycles per instruction


@dataclass(frozen=True, slots=True)
class Board:
    """A board.

    Attributes:
        id: what `--board` takes.
        name: as its maker calls it.
        chip: of those in `firmware.profile.BOARDS`, or another one, of which no time can be estimated.
        ram_bytes, flash_bytes: that there are.
        sources: of these two figures, by their names.
    """

    id: str
    name: str
    chip: str
    ram_bytes: int
    flash_bytes: int
    sources: Mapping[str, str]


@cache
def boards() -> Mapping[str, Board]:
    """Every board, by its id."""
    document = json.loads(FILE.read_bytes())
    return {
        key: Board(
            id=key,
            name=each["name"],
            chip=each["chip"],
            ram_bytes=each["ram_bytes"]["value"],
            flash_bytes=each["flash_bytes"]["value"],
            sources={figure: each[figure]["source"] for figure in ("ram_bytes", "flash_bytes")},
        )
        for key, each in document.items()
    }


def board_named(name: str) -> Board:
    """The board of that id.

    Raises:
        UsageError: there is none.
    """
    if name not in boards():
        raise UsageError("no such board", where=f"--board {name}", fix=f"use {', '.join(boards())}")
    return boards()[name]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a model may take at most; None for any amount.

    Attributes:
        ram_bytes: of the arena, with the input row by row.
        flash_bytes: of constants and code.
        instructions: of one inference on RV32IMC.
    """

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    instructions: int | None = None

    def limits(self) -> dict[str, int]:
        """Those that there are, by name."""
        return {each.name: most for each in fields(self) if (most := getattr(self, each.name)) is not None}

    def excess(self, cost: Cost) -> dict[str, float]:
        """By how much a cost is over each limit, as a share of it: above 0 where it does not fit."""
        return {name: getattr(cost, name) / most - 1 for name, most in self.limits().items()}

    def misses(self, cost: Cost) -> list[str]:
        """What does not fit, in words."""
        over = [name for name, share in self.excess(cost).items() if share > 0]
        return [f"{WORDS[name]} {getattr(cost, name):,} of {getattr(self, name):,}" for name in over]


def budget_of(
    board: Board | None,
    *,
    ram_bytes: int | None = None,
    flash_bytes: int | None = None,
    instructions: int | None = None,
    latency_ms: float | None = None,
) -> Budget:
    """The budget of a board with what the user limits further.

    Raises:
        UsageError: a latency without a board, or with one whose time cannot be estimated, or more than the board has.
    """
    if latency_ms is not None:
        if board is None or board.chip not in TIMES:
            known = ", ".join(key for key, each in boards().items() if each.chip in TIMES)
            raise UsageError("needs a board whose time can be estimated", where="--latency", fix=f"--board {known}")
        mhz, cycles = TIMES[board.chip]
        most = int(latency_ms * mhz * 1000 / cycles)
        instructions = most if instructions is None else min(most, instructions)
    if board is not None:
        for option, asked, there in (
            ("--max-ram", ram_bytes, board.ram_bytes),
            ("--max-flash", flash_bytes, board.flash_bytes),
        ):
            if asked is not None and asked > there:
                raise UsageError(f"{asked:,} bytes are more than the {there:,} of {board.name}", where=option)
        ram_bytes = board.ram_bytes if ram_bytes is None else ram_bytes
        flash_bytes = board.flash_bytes if flash_bytes is None else flash_bytes
    return Budget(ram_bytes, flash_bytes, instructions)


def milliseconds(board: Board | None, instructions: int) -> float | None:
    """The estimated time of one inference on a board, or None where it cannot be estimated."""
    if board is None or board.chip not in TIMES:
        return None
    mhz, cycles = TIMES[board.chip]
    return round(instructions * cycles / (mhz * 1000), 1)
