"""The numbers that a page carries for its script, and for whoever reads it by program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from train.reporting.explorer import Explorer
    from train.tasks import Answered, Task

UNKNOWN = {"said": None, "sure": None, "right": None}  # of a training sample, which no file was asked about
Place = tuple[str, int]  # set and row


def answers_of(task: Task, sets: Mapping[str, Answered]) -> dict[Place, dict[str, dict[str, Any]]]:
    """What each file says of every sample, by set and row, then by file."""
    found: dict[Place, dict[str, dict[str, Any]]] = {}
    for name, answered in sets.items():
        for kind, outputs in answered.outputs.items():
            for row, remark in enumerate(task.remarks(answered.y, outputs)):
                said = {"said": remark.said, "sure": remark.sure, "right": remark.right}
                found.setdefault((name, row), {})[kind] = said
    return found


def island(
    document: Mapping[str, Any], answers: Mapping[Place, Mapping[str, Any]], explorer: Explorer | None
) -> dict[str, Any]:
    """The numbers.

    Args:
        document: what was measured, as JSON values, with the `trust` of a `Report`.
        answers: see `answers_of`.
        explorer: the samples that the page shows, which become columns.
    """
    points = explorer.points if explorer else ()
    said = [answers.get((point.set, point.row)) for point in points]
    kinds = dict.fromkeys(kind for each in answers.values() for kind in each)
    return {
        "report": _finite(document),
        "pictures": explorer.sheets.columns if explorer and explorer.sheets else None,
        "samples": {
            name: [getattr(point, name) for point in points]
            for name in ("set", "row", "file", "truth", "group", "x", "y")
        },
        "answers": {
            kind: {key: [(each or {}).get(kind, UNKNOWN)[key] for each in said] for key in UNKNOWN} for kind in kinds
        },
    }


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case str():
            return value
        case Sequence():
            return [_finite(each) for each in value]
        case _:
            return value
