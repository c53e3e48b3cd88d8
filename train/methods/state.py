"""Where training stands: the line of an epoch in the log, and everything that a later process needs to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training log.

    Attributes:
        phase: that the epoch belongs to.
        epoch: counted from 1.
        loss: mean over the training samples as they were drawn, weighted where the recipe weighs classes.
        metric: the task's, over the same.
        val_loss: mean over validation, never weighted.
        val_metric: the task's, over validation.
        learning_rate: of the last step.
        sparsity: share of zeros that the pruning schedule asks for, 0 to 1.
        seconds: that the epoch took.
    """

    phase: str
    epoch: int
    loss: float
    metric: float
    val_loss: float
    val_metric: float
    learning_rate: float
    sparsity: float
    seconds: float

    def as_row(self, metric: str) -> dict[str, Any]:
        """The line by the names that the log has for its values, the metric by its own."""
        values = asdict(self)
        return {_called(name, metric): value for name, value in values.items()}


def _called(name: str, metric: str) -> str:
    return {"metric": metric, "val_metric": f"val_{metric}"}.get(name, name)


def row_names(metric: str) -> list[str]:
    """The keys of `Epoch.as_row`, in order."""
    return [_called(each.name, metric) for each in fields(Epoch)]


def read_row(row: Mapping[str, Any], metric: str) -> Epoch:
    """The line that `Epoch.as_row` gave; raises KeyError or TypeError where it is none."""
    return Epoch(*(row[name] for name in row_names(metric)))


@dataclass(slots=True)
class TrainState:
    """Where a phase stands; everything that a later process needs to go on with it.

    Attributes:
        phase: its name.
        step: steps done.
        loss_sum, metric_sum: of the samples of the epoch under way.
        seconds: that it took so far.
        weights, optimizer, masks, average: values of the variables, empty before the phase begins.
        best: values of the network's variables after the best epoch, empty until there is one.
        best_metric: of any epoch so far, on validation; None before the first.
        teacher: the network before fine-tuning.
        chosen: see `qat.begin`.
        best_epochs: for each phase the epoch whose weights were kept.
        history: the log of all phases.
    """

    phase: str
    step: int = 0
    loss_sum: float = 0.0
    metric_sum: float = 0.0
    seconds: float = 0.0
    weights: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    average: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    teacher: list[np.ndarray] = field(default_factory=list)
    chosen: list[np.ndarray] = field(default_factory=list)
    best_metric: float | None = None
    best_epochs: dict[str, int] = field(default_factory=dict)
    history: list[Epoch] = field(default_factory=list)
