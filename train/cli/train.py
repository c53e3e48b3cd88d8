"""`train` and `demo`: the options of a run, made from the recipe's own fields."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import EnumType
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ei_compat.block.run_folder import INT8_FILE, PAGE
from ei_compat.core.errors import CheckError, UsageError
from train.cli import console, names
from train.cli.block_command import UNSET, BlockCommand, unknown
from train.cli.examples import examples
from train.recipe import Recipe, option_of

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.cli.progress import RunProgress
    from train.job import Parameters
    from train.runs.report import Report

ALIASES = {  # Edge Impulse's own spellings: in most of its blocks, and of its runner for local training
    "batch_size": ("--batch_size",),
    "validation_share": ("--validation-set-size",),
}
COMPLETED = {  # fields of the recipe that take a name, or a word beside a file
    "backbone": names.BACKBONES,
    "task": names.TASKS,
    "weights": names.completer(lambda: ("auto", "imagenet", "none")),
}
LOG_FORMAT = typer.Option("auto", help="Bars on a terminal, lines, JSON lines.")
AS_JSON = typer.Option(False, "--json", help="Print the report alone, as JSON; progress and warnings go to stderr.")
TENSORBOARD = typer.Option(False, "--tensorboard", help="Write what TensorBoard reads into the results' folder.")
MLFLOW = typer.Option(
    None,
    help="The address of an MLflow server that hears of the run. Needs its client: pip install 'ei-train[mlflow]'.",
)


def train(
    context: typer.Context,
    data_directory: Path = typer.Option(..., help="Arrays or an export of Edge Impulse, or folders of pictures."),
    out_directory: Path = typer.Option(..., help="Where the results go; made if missing."),
    info_file: Path | None = typer.Option(
        None, "--info-file", "--input-file", help="train_input.json of arrays; else looked for here and beside them."
    ),
    input_shape: str | None = typer.Option(
        None, help='Of one input, such as "(96, 96, 3)" or "(156,)", for flat arrays without a train_input.json.'
    ),
    classes: str | None = typer.Option(None, help="Names, with commas, for arrays without a train_input.json."),
    data_format: str | None = typer.Option(
        None,
        "--from",
        autocompletion=names.FORMATS,
        help="The data's format, where it is not to be found out, as folders; see `ei-train formats`.",
    ),
    ensure_determinism: bool = typer.Option(
        False, "--ensure-determinism", help="Same bytes from the same machine, at some cost in speed."
    ),
    resume: bool = typer.Option(
        False, "--resume", help="Go on from the checkpoint in --out-directory; a finished run is not repeated."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace what an earlier run left in --out-directory."),
    name: str | None = typer.Option(
        None, help="Number the runs: results go to a new folder of this name in --out-directory, or NAME-2, NAME-3, …"
    ),
    config: Path | None = typer.Option(
        None, help="The config.json of another run: its recipe holds, but for the options that are given here."
    ),
    tensorboard: bool = TENSORBOARD,
    mlflow: str | None = MLFLOW,
    enforce_time_limit: bool = typer.Option(
        False, "--enforce-time-limit", help="Let maxTrainingTimeSeconds of train_input.json stop the training."
    ),
    log_format: Literal["auto", "plain", "json"] = LOG_FORMAT,
    as_json: bool = AS_JSON,
    **knobs: Any,
) -> None:
    """Train a classifier and write a float and an INT8 TFLite model, a report, and more.

    Unknown options are ignored with a warning, as Edge Impulse's own training does.
    """
    from train import backend
    from train.cli.progress import make_progress
    from train.exported import find_parameters
    from train.job import Job

    progress = make_progress(log_format, as_json=as_json)
    if context.args:
        known = (flag for parameter in context.command.params for flag in (*parameter.opts, *parameter.secondary_opts))
        progress.warn(f"ignored, not an option of train: {unknown(context.args, known)}")
    for option in context.meta.get(UNSET, ()):
        progress.note(f"{option} is empty: it counts as not given")
    refuse_both(resume=resume, overwrite=overwrite)
    refuse_number(name, resume=resume, overwrite=overwrite)
    backend.check_installed()
    overridden = {option: value for option, value in knobs.items() if value is not None}
    parameters = None if config is not None else find_parameters(data_directory, info_file)
    base = {} if parameters is None else parameters.values
    if config is not None:
        base, same_bytes = _configured(config, overridden, progress)
        ensure_determinism |= same_bytes
    given = base | overridden
    job = Job(
        data=data_directory,
        out=out_directory,
        recipe=recipe_of(given, parameters),
        given=frozenset(given),
        overridden=frozenset(overridden),
        parameters=parameters,
        info_file=info_file,
        input_shape=input_shape,
        classes=None if classes is None else tuple(name.strip() for name in classes.split(",")),
        data_format=data_format,
        deterministic=ensure_determinism,
        resume=resume,
        overwrite=overwrite,
        enforce_time_limit=enforce_time_limit,
        config=config,
        tensorboard=tensorboard,
        mlflow=mlflow,
    )
    from train import pipeline  # after the options are known to be good: it takes a moment

    with _numbered(out_directory, name) as out:
        if name is not None:
            progress.note(f"Results go to {out}")
        finish(pipeline.run(replace(job, out=out), progress), out, progress)


@contextmanager
def _numbered(out: Path, name: str | None) -> Iterator[Path]:
    """The folder of the results: `out`, or a new one in it, which is gone again where nothing comes of it."""
    if name is None:
        yield out
        return
    from train.runs.folder import numbered_folder

    made = numbered_folder(out, name)
    try:
        yield made
    finally:
        with suppress(OSError):
            made.rmdir()  # which only an empty one lets happen


def refuse_number(name: str | None, *, resume: bool, overwrite: bool) -> None:
    """Refuses what has no meaning for a run in a new folder."""
    if name is None:
        return
    for option, on in (("--resume", resume), ("--overwrite", overwrite)):
        if on:
            raise UsageError(
                f"--name makes a new folder, in which {option} finds nothing",
                where=f"--name {name}",
                fix="give the run's own folder as --out-directory",
            )
    if os.environ.get("TF_CONFIG", "").strip():
        raise UsageError("processes that train together need one folder", where="--name", fix="give --out-directory")


def _configured(path: Path, overridden: Mapping[str, Any], progress: Progress) -> tuple[dict[str, Any], bool]:
    """What another run's configuration gives, as far as the options here do not take its place; see `read_config`."""
    from train.runs.config import read_config

    found = read_config(path)
    values = dict(found.values)
    if "effort" in overridden:
        raise UsageError(
            f"{path} has the epochs already", where="--effort", fix="give --fine-tune-epochs and --min-steps instead"
        )
    if "final_sparsity" in overridden and "initial_sparsity" not in overridden:
        values.pop("initial_sparsity", None)  # the recipe lowers its own default where it must
    progress.note(f"Settings from {path}")
    if found.absent:
        progress.note(f"{path} does not name {', '.join(found.absent)}: as by default")
    return values, found.deterministic


