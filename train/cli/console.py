"""What a command says at its end: its result once on stdout, warnings and the error on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.text import Text

from ei_compat.core.errors import EiTrainError, Interrupted
from train.cli.tables import laid_out
from train.result import Result, Tables, as_document, headed

ERROR = "error/1"  # the schema of a failure
WIDTH = 120  # columns of a table that is not on a terminal, so that logs and pipes are not folded at 80


def animates(stream: Any) -> bool:
    """Whether a person watches a terminal that can draw: bars need one, and `TERM=dumb` says that it is none."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def _console(stream: Any, *, fold: bool = False) -> Console:
    """A rich console that guesses not what numbers mean, nor folds what is piped.

    Colours are for terminals; NO_COLOR (https://no-color.org) and `TERM=dumb` take them away, FORCE_COLOR gives them to
    pipes: rich looks at all three.

    Args:
        stream: to write to.
        fold: whether what is piped is as wide as COLUMNS says, where it is set.
    """
    wide = not stream.isatty() and not (fold and os.environ.get("COLUMNS", "").isdigit())
    return Console(file=stream, width=WIDTH if wide else None, highlight=False, soft_wrap=wide)


def show(result: Result, *, as_json: bool = False) -> None:
    """Renders a command's result on stdout, as tables or as one line of JSON."""
    if as_json:
        sys.stdout.write(json.dumps(as_document(result)) + "\n")
    else:
        show_tables(result)


def show_tables(result: Tables) -> None:
    """Renders the tables of a result on stdout."""
    console = _console(sys.stdout, fold=True)
    for columns in result.as_tables():
        console.print(laid_out(columns, console.width))


def warn(line: str) -> None:
    """One line of warning on stderr."""
    _console(sys.stderr).print(Text(f"warning: {line}", style="yellow"))


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a program reads the answer; seen in the line itself, because errors come before any option is parsed."""
    return "--json" in arguments or "--log-format=json" in arguments or ("--log-format", "json") in pairwise(arguments)


def fail(error: EiTrainError | Interrupted, *, as_json: bool = False) -> None:
    """The one line of a failure on stderr; as a JSON document for programs."""
    if as_json:
        record = {"event": "error", "code": error.code, "exit": error.exit_code, "what": error.what}
        record |= {"where": error.where, "fix": error.fix}
        sys.stderr.write(json.dumps(headed(ERROR, record)) + os.linesep)
        return
    _console(sys.stderr).print(Text(f"error: {error}", style="bold red"))
