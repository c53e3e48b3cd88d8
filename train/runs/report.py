"""What a run says of itself: `report.json` with every measurement, and the table at the end."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, ClassVar

from ei_compat.block.run_folder import MODEL_FILES
from train.checks import Check
from train.inspection.board import Board, read_board
from train.inspection.health import Health, read_health
from train.inspection.layers import Kernel, LayerError
from train.methods.state import Epoch, read_row, row_names
from train.result import Columns
from train.sparsity import Sparsity
from train.tasks import TASKS, Scores

FIRST = "ei-train/report/1"  # the layout before this one


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run.

    Attributes:
        task: what was learned, by name.
        classes: labels in the order of the outputs.
        samples: how many pictures each set has.
        broken: pictures that were skipped: name and reason.
        reading: the account of the data's folder, with what was not read; see `as_json` of `ei_compat.dataset.reading`.
        metrics: scores by file (`float32`, `int8`) and set (`validation`, `testing`).
        unpruned: the task's metric on each set of the networks that training started from: a linear probe on the
            features before fine-tuning, and the network's head on them.
        sparsity: see `Sparsity`.
        checks: what was asked of the model, see `Check`.
        seconds: of each phase and in total; of this process alone where a run was resumed.
        peak_memory_bytes: largest resident set of the process.
        files: sizes in bytes.
        history: the training log.
        best_epochs: for each training phase the epoch whose weights were kept.
        resumed: whether the run went on from a checkpoint.
        board: what the INT8 file takes on a board.
        kernels: the zeros of each prunable kernel.
        layers: how far INT8 is from float behind each layer.
        trust: how far answers can be trusted; see `Task.trust`.
        health: how sound the data are.
        command: the line that does the same again.
        missing: why a part of the above is not known, by its name.
    """

    schema: ClassVar[str] = "report/2"
    task: str
    classes: Sequence[str]
    samples: Mapping[str, int]
    broken: Sequence[tuple[str, str]]
    reading: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Scores]]
    unpruned: Mapping[str, Mapping[str, float]]
    sparsity: Sparsity
    checks: Sequence[Check]
    seconds: Mapping[str, float]
    peak_memory_bytes: int
    files: Mapping[str, int]
    history: Sequence[Epoch]
    best_epochs: Mapping[str, int]
    resumed: bool
    board: Board | None = None
    kernels: Sequence[Kernel] = ()
    layers: Sequence[LayerError] = ()
    trust: Mapping[str, Any] | None = None
    health: Health | None = None
    command: str | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The whole report as JSON values."""
        metric = TASKS.named(self.task).metric
        return asdict(self) | {"history": [line.as_row(metric) for line in self.history]}

    def figures(self) -> dict[str, float]:
        """The final figures by name, such as `int8/testing/accuracy`, for programs that draw them."""
        metric = TASKS.named(self.task).metric
        figures = {
            f"{kind}/{name}/{metric}": scores.metric
            for kind, by_set in self.metrics.items()
            for name, scores in by_set.items()
        }
        figures["zeros"] = self.sparsity.int8_file
        if self.board is not None:
            own = self.board.own
            figures |= {"ram_bytes": own.ram_bytes, "flash_bytes": own.flash_bytes, "instructions": own.instructions}
        return figures

    def as_tables(self) -> Sequence[Columns]:
        """The metric of both files on every set, and of the networks before them; what the files weigh."""
        zeros = {"float32": self.sparsity.prunable, "int8": self.sparsity.int8_file}
        sets = list(self.metrics["int8"])
        rows = [
            [f"{name}, before fine-tuning", *(f"{share:.3f}" for share in by_set.values()), "0.00", ""]
            for name, by_set in self.unpruned.items()
        ] + [
            [
                MODEL_FILES[kind],
                *(f"{scores.metric:.3f}" for scores in by_set.values()),
                f"{zeros[kind]:.2f}",
                f"{self.files[MODEL_FILES[kind]] / 1000:,.0f} kB",
            ]
            for kind, by_set in self.metrics.items()
        ]
        seconds = ", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items())
        metric = TASKS.named(self.task).metric.replace("_", " ")
        header = ["network", *(f"{name} {metric}" for name in sets), "zero weights", "size"]
        details = self.metrics["int8"][sets[-1]].tables(f"INT8 on {sets[-1]}")
        return [Columns("Result", header, rows, seconds), *details]


def read_report(document: Mapping[str, Any]) -> Report:
    """The report of a `report.json`.

    Fields may be added to a version, so what this program does not know is left out. Version 1, which at first had no
    name, called the checks `gates`.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    own = f"ei-train/{Report.schema}"
    if document.get("schema", FIRST) == FIRST and "gates" in document:
        document = {**document, "schema": own, "checks": document["gates"]}
    if document.get("schema", own) != own:
        raise ValueError(f"it is {document['schema']}, and this program reads {own}")
    needed = (each.name for each in fields(Report) if each.default is MISSING and each.default_factory is MISSING)
    if missing := [name for name in needed if name not in document]:
        raise ValueError(f"it holds no {missing[0]}; train again")
    task = TASKS.named(document["task"])
    metrics = {
        kind: {name: task.read_scores(scores) for name, scores in by_set.items()}
        for kind, by_set in document["metrics"].items()
    }
    return Report(
        **{each.name: document[each.name] for each in fields(Report) if each.name in document}
        | {
            "metrics": metrics,
            "sparsity": Sparsity(**document["sparsity"]),
            "checks": [Check(**check) for check in document["checks"]],
            "history": [read_row(line, task.metric) for line in document["history"]],
            "board": (board := document.get("board")) and read_board(board),
            "kernels": [Kernel(**kernel) for kernel in document.get("kernels", ())],
            "layers": [LayerError(**layer) for layer in document.get("layers", ())],
            "health": (health := document.get("health")) and read_health(health),
        }
    )


def training_log(history: Sequence[Epoch], metric: str) -> str:
    """The history as CSV, a line per epoch; `metric` names the task's."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, row_names(metric), lineterminator="\n")
    writer.writeheader()
    writer.writerows(line.as_row(metric) for line in history)
    return buffer.getvalue()
