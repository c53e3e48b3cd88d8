"""What a run says of itself: `report.json` with every measurement, and the table at the end."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from train.console import Columns
from train.evaluate import Scores, read_scores
from train.loop import Epoch

VERSION = 1  # of report.json's layout


@dataclass(frozen=True, slots=True)
class Sparsity:
    """Shares of zero weights.

    Attributes:
        prunable: over the float kernels of convolutions (not depthwise) and dense layers together.
        all_kernels: over these and the depthwise kernels.
        int8_file: over the prunable kernels as the INT8 file stores them.
        kernels: of each prunable kernel alone.
    """

    prunable: float
    all_kernels: float
    int8_file: float
    kernels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Gate:
    """A promise and whether it was kept: `measured` must reach `asked`, from above or below as `name` says."""

    name: str
    asked: float
    measured: float
    met: bool
    chance: float | None = None  # p-value of a loss like this where the true one is as asked; see `train.gates`
    pictures: int | None = None  # that it was measured on


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run.

    Attributes:
        classes: labels in the order of the outputs.
        samples: how many pictures each set has.
        broken: pictures that were skipped: name and reason.
        reading: the account of the data's folder, with what was not read; see `as_json` of `ei_compat.dataset.reading`.
        metrics: scores by file (`float32`, `int8`) and set (`validation`, `testing`).
        unpruned: accuracy on each set of the networks that training started from: a linear probe on the features before
            fine-tuning, and the network's head on them.
        sparsity: see `Sparsity`.
        gates: see `Gate`.
        seconds: of each phase and in total; of this process alone where a run was resumed.
        peak_memory_bytes: largest resident set of the process.
        files: sizes in bytes.
        history: the training log.
        best_epochs: for each training phase the epoch whose weights were kept.
        resumed: whether the run went on from a checkpoint.
    """

    classes: Sequence[str]
    samples: Mapping[str, int]
    broken: Sequence[tuple[str, str]]
    reading: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Scores]]
    unpruned: Mapping[str, Mapping[str, float]]
    sparsity: Sparsity
    gates: Sequence[Gate]
    seconds: Mapping[str, float]
    peak_memory_bytes: int
    files: Mapping[str, int]
    history: Sequence[Epoch]
    best_epochs: Mapping[str, int]
    resumed: bool
    version: int = field(default=VERSION)

    def as_json(self) -> dict[str, Any]:
        """The whole report as JSON values."""
        return asdict(self)

    def as_tables(self) -> Sequence[Columns]:
        """Accuracy of both files on every set, and of the networks before them; what the files weigh."""
        names = {"float32": "model.tflite", "int8": "model_quantized_int8_io.tflite"}
        zeros = {"float32": self.sparsity.prunable, "int8": self.sparsity.int8_file}
        sets = list(self.metrics["int8"])
        rows = [
            [f"{name}, before fine-tuning", *(f"{share:.3f}" for share in by_set.values()), "0.00", ""]
            for name, by_set in self.unpruned.items()
        ] + [
            [
                names[kind],
                *(f"{scores.accuracy:.3f}" for scores in by_set.values()),
                f"{zeros[kind]:.2f}",
                f"{self.files[names[kind]] / 1000:,.0f} kB",
            ]
            for kind, by_set in self.metrics.items()
        ]
        seconds = ", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items())
        header = ["network", *(f"{name} accuracy" for name in sets), "zero weights", "size"]
        return [Columns("Result", header, rows, seconds), self._per_class(sets[-1])]

    def _per_class(self, name: str) -> Columns:
        scores = self.metrics["int8"][name].classes
        rows = [
            [label, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", str(s.support)]
            for label, s in scores.items()
        ]
        return Columns(f"INT8 on {name}, by class", ["class", "precision", "recall", "F1", "samples"], rows)


def read_report(document: Mapping[str, Any]) -> Report:
    """The report of a `report.json`.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}")
    metrics = {
        kind: {name: read_scores(scores) for name, scores in by_set.items()}
        for kind, by_set in document["metrics"].items()
    }
    return Report(
        **dict(document)
        | {
            "metrics": metrics,
            "sparsity": Sparsity(**document["sparsity"]),
            "gates": [Gate(**gate) for gate in document["gates"]],
            "history": [Epoch(**line) for line in document["history"]],
        }
    )


def training_log(history: Sequence[Epoch]) -> str:
    """The history as CSV, a line per epoch."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [f.name for f in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for line in history)
    return buffer.getvalue()
