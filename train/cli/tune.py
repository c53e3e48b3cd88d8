"""`plan` and `tune`: what fits a board, and the search for the best of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import typer
from pydantic import ValidationError

from ei_compat.core.errors import UsageError
from train.cli import console, names, units
from train.cli.examples import examples

if TYPE_CHECKING:
    from train.cli.tune_progress import Lines
    from train.tuning.boards import Board, Budget
    from train.tuning.subject import Subject

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
    from train import backend
    from train.cli.progress import bars
    from train.tuning import plan as plans
    from train.tuning.costs import Costs

    backend.check_installed()
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


def tune(
    data: Path = typer.Argument(help="What train takes as --data-directory.", show_default=False),
    out: Path = typer.Argument(help="The folder of the search; run again, it goes on there.", show_default=False),
    board: str | None = BOARD,
    max_ram: str | None = MAX_RAM,
    max_flash: str | None = MAX_FLASH,
    max_instructions: str | None = MAX_INSTRUCTIONS,
    latency: str | None = LATENCY,
    trials: int = typer.Option(40, min=1, help="Networks to train; those that do not fit are not counted."),
    space: Path | None = typer.Option(None, help="Knobs that replace the usual ones, in YAML; docs/howto/tune.md."),
    rungs: str = typer.Option("quick,default", help="Efforts: all are trained with the first, the best with the next."),
    top: int = typer.Option(3, min=1, help="How many of the best are trained with three seeds."),
    seed: int = typer.Option(1, min=0, max=2**30, help="Of the search, and of the trials' recipes."),
    executor: str = typer.Option(
        "local", autocompletion=names.EXECUTORS, help="Where trials run: local, or ray, which is a cluster."
    ),
    workers: int | None = typer.Option(None, min=1, help="Trials at a time; without it one for two processors."),
    ray_address: str | None = typer.Option(
        None,
        help="HOST:PORT of a Ray cluster, auto for the one of this machine, local (the default) for a new one.",
    ),
    storage: str | None = typer.Option(
        None, help="A PostgreSQL's URL without password, for several drivers; else a journal in the folder."
    ),
    task: str = typer.Option(
        "auto", autocompletion=names.TASKS, help="classification, regression, or what train_input.json says."
    ),
    form: str | None = typer.Option(
        None, "--from", autocompletion=names.FORMATS, help="The data's format, where it is not to be found out."
    ),
    ensure_determinism: bool = typer.Option(False, "--ensure-determinism", help="Same bytes from the same machine."),
    log_format: Literal["auto", "plain", "json"] = typer.Option("auto", help="Table on a terminal, lines, JSON lines."),
    as_json: bool = typer.Option(False, "--json", help="Print the result alone, as JSON; the rest goes to stderr."),
) -> None:
    """Search for the best model within a budget, and train only what fits.

    Needs Optuna: pip install 'ei-train[tune]'. The testing set is looked at once, at the end, for the winner.
    """
    import importlib.util

    if importlib.util.find_spec("optuna") is None:
        raise UsageError("Optuna is not installed", where="tune", fix="pip install 'ei-train[tune]'")
    from train.cli.progress import make_progress
    from train.job import Job
    from train.recipe import Recipe
    from train.tuning.costs import Costs
    from train.tuning.driver import Search
    from train.tuning.executors import Settings
    from train.tuning.rungs import rungs_of
    from train.tuning.space import FEATURES, IMAGES, read_space, space_of
    from train.tuning.subject import look_at
    from train.tuning.trials import Spec
    from train.tuning.tune import Request
    from train.tuning.tune import tune as search

    named, budget = limits(board, max_ram, max_flash, max_instructions, latency)
    efforts, progress = rungs_of(rungs), make_progress(log_format, as_json=as_json)
    subject = look_at(Job(data, out, Recipe(task=task), data_format=form), progress)
    usual = FEATURES if subject.has_features else IMAGES
    arguments = [*(() if task == "auto" else ("--task", task)), *(() if form is None else ("--from", form))]
    root = out.absolute() / "trials"
    base = Spec(data.absolute(), subject.digest, root, (), efforts[-1], seed, ensure_determinism, tuple(arguments))
    request = Request(
        out.absolute(),
        Search(base, subject, budget, trials, efforts, top),
        space_of({}, usual) if space is None else read_space(space, usual),
        named,
        storage,
        executor,
        Settings(workers, ray_address),
    )
    with Costs() as costs, _watch(log_format, subject, as_json=as_json) as watch:
        tuned = search(request, costs, watch)
    if tuned.winner is not None and tuned.winner.best.missed:
        progress.warn(f"the winner does not meet: {', '.join(tuned.winner.best.missed)}")
    progress.finish(tuned)
    progress.note(f"Everything about it: {out / 'tune.html'}; the model: {out / 'best'}")


def _watch(log_format: str, subject: Subject, *, as_json: bool) -> Lines:
    from train.cli.tune_progress import JsonLines, Lines, LiveTable

    if as_json:
        return Lines(sys.stderr)
    if log_format == "json":
        return JsonLines()
    if log_format == "auto" and console.animates(sys.stdout):
        return LiveTable(subject.metric, higher_is_better=subject.higher_is_better)
    return Lines()


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=examples("plan"))(plan)
    app.command(epilog=examples("tune"))(tune)
