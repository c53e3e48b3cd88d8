"""`plan` and `tune`: what fits a board, and the search for the best of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import typer
from pydantic import ValidationError

from ei_compat.core.errors import UsageError
from train.cli import console, names, units
from train.cli.examples import examples

if TYPE_CHECKING:
    from train.tuning.boards import Board, Budget

N = TypeVar("N", int, float)

BOARD = typer.Option(
    None,
    autocompletion=names.BOARDS,
    help="Sets the limits: esp32, esp32-cam, esp32-s3, xiao-esp32s3, esp32-c3, pico, nano33ble.",
)
MAX_RAM = typer.Option(None, help="Most bytes of the arena, such as 96KiB.")
MAX_FLASH = typer.Option(None, help="Most bytes of the model's constants and code, such as 400KiB.")
MAX_INSTRUCTIONS = typer.Option(None, help="Most instructions of one inference, such as 60M.")
LATENCY = typer.Option(None, help="Longest estimated time of one inference on --board, such as 500ms.")


def limits(
    board: str | None, max_ram: str | None, max_flash: str | None, max_instructions: str | None, latency: str | None
) -> tuple[Board | None, Budget]:
    """The board and the budget that these options mean."""
    from train.tuning.boards import board_named, budget_of

    named = None if board is None else board_named(board)
    return named, budget_of(
        named,
        ram_bytes=None if max_ram is None else units.size(max_ram, "--max-ram"),
        flash_bytes=None if max_flash is None else units.size(max_flash, "--max-flash"),
        instructions=None if max_instructions is None else units.count(max_instructions, "--max-instructions"),
        latency_ms=None if latency is None else units.duration(latency, "--latency"),
    )


def plan(
    board: str | None = BOARD,
    max_ram: str | None = MAX_RAM,
    max_flash: str | None = MAX_FLASH,
    max_instructions: str | None = MAX_INSTRUCTIONS,
    latency: str | None = LATENCY,
    backbone: str = typer.Option("mobilenet_v2,mobilenet_v1", help="With commas."),
    alpha: str = typer.Option(
        "0.25,0.35,0.5", help="Width multipliers; mobilenet_v2 has no 0.25, mobilenet_v1 no 0.35."
    ),
    image_size: str = typer.Option("96,128,160", help="Pixels on a side."),
    channels: str = typer.Option("3", help="3 for colours, 1 for grayscale, or both."),
    sparsity: str = typer.Option("0,0.8", help="Shares of zeros; 0 for no pruning."),
    classes: int = typer.Option(4, min=1, help="How many there are."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Show which networks fit a board, before there is any data.

    Each is built with random weights and compiled, which takes seconds the first time; results are kept.
    """
    from train.cli.progress import bars
    from train.tuning import plan as plans
    from train.tuning.costs import Costs

    named, budget = limits(board, max_ram, max_flash, max_instructions, latency)
    with Costs(workers=os.cpu_count() or 1) as costs:
        try:
            made = plans.plan(
                named, budget, costs,
                backbones=[name.strip() for name in backbone.split(",")],
                alphas=_numbers(alpha, float, "--alpha"),
                sizes=_numbers(image_size, int, "--image-size"),
                channels=_numbers(channels, int, "--channels"),
                sparsities=_numbers(sparsity, float, "--sparsity"),
                outputs=classes,
                progress=bars(),
            )  # fmt: skip
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(first["msg"], where=" ".join(map(str, first["loc"]))) from error
    console.show(made, as_json=as_json)


def _numbers(text: str, kind: Callable[[str], N], option: str) -> list[N]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} is no list of numbers", where=option, fix="separate them with commas") from None


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=examples("plan"))(plan)