def refuse_both(*, resume: bool, overwrite: bool) -> None:
    """Refuses two options of which one takes back the other."""
    if resume and overwrite:
        raise UsageError("--resume goes on where --overwrite starts anew; give one of them")


def finish(report: Report | None, out: Path, progress: RunProgress) -> None:
    """Shows what came of a run.

    Raises:
        CheckError: a check was not met.
    """
    if report is None:
        return
    progress.finish(report)
    for line in _closing(report, out):
        progress.note(line)
    missed = [check for check in report.checks if not check.met]
    if missed:
        raise CheckError(
            "; ".join(f"{check.name} {check.asked:.3f}, measured {check.measured:.3f}" for check in missed),
            where=out,
            fix="the files are written; try --effort thorough, ask for less, or raise the limit",
        )


def _closing(report: Report, out: Path) -> list[str]:
    """Where the model is, what it takes on a board, and what comes next."""
    return [
        f"The model to deploy: {out / INT8_FILE}",
        _on_a_board(report),
        f"All of it as a page: {out / PAGE}",
        f"Its C library: ei-train package {out} --name NAME --version 1",
        f"What it says of other samples: ei-train evaluate {out} FOLDER, ei-train predict {out} PICTURES",
    ]


def _on_a_board(report: Report) -> str:
    board = report.board
    if board is None:
        return f"What it takes on a board is not known: {report.missing.get('board', 'it was not looked at')}"
    own = board.own
    times = ", ".join(f"about {_rounded(value)} ms on an {chip}" for chip, value in own.milliseconds.items())
    return (
        f"On a board: {_rounded(own.ram_bytes / 1000)} kB of RAM ({_rounded(board.rows_ram_bytes / 1000)} kB where the "
        f"input comes row by row), {_rounded(own.flash_bytes / 1000)} kB of flash, {times} (flash by "
        f"{board.flash_method}, times by estimate)"
    )


