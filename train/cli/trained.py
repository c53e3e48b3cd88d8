"""`evaluate`: a trained model on any data set, and against another one; `report`: a run's page, written again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from train.cli import console
from train.result import Columns

MODEL = typer.Argument(help="A finished run's folder, or a .tflite file.", show_default=False)
LABELS = typer.Option(None, help="A file with one label per line, where the model has none beside it.")
INPUT_SCALING = typer.Option(
    None,
    help="What pixels are made into for it: 0..1, -1..1, -128..127, 0..255, torch, bgr-subtract-imagenet-mean; without "
    "it what the run says or the model's input shows.",
)
TASK = typer.Option("auto", help="What it was trained for, where no run says it: classification, regression, …")
AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


@dataclass(frozen=True, slots=True)
class Written:
    """A page that was written: where, and its bytes."""

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


def evaluate(
    model: Path = MODEL,
    data: Path = typer.Argument(help="The data set: a folder in any format, or a label file.", show_default=False),
    threshold: float | None = typer.Option(
        None, min=0.0, max=1.0, help="Least score of an answer; what is left, and how much of it is right, is shown."
    ),
    against: Path | None = typer.Option(
        None, help="Another run or .tflite file: which samples are better, which worse, and whether it is chance."
    ),
    labels: Path | None = LABELS,
    input_scaling: str | None = INPUT_SCALING,
    task: str = TASK,
    form: str | None = typer.Option(None, "--from", help="The data's format, where it is not to be found out."),
    as_json: bool = AS_JSON,
) -> None:
    """Measure a trained model on a data set.

    On the data of the model's own run these are its validation and testing sets, and the figures are those of its
    report; on other data every sample counts.
    """
    from train.cli.data import ALIASES
    from train.cli.progress import bars
    from train.trained.evaluation import evaluate as measure
    from train.trained.model import Given, open_model
    from train.trained.sets import read_sets

    progress, name = bars(), ALIASES.get(form, form) if form else None
    given = Given(labels, input_scaling, task)
    opened = open_model(model, given)
    other = None if against is None else open_model(against, given, deployed_only=True)
    with tempfile.TemporaryDirectory() as scratch:
        sets = read_sets(opened, data, Path(scratch), progress, data_format=name)
        rival = None
        if other is not None:
            rival = other, read_sets(other, data, Path(scratch), progress, data_format=name, whole=True)
        found = measure(opened, data, sets, progress, threshold=threshold, other=rival)
    for name, each in {} if found.against is None else found.against.sets.items():
        if each.learned:
            console.warn(
                f"{each.learned} of {each.samples} samples of the {name} set are ones that {against} trained on: it "
                "looks better there than it is"
            )
    console.show(found, as_json=as_json)


def report(
    run: Path = typer.Argument(help="A finished run's folder.", show_default=False),
    output: Path | None = typer.Option(
        None, "-o", "--output", help="The file to write; report.html in that folder by default."
    ),
    as_json: bool = AS_JSON,
) -> None:
    """Write the page of a finished run again, from the files that it left."""
    from ei_compat.block.run_folder import PAGE
    from ei_compat.core.files import write_file
    from train.reporting.page import page_of

    path = output or run / PAGE
    write_file(path, page_of(run).encode())
    console.show(Written(path, path.stat().st_size), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(evaluate)
    app.command()(report)
