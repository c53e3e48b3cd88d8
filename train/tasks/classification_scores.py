"""How good a classifier is: accuracy, precision, recall and F1 over all classes and for each, and what it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.result import Columns

SMALLEST_PROBABILITY = 1e-7  # keeps the loss finite where INT8 rounds a probability to zero, as Keras does


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class: precision, recall and F1 are shares, support is its number of samples."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """One file on one set.

    Attributes:
        accuracy: share of samples whose most probable class is theirs.
        loss: mean cross-entropy in nats.
        precision, recall, f1: unweighted means over the classes that occur.
        samples: how many were measured.
        confusion: rows are the true classes, columns the predicted ones.
        classes: scores by label.
    """

    accuracy: float
    loss: float
    precision: float
    recall: float
    f1: float
    samples: int
    confusion: list[list[int]]
    classes: dict[str, ClassScores]

    @property
    def metric(self) -> float:
        """The accuracy."""
        return self.accuracy

    def tables(self, title: str) -> list[Columns]:
        """One row per class; of one without samples there is nothing to be found."""
        rows = [
            [label, *(f"{share:.3f}" if s.support else "" for share in (s.precision, s.recall, s.f1)), str(s.support)]
            for label, s in self.classes.items()
        ]
        return [Columns(f"{title}, by class", ["class", "precision", "recall", "F1", "samples"], rows)]


def read_scores(document: Mapping[str, Any]) -> Scores:
    """The scores that a `report.json` holds."""
    return Scores(**dict(document) | {"classes": {k: ClassScores(**v) for k, v in document["classes"].items()}})


def score(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Scores:
    """Compares predictions [N, classes] with class indices [N]."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, predicted), 1)
    hits, support, claimed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(claimed, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + claimed, 1)
    seen = support > 0
    rows = zip(labels, precision, recall, f1, support, strict=True)
    likelihood = np.clip(probabilities[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1.0)
    return Scores(
        accuracy=float(hits.sum() / len(truth)),
        loss=float(-np.log(likelihood).mean()),
        precision=float(precision[seen].mean()),
        recall=float(recall[seen].mean()),
        f1=float(f1[seen].mean()),
        samples=len(truth),
        confusion=confusion.tolist(),
        classes={label: ClassScores(float(p), float(r), float(f), int(n)) for label, p, r, f, n in rows},
    )
