"""`run`: any other command in the container, through the Docker engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from ei_compat.core.errors import UsageError
from train.cli.examples import examples

SOURCES = Path(__file__).resolve().parents[2]  # a checkout has the Dockerfile there, an installed package has none


def run(
    context: typer.Context,
    image: str | None = typer.Option(
        None,
        help="Its name; without it EI_TRAIN_IMAGE, else ei-train, and ei-train:gpu with --gpu. What is not here is "
        "pulled; without a name it is built, where this program is a folder of sources.",
    ),
    build: Path | None = typer.Option(
        None, help="Build it first, from this folder of sources; BASE_IMAGE names another base."
    ),
    gpu: bool = typer.Option(False, "--gpu", help="Give it the GPUs of this machine."),
    memory: str | None = typer.Option(None, help="What it may take at most, such as 4g."),
    cpus: float | None = typer.Option(None, min=0.01, help="How many processors it may use, such as 2 or 1.5."),
    offline: bool = typer.Option(False, "--offline", help="Give it no network."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the `docker run` that does the same, and stop."),
) -> None:
    """Run a command of this program in its container.

    The rest of the line is the command, written as for this machine: paths are the same inside. Training may read what
    it is given and write to its results alone; other commands see the working directory. Variables that begin with EI_
    are passed on, the exit code is the container's, and Ctrl-C lets it save.
    """
    from train.cli.progress import bars
    from train.container import engine
    from train.container.plan import Limits, make_plan, parse_memory

    if not context.args:
        raise UsageError("there is nothing to run", where="run", fix="add a command, or the options of train")
    named = image or os.environ.get("EI_TRAIN_IMAGE")
    name = named or ("ei-train:gpu" if gpu else "ei-train")
    limits = Limits(gpu, None if memory is None else parse_memory(memory), cpus, offline)
    terminal = sys.stdout.isatty()
    if dry_run:
        plan = make_plan(name, context.args, limits, os.environ, terminal=terminal, make_folder=False)
        sys.stdout.write(plan.command_line() + "\n")
        return
    client = engine.connect()
    try:
        sources = SOURCES if not named and build is None and (SOURCES / "Dockerfile").is_file() else build
        engine.have_image(client, name, sources, bars(), anew=build is not None)
        plan = make_plan(name, context.args, limits, os.environ, terminal=terminal)
        try:
            code = engine.run(client, plan)
        finally:
            plan.tidy()
    finally:
        client.close()
    raise typer.Exit(code)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(context_settings=settings, epilog=examples("run"))(run)
