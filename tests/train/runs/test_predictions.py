"""`predictions.csv`: what it says, and that every figure of the report can be computed from it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError, FormatError
from train.job import Job
from train.runs.predictions import predictions_text, read_predictions
from train.runs.report import Report
from train.tasks import TASKS, Answered, Task

RANDOM = np.random.default_rng(5)


def task_of(name: str, *labels: str) -> Task:
    return TASKS.named(name).of_rows(labels, np.empty((0, len(labels))))


def test_every_score_of_the_report_is_computed_from_the_file(finished: tuple[Job, Report]) -> None:
    job, _ = finished
    report = json.loads((job.out / "report.json").read_text())
    task = task_of(report["task"], *report["classes"])

    sets = read_predictions(job.out / "predictions.csv", task)

    assert list(sets) == list(report["metrics"]["int8"]) == ["validation", "testing"]
    for name, found in sets.items():
        for kind, outputs in found.outputs.items():
            scores = task.read_scores(report["metrics"][kind][name])
            assert task.score(found.y, outputs) == scores, "to the last digit"


def test_a_row_says_where_the_image_is_and_who_is_right(finished: tuple[Job, Report]) -> None:
    job, report = finished
    with (job.out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert list(rows[0]) == [
        *("set", "file", "class"),
        *("float32 class", "float32 right", "float32 score cat", "float32 score dog"),
        *("int8 class", "int8 right", "int8 score cat", "int8 score dog"),
    ]
    assert len(rows) == report.samples["validation"] + report.samples["testing"]
    for row in rows:
        assert (job.data / row["file"]).is_file()
        assert row["class"] in row["file"]
        assert row["int8 right"] == str(int(row["int8 class"] == row["class"]))
        said = max(report.classes, key=lambda label: float(row[f"int8 score {label}"]))
        assert row["int8 class"] == said
    right = np.mean([int(row["int8 right"]) for row in rows if row["set"] == "testing"])
    assert right == report.metrics["int8"]["testing"].metric


@pytest.mark.parametrize(
    ("task", "y", "width"),
    [
        (task_of("classification", 'a "b", c', "ünï, 1"), RANDOM.integers(0, 2, 40).astype(np.int32), 2),
        (task_of("regression", "value"), RANDOM.normal(0, 1e4, 40).astype(np.float32), 1),
    ],
    ids=["classification", "regression"],
)
def test_what_is_written_is_read_to_the_last_bit(task: Task, y: np.ndarray, width: int, tmp_path: Path) -> None:
    outputs = {kind: RANDOM.random((40, width)).astype(np.float32) ** 9 for kind in ("float32", "int8")}
    names = [f'odd, "name"\n{row}.png' for row in range(40)]
    sets = {
        name: Answered(names[rows], y[rows], {kind: values[rows] for kind, values in outputs.items()})
        for name, rows in {"validation": slice(0, 25), "testing": slice(25, 40)}.items()
    }
    path = tmp_path / "predictions.csv"
    path.write_text(predictions_text(task, sets), encoding="utf-8")

    read = read_predictions(path, task)

    assert list(read) == list(sets)
    for name, found in sets.items():
        assert list(read[name].files) == list(found.files)
        np.testing.assert_array_equal(read[name].y, found.y)
        assert read[name].outputs.keys() == found.outputs.keys()
        for kind, values in found.outputs.items():
            np.testing.assert_array_equal(read[name].outputs[kind], values)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "does not fit a classification of cat, dog"),
        ("set,file,class\n", "does not fit"),
        ("set,file,class,int8 score cat\ntesting,a.png,cat,0.1\n", "does not fit"),
        ("set,file,class,int8 score cat,int8 score dog\ntesting,a.png,cow,0.1,0.2\n", "does not fit"),
        ("set,file,class,int8 score cat,int8 score dog\ntesting,a.png,cat,0.1,x\n", "does not fit"),
        ("set,file,class\ntesting,a.png\n", r"row 2: 2 cells, but the header has 3"),
        ("set,\xff", "is no CSV in UTF-8"),
    ],
)
def test_another_file_is_refused_in_a_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(FormatError, match=said):
        read_predictions(path, task_of("classification", "cat", "dog"))


def test_a_folder_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_predictions(tmp_path / "predictions.csv", task_of("classification", "cat", "dog"))
