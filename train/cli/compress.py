"""`compress`: a finished model that was trained elsewhere, made smaller and checked against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from ei_compat.media.pixels import InputScaling
from train.cli import names
from train.cli.examples import examples
from train.cli.train import (
    AS_JSON,
    LOG_FORMAT,
    MLFLOW,
    TENSORBOARD,
    finish,
    recipe_of,
    recipe_options,
    refuse_both,
    spell_out,
)

ANSWERED = {  # fields of the recipe that the model answers, or that are about a fresh head or numbers
    *("task", "backbone", "network", "image_size", "channels", "alpha", "weights", "head_units", "head_dropout"),
    "input_scaling",
    *("units", "columns", "filters", "kernel_size", "conv_dropout"),
    *("epochs", "learning_rate", "huber", "max_prune_error", "max_int8_error"),
}


def compress(
    model: Path = typer.Argument(help="A .keras or .h5 file, or the folder of a SavedModel.", show_default=False),
    data: Path = typer.Argument(help="Pictures or arrays of the model's classes, as of train.", show_default=False),
    out: Path = typer.Argument(help="Where the results go; made if missing.", show_default=False),
    labels: Path | None = typer.Option(
        None, help="The classes in the order of the model's outputs, one a line; without it the data's order."
    ),
    input_scaling: InputScaling | None = typer.Option(
        None, help="What the model is given for pixels; asked for where neither it nor train_input.json says so."
    ),
    info_file: Path | None = typer.Option(
        None, help="train_input.json of arrays; else looked for here and beside them."
    ),
    data_format: str | None = typer.Option(
        None,
        "--from",
        autocompletion=names.FORMATS,
        help="The data's format, where it is not to be found out, as folders; see `ei-train formats`.",
    ),
    ensure_determinism: bool = typer.Option(
        False, "--ensure-determinism", help="Same bytes from the same machine, at some cost in speed."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on from the checkpoint in OUT."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace what an earlier run left in OUT."),
    tensorboard: bool = TENSORBOARD,
    mlflow: str | None = MLFLOW,
    log_format: Literal["auto", "plain", "json"] = LOG_FORMAT,
    as_json: bool = AS_JSON,
    **knobs: Any,
) -> None:
    """Fine-tune, prune and quantise a finished Keras model, and check the result against it.

    Its trained head is kept; the report and the checks compare with the model as it was given.
    """
    from ei_compat.block.run_folder import read_labels
    from train import backend
    from train.cli.progress import make_progress
    from train.job import Job

    refuse_both(resume=resume, overwrite=overwrite)
    backend.check_installed()
    given = {name: value for name, value in knobs.items() if value is not None}
    if input_scaling is not None:
        given["input_scaling"] = input_scaling
    job = Job(
        data=data,
        out=out,
        recipe=recipe_of(given),
        given=frozenset(given),
        overridden=frozenset(given),
        info_file=info_file,
        data_format=data_format,
        deterministic=ensure_determinism,
        resume=resume,
        overwrite=overwrite,
        model=model,
        labels=None if labels is None else read_labels(labels),
        tensorboard=tensorboard,
        mlflow=mlflow,
    )
    progress = make_progress(log_format, as_json=as_json)
    from train import pipeline  # after the options are known to be good: it takes a moment

    finish(pipeline.run(job, progress), out, progress)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=examples("compress"))(spell_out(compress, recipe_options(left_out=ANSWERED)))
