"""What a command says at its end: its result once on stdout, warnings and the error on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ei_compat.core.errors import EiTrainError, Interrupted
from train.result import Columns, Result, Tables, as_document, headed

ERROR = "error/1"  # the schema of a failure
WIDTH = 120  # columns of a table that is not on a terminal, so that logs and pipes are not folded at 80


def _console(stream: Any) -> Console:
    """A rich console that neither wraps what is piped nor guesses what numbers mean."""
    return Console(
        file=stream, width=None if stream.isatty() else WIDTH, highlight=False, soft_wrap=not stream.isatty()
    )


def show(result: Result, *, as_json: bool = False) -> None:
    """Renders a command's result on stdout, as tables or as one line of JSON."""
    if as_json:
        sys.stdout.write(json.dumps(as_document(result)) + "\n")
    else:
        show_tables(result)


def show_tables(result: Tables) -> None:
    """Renders the tables of a result on stdout."""
    console = _console(sys.stdout)
    for columns in result.as_tables():
        console.print(_table(columns))


def _table(columns: Columns) -> Table:
    table = Table(title=columns.title, title_justify="left", caption=columns.caption, caption_justify="left")
    for index, name in enumerate(columns.header):
        table.add_column(name, justify="left" if index < columns.texts else "right")
    for row in columns.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


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
