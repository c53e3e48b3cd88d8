"""The command line: reads the outside world, calls one function, renders what it returns.

`ei-train COMMAND …`; a command line that starts with an option trains, as Edge Impulse's own images do. Nothing here
imports TensorFlow: each command imports what it needs when it runs. The commands on data do not wait for the options of
the others either, whose types take longer to make than a small set to convert.
"""

from __future__ import annotations

import errno
import functools
import gc
import importlib
import sys
import traceback
from collections.abc import Sequence

import typer

from ei_compat.core.errors import DataError, EiTrainError, Interrupted, UsageError
from train import supervision
from train.cli import console
from train.cli.program import Program

MORE_SPACE = "free some space and run again"
DISK_FULL = ("No space left on device", "Disk quota exceeded")
MORE_MEMORY = "use a smaller --batch-size or a machine with more memory"

# Modules of commands, in the order of the help.
GROUPS = ("train", "compress", "trained", "report", "data", "firmware", "tune", "remote", "run")
ALONE = {"split": "data", "convert": "data", "formats": "data"}  # commands for which their own module is enough
SELDOM = 100_000  # objects between two searches for circles of them, of which those commands make hardly any


def program(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", help="Print what is installed and may change a result: versions, revision, processor."
    ),
    as_json: bool = typer.Option(False, "--json", help="With --version: as JSON."),
) -> None:
    """Train image models for microcontrollers, compatible with Edge Impulse."""
    if version:
        from train.cli.version import show_version

        show_version(as_json=as_json)
        raise typer.Exit
    if as_json:
        command = context.invoked_subcommand or "COMMAND"
        raise UsageError("belongs to no command", where="--json", fix=f"write it behind one: ei-train {command} --json")


def command_line(first: str = "") -> typer.Typer:
    """The program, as far as a line that begins with this word needs it."""
    return _with((ALONE[first],) if first in ALONE else GROUPS)


@functools.cache
def _with(groups: tuple[str, ...]) -> typer.Typer:
    """The program with the commands of these modules."""
    app = typer.Typer(
        name="ei-train",
        cls=Program,
        help="Train image models for microcontrollers, compatible with Edge Impulse.",
        epilog="--debug anywhere adds the traceback to an error. Exit codes: 0 ok, 2 usage, 3 bad data, 4 training "
        "failed, 5 export failed or a check not met, 6 network or API failed, 130/143 interrupted with a checkpoint "
        "saved.",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help reads well at 80 columns and in pipes
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True)(program)
    for group in groups:
        importlib.import_module(f"train.cli.{group}").register(app)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code.

    Raises:
        SystemExit: always, but for
        Interrupted: a signal came.
    """
    arguments = [argument for argument in (sys.argv[1:] if argv is None else argv) if argument != "--debug"]
    debug = "--debug" in (sys.argv if argv is None else argv)
    if not arguments:
        arguments = ["--help"]
    if arguments[0] in ALONE:
        gc.set_threshold(SELDOM)
    try:
        app = command_line(arguments[0])
        sys.exit(app(args=arguments, prog_name="ei-train", standalone_mode=False) or 0)
    except Exception as error:
        if debug:
            traceback.print_exception(error)
        if (number := supervision.stopped_by()) is not None:  # on its way through a library it became something else
            raise Interrupted(number) from error
        failure = _as_failure(error)
        console.fail(failure, as_json=console.wants_json(arguments))
        sys.exit(failure.exit_code)


def _as_failure(error: Exception) -> EiTrainError:
    """The user-facing form of any exception; one that nobody foresaw is our own fault and says so."""
    match error:
        case EiTrainError():
            return error
        case typer.TyperException():
            return UsageError(error.format_message().rstrip("."), fix="see --help")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return DataError("no space left on the device", where=error.filename, fix=MORE_SPACE)
        case _ if any(sign in str(error) for sign in DISK_FULL):  # of HDF5 or TensorFlow, as text alone
            return DataError("no space left on the device", fix=MORE_SPACE)
        case OSError(filename=str()):
            where = error.filename2 or error.filename  # of the two names that a link or a move has, the new one
            return DataError(str(error.strerror).lower(), where=where, fix="check the path and its permissions")
        case OSError(strerror=str()):
            return DataError(str(error.strerror).lower(), fix="check the disk and the network that the files are on")
        case MemoryError():
            return DataError("out of memory", fix=MORE_MEMORY)
        case _ if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's, which is not imported for its name
            return DataError("out of memory", fix=MORE_MEMORY)
        case _:
            return EiTrainError(
                f"internal error, {type(error).__name__}: {error}", fix="run again with --debug and report it"
            )
