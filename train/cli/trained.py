"""`evaluate` and `predict`: a trained model on any data set, against another one, and on single pictures."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.words import counted, verb
from train.cli import console, names
from train.cli.examples import examples

if TYPE_CHECKING:
    from train.trained.evaluation import Evaluation
    from train.trained.model import Given
    from train.trained.prediction import Answer, Predictor

MODEL = typer.Argument(help="A finished run's folder, or a .tflite file.", show_default=False)
LABELS = typer.Option(None, help="A file with one label per line, where the model has none beside it.")
INPUT_SCALING = typer.Option(
    None,
    autocompletion=names.INPUT_SCALINGS,
    help="What pixels are made into for it: 0..1, -1..1, -128..127, 0..255, torch, bgr-subtract-imagenet-mean; without "
    "it what the run says or the model's input shows.",
)
TASK = typer.Option(
    "auto",
    autocompletion=names.TASKS,
    help="What it was trained for, where no run says it: classification, regression, …",
)
AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def evaluate(
    model: Path = MODEL,
    data: Path = typer.Argument(help="The data set: a folder in any format, or a label file.", show_default=False),
    threshold: float | None = typer.Option(
        None, min=0.0, max=1.0, help="Least score of an answer; what is left, and how much of it is right, is shown."
    ),
    against: Path | None = typer.Option(
        None, help="Another run or .tflite file: which samples are better, which worse, and whether it is chance."
    ),
    report: Path | None = typer.Option(
        None,
        help="A file for the page of it, such as evaluation.html: the tables, the pictures behind them, the worst.",
    ),
    labels: Path | None = LABELS,
    input_scaling: str | None = INPUT_SCALING,
    task: str = TASK,
    form: str | None = typer.Option(
        None, "--from", autocompletion=names.FORMATS, help="The data's format, where it is not to be found out."
    ),
    as_json: bool = AS_JSON,
) -> None:
    """Measure a trained model on a data set.

    On the data of the model's own run these are its validation and testing sets, and the figures are those of its
    report; on other data every sample counts.
    """
    from train.cli.progress import bars
    from train.trained.evaluation import evaluate as measure
    from train.trained.model import Given, open_model
    from train.trained.sets import read_sets

    if report is not None and not report.parent.is_dir():
        raise UsageError("there is no such folder", where=f"--report {report}", fix="name a file in one that is there")
    progress, name = bars(), names.ALIASES.get(form, form) if form else None
    given = Given(labels, input_scaling, task)
    opened = open_model(model, given)
    other = None if against is None else open_model(against, given, deployed_only=True)
    with tempfile.TemporaryDirectory() as scratch:
        sets = read_sets(opened, data, Path(scratch), progress, data_format=name)
        rival = None
        if other is not None:
            rival = other, read_sets(other, data, Path(scratch), progress, data_format=name, whole=True)
        found = measure(opened, data, sets, progress, threshold=threshold, other=rival)
        if report is not None:
            found = _with_page(found, report)
    for name, each in {} if found.against is None else found.against.sets.items():
        if each.learned:
            console.warn(
                f"{each.learned} of {counted(each.samples, 'sample')} of the {name} set "
                f"{verb(each.learned, 'is one', 'are ones')} that {against} trained on: it "
                "looks better there than it is"
            )
    console.show(found, as_json=as_json)


def predict(
    model: Path = typer.Argument(
        help="A finished run's folder, a .tflite file, or an .eim runner.", show_default=False
    ),
    images: list[str] | None = typer.Argument(
        None,
        metavar="pictures",
        help="Files, folders, patterns such as 'photos/*.jpg', or - for paths from stdin, one a line.",
    ),
    camera: str | None = typer.Option(
        None,
        help="A webcam: its number or file, such as /dev/video0. Needs OpenCV: pip install 'ei-train[camera]'.",
    ),
    frames: int | None = typer.Option(None, min=1, help="How many pictures of the camera; without it until Ctrl-C."),
    threshold: float = typer.Option(0.0, min=0.0, max=1.0, help="Least score of an answer; below it is `unsure`."),
    save: Path | None = typer.Option(None, help="A new or empty folder for copies with the answer below the picture."),
    labels: Path | None = LABELS,
    input_scaling: str | None = INPUT_SCALING,
    task: str = TASK,
    as_json: bool = typer.Option(False, "--json", help="Print a line of JSON for each picture, as it comes."),
) -> None:
    """Ask a trained model about pictures.

    The scores are those of the deployed file: a run's INT8 file, the runner and the C library give the same.
    """
    from ei_compat.core.files import refuse_occupied
    from train.cli.progress import bars
    from train.result import as_document
    from train.trained.images import STREAM, Copies, frames_of, images_of
    from train.trained.model import Given
    from train.trained.prediction import Answers, answers_of

    if not images and camera is None:
        raise UsageError("there is nothing to look at", where="predict", fix="name pictures, a folder, -, or --camera")
    if save is not None:
        refuse_occupied(save)
    copies = None if save is None else Copies(save)
    named = images or []
    at_once = as_json or camera is not None or STREAM in named
    answers: list[Answer] = []
    failed = 0
    with _opened(model, Given(labels, input_scaling, task)) as predictor:
        wanted = chain(images_of(named, sys.stdin, bars()), () if camera is None else frames_of(camera, frames))
        for image, answer in answers_of(predictor, wanted, threshold):
            failed += answer.error is not None
            if as_json:
                sys.stdout.write(json.dumps(as_document(answer)) + "\n")
            elif at_once:
                sys.stdout.write(f"{answer.name}: {answer.words}\n")
            else:
                answers.append(answer)
            sys.stdout.flush()
            if answer.error is not None and not as_json:
                console.warn(f"{answer.name}: not read, {answer.error}")
            elif copies is not None and answer.error is None:
                copies.save(image, answer.words)
    if not at_once:
        console.show_tables(Answers(tuple(answers)))
    if failed:
        were = "1 picture was" if failed == 1 else f"{failed} pictures were"
        raise DataError(f"{were} not read", fix="see above")


def _with_page(found: Evaluation, path: Path) -> Evaluation:
    """Writes the page, while the samples are there."""
    from ei_compat.core.files import write_file
    from train.reporting.evaluation_page import evaluation_page

    found = replace(found, page=path)
    write_file(path, evaluation_page(found).encode())
    return found


@contextmanager
def _opened(model: Path, given: Given) -> Iterator[Predictor]:
    from train.trained.model import open_model
    from train.trained.prediction import FileModel
    from train.trained.runner import Runner

    if model.suffix == ".eim":
        with Runner(model) as runner:
            yield runner
    else:
        yield FileModel(open_model(model, given, deployed_only=True))


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=examples("evaluate"))(evaluate)
    app.command(epilog=examples("predict"))(predict)
