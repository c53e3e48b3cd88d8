"""`report`: the page of a finished run, written again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import typer

from train.cli import console
from train.cli.examples import examples
from train.result import Columns


@dataclass(frozen=True, slots=True)
class Written:
    """A page that was written: where, and its bytes."""

    schema: ClassVar[str] = "page/1"
    path: Path
    size: int

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"report": str(self.path), "bytes": self.size}

    def as_tables(self) -> list[Columns]:
        """One row."""
        rows = [[str(self.path), f"{self.size / 1000:,.0f} kB"]]
        return [
            Columns("Report", ["file", "size"], rows, "it needs no other file and no network: open it in a browser")
        ]


def report(
    run: Path = typer.Argument(help="A finished run's folder.", show_default=False),
    output: Path | None = typer.Option(
        None, "-o", "--output", help="The file to write; report.html in that folder by default."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Write the page of a finished run again, from the files that it left."""
    from ei_compat.block.run_folder import PAGE
    from ei_compat.core.files import write_file
    from train.reporting.page import page_of

    path = output or run / PAGE
    write_file(path, page_of(run).encode())
    console.show(Written(path, path.stat().st_size), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog=examples("report"))(report)
