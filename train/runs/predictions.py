"""What both files of a run say of every held-out sample: `predictions.csv`, written and read.

A row per sample: its set, its file and its target, then of each model file the answer, whether it is right or how far
off, and every score. Scores have as many digits as make the same float32 again, so that every figure of a report can be
computed from the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError, FormatError
from train.tasks import Answered

if TYPE_CHECKING:
    from train.samples import Samples
    from train.tasks import Task

SET, FILE = "set", "file"
FLOAT, INT8 = "float32", "int8"  # the model files, as `report.json` calls them


def answered(sets: Mapping[str, Samples], answers: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Answered]:
    """The sets that were asked about, by name, of outputs by model file and set."""
    names = next(iter(answers.values()))
    return {
        name: Answered(sets[name].names, sets[name].y, {kind: by_set[name] for kind, by_set in answers.items()})
        for name in names
    }


def predictions_text(task: Task, sets: Mapping[str, Answered]) -> str:
    """The content of `predictions.csv`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number, (name, found) in enumerate(sets.items()):
        columns: dict[str, Sequence[str]] = {
            SET: [name] * len(found),
            FILE: found.files,
            task.truth: task.truths(found.y),
        }
        for kind, outputs in found.outputs.items():
            columns |= {f"{kind} {column}": cells for column, cells in task.answers(found.y, outputs).items()}
        if not number:
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return buffer.getvalue()


def read_predictions(path: Path, task: Task) -> dict[str, Answered]:
    """What a `predictions.csv` says, by set.

    Args:
        path: of the file.
        task: that it was written for, with its labels.

    Raises:
        DataError: it cannot be read.
        FormatError: it is not what a run of this task writes.
    """
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        raise DataError("no such file", where=path, fix="give the --out-directory of a run that has ended") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"is no CSV in UTF-8: {error}", where=path) from None
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            raise FormatError(f"{len(row)} cells, but the header has {len(header)}", where=f"{path}, row {number}")
    columns = {name: [row[index] for row in body] for index, name in enumerate(header)}
    kinds = [kind for kind in (FLOAT, INT8) if any(name.startswith(f"{kind} ") for name in header)]
    try:
        if not body or not kinds:
            raise ValueError("it says nothing of any sample")
        whole = Answered(
            columns[FILE],
            task.targets(columns[task.truth]),
            {kind: task.read_answers(_without_prefix(columns, f"{kind} ")) for kind in kinds},
        )
        return {name: _rows(whole, columns[SET], name) for name in dict.fromkeys(columns[SET])}
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"does not fit a {task.name} of {', '.join(task.labels)}: {error}", where=path, fix="train again"
        ) from None


def _without_prefix(columns: Mapping[str, Sequence[str]], prefix: str) -> dict[str, Sequence[str]]:
    return {name.removeprefix(prefix): cells for name, cells in columns.items() if name.startswith(prefix)}


def _rows(whole: Answered, sets: Sequence[str], name: str) -> Answered:
    """Those of one set."""
    rows = [row for row, found in enumerate(sets) if found == name]
    return Answered(
        [whole.files[row] for row in rows], whole.y[rows], {kind: said[rows] for kind, said in whole.outputs.items()}
    )
