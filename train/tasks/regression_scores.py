"""How good a regression is: its errors over all samples, and over each part of the targets' range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.result import Columns

PARTS = 5  # of the samples in the order of their targets, as many in each


@dataclass(frozen=True, slots=True)
class PartScores:
    """Samples with neighbouring targets.

    Attributes:
        least, greatest: of their targets.
        mean_absolute_error, root_mean_square_error: in the unit of the targets.
        mean_error: of prediction less target; below 0 where predictions are too low.
        samples: how many they are.
    """

    least: float
    greatest: float
    mean_absolute_error: float
    root_mean_square_error: float
    mean_error: float
    samples: int


@dataclass(frozen=True, slots=True)
class Scores:
    """One file on one set.

    Attributes:
        mean_absolute_error, root_mean_square_error: in the unit of the targets.
        mean_error: of prediction less target.
        largest_error: the largest absolute one.
        r2: coefficient of determination: 1 less the ratio of the mean square error to the variance of the targets, at
            most 1; None where all targets are equal.
        samples: how many were measured.
        parts: scores over the range, from the least targets to the greatest.
    """

    mean_absolute_error: float
    root_mean_square_error: float
    mean_error: float
    largest_error: float
    r2: float | None
    samples: int
    parts: tuple[PartScores, ...]

    @property
    def metric(self) -> float:
        """The mean absolute error."""
        return self.mean_absolute_error

    def tables(self, title: str) -> list[Columns]:
        """All errors in one row, and one row per part of the range."""
        whole = [
            _figure(self.mean_absolute_error),
            _figure(self.root_mean_square_error),
            "" if self.r2 is None else f"{self.r2:.4f}",
            _figure(self.mean_error),
            _figure(self.largest_error),
            str(self.samples),
        ]
        rows = [
            [
                f"{_figure(part.least)} to {_figure(part.greatest)}",
                _figure(part.mean_absolute_error),
                _figure(part.root_mean_square_error),
                _figure(part.mean_error),
                str(part.samples),
            ]
            for part in self.parts
        ]
        names = ["mean absolute error", "root mean square error"]
        return [
            Columns(title, [*names, "R2", "mean error", "largest error", "samples"], [whole]),
            Columns(f"{title}, by target", ["targets", *names, "mean error", "samples"], rows),
        ]


def _figure(value: float) -> str:
    return f"{value:.4g}"


def read_scores(document: Mapping[str, Any]) -> Scores:
    """The scores that a `report.json` holds."""
    return Scores(**dict(document) | {"parts": tuple(PartScores(**part) for part in document["parts"])})


def score(y: np.ndarray, predicted: np.ndarray) -> Scores:
    """Compares predictions [N] with targets [N]."""
    truth = y.astype(np.float64)
    errors = predicted.astype(np.float64) - truth
    variance = float(truth.var())
    order = np.argsort(truth, kind="stable")
    parts = [_part(truth[rows], errors[rows]) for rows in np.array_split(order, PARTS) if len(rows)]
    return Scores(
        mean_absolute_error=float(np.abs(errors).mean()),
        root_mean_square_error=root_mean_square(errors),
        mean_error=float(errors.mean()),
        largest_error=float(np.abs(errors).max()),
        r2=1 - float(np.square(errors).mean()) / variance if variance else None,
        samples=len(truth),
        parts=tuple(parts),
    )


def _part(truth: np.ndarray, errors: np.ndarray) -> PartScores:
    absolute, mean = float(np.abs(errors).mean()), float(errors.mean())
    return PartScores(
        float(truth.min()), float(truth.max()), absolute, root_mean_square(errors), mean, samples=len(truth)
    )


def root_mean_square(errors: np.ndarray) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.square(errors).mean()))