def _rounded(number: float) -> str:
    """With as many digits as a small figure needs."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


def recipe_of(given: dict[str, Any], parameters: Parameters | None = None) -> Recipe:
    """The recipe with the user's values, or the project's; the first thing wrong with them becomes a UsageError."""
    try:
        return Recipe(**given)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        option = f"{option_of(str(first['loc'][0]))} {first['input']}" if first["loc"] else None
        file = None if parameters is None else f"{parameters.path} and the options"  # what does not fit together
        raise UsageError(
            reason if option is None else f"must be {reason}", where=option or file, fix="see train --help"
        ) from error


def recipe_options(left_out: Collection[str] = ()) -> list[inspect.Parameter]:
    """One option per field of the recipe, but for those left out; None unless the user gives it."""
    return [_option(name, field) for name, field in Recipe.model_fields.items() if name not in left_out]


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    flag, kind = option_of(name), _scalar(field.annotation)
    shown = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}"
        shown = "on" if field.default else "off"
    option = typer.Option(
        None,
        flag,
        *ALIASES.get(name, ()),
        autocompletion=COMPLETED.get(name) or _choices(field.annotation),
        help=f"{field.description} [default: {shown}]",
        show_default=False,
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind | None)


def _choices(annotation: Any) -> names.Completer | None:
    """Completes a field that takes one of a few values."""
    if get_origin(annotation) is Literal:
        return names.completer(lambda: map(str, get_args(annotation)))
    return names.completer(lambda: annotation) if isinstance(annotation, EnumType) else None


def _scalar(annotation: Any) -> type:
    """The type in which a field is given on the command line; lists are text with commas."""
    if get_origin(annotation) is tuple:
        return str
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0])
    return annotation if isinstance(annotation, type) else str


def spell_out(command: Any, extra: Sequence[inspect.Parameter]) -> Any:
    """Replaces the `**` of a command by these options, where typer looks for them."""
    own = [p for p in inspect.signature(command).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    command.__signature__ = inspect.Signature([*own, *extra])
    command.__annotations__ |= {p.name: p.annotation for p in extra}
    return command


def demo(
    folder: Path = typer.Argument(help="A new or empty folder.", show_default=False),
    per_class: int = typer.Option(100, min=4, max=10_000, help="Pictures of each of the four classes."),
    seed: int = typer.Option(1, min=0, help="Of everything drawn."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Draw the built-in demo set: four kinds of thing, in class folders."""
    from train.demo import draw_demo

    console.show(draw_demo(folder, per_class=per_class, seed=seed), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(cls=BlockCommand, context_settings=settings, epilog=examples("train"))(
        spell_out(train, recipe_options())
    )
    app.command(epilog=examples("demo"))(demo)
