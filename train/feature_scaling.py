"""How features are scaled for training, and what of that becomes part of the first layer.

Processing blocks give numbers of any size: a frequency in hertz beside a share. The network learns on features that
are divided by how much they vary; a normalisation behind its first layer takes the mean off. After training the
divisors move into the first kernel (`methods/input_scaling.py`), so that the deployed model takes what the block gives.
What was 0 stays 0, which is what padding holds.

The INT8 file has one scale for all features of an input: 256 equal steps from the least value of all, or 0, to the
greatest. Of a feature that varies little beside others, rounding leaves little, and moves its mean. So the network
learns from features as they are rounded, and what a feature loses there is no surprise later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ei_compat.media.pixels import quantize
from train.scaling import Inputs

STEPS = 255  # of an INT8 input's range
PIECE = 1 << 20  # values that are looked at together
CONSTANT = 1e-6  # of a step: less is what float64 makes of a feature that never changes
MOST_NAMED = 5  # features, in a message


@dataclass(frozen=True, slots=True, eq=False)
class FeatureScaling:
    """The scaling of features; it has the methods of `train.scaling.Scaling`.

    Attributes:
        divisors: of the features, float32 in the shape of an input, infinite for those of which rounding leaves
            nothing; None where features are taken as they are.
        mean, deviation: of each feature over the training set once it is rounded, float64 in that shape.
        spread: the deviation before.
        least, greatest: of all values.
        extremes: the rows that hold these.
    """

    name: ClassVar[None] = None  # `imageInputScaling` is of pixels
    zero: ClassVar[float] = 0.0
    mean: np.ndarray
    deviation: np.ndarray
    spread: np.ndarray
    least: float
    greatest: float
    extremes: tuple[int, ...]
    divisors: np.ndarray | None = None

    @classmethod
    def as_they_are(cls, shape: tuple[int, ...]) -> FeatureScaling:
        """Neither divided nor rounded."""
        nothing = np.zeros(shape)
        return cls(nothing, nothing, nothing, 0.0, 0.0, ())

    @classmethod
    def measured(cls, x: Any) -> FeatureScaling:
        """What training rows [N, ...] of finite values show; nothing is scaled yet."""
        ends = [
            (float(piece.flat[place]), first + int(place) // piece[0].size)
            for first, piece in _pieces(x)
            for place in (piece.argmin(), piece.argmax())
        ]
        (least, low), (greatest, high) = min(ends), max(ends)
        ranged = replace(
            cls.as_they_are(x.shape[1:]), least=least, greatest=greatest, extremes=tuple(sorted({low, high}))
        )
        _, spread = _moments(x, lambda values: values)
        mean, deviation = _moments(x, ranged.rounded)
        return replace(ranged, mean=mean, deviation=deviation, spread=spread)

    @property
    def step(self) -> float:
        """Between two values of the INT8 file's input; 0 where all are 0."""
        return (max(self.greatest, 0.0) - min(self.least, 0.0)) / STEPS

    @property
    def varies(self) -> bool:
        """Whether any feature does, once it is rounded."""
        return bool((self.deviation > CONSTANT * self.step).any())

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Features [N, ...] as the INT8 file's input holds them."""
        if not (step := np.float32(self.step)):
            return values
        zero_point = round(-128 - min(self.least, 0.0) / self.step)
        steps: np.ndarray = quantize(values, float(step), zero_point).astype(np.float32) - np.float32(zero_point)
        return steps * step

    def lines(self) -> list[str]:
        """What the user should know of the features, a line each."""
        spread = self.spread.ravel()
        fine: Sequence[int] = np.flatnonzero((spread > CONSTANT * self.step) & (spread < self.step)).tolist()
        if not fine:
            return []
        named = ", ".join(map(str, fine[:MOST_NAMED])) + (", …" if len(fine) > MOST_NAMED else "")
        line = (
            f"{len(fine)} of {spread.size} features (counted from 0: {named}) vary by less than a step of the INT8 "
            f"input, which is {self.step:.3g}, since all features share the range {min(self.least, 0):.4g} to "
            f"{max(self.greatest, 0):.4g}; scale the features alike where they are made"
        )
        return [line]

    def over(self, columns: int) -> FeatureScaling:
        """The same with divisors for a first layer that has one weight for every `columns`-th feature.

        None is smaller than a step, or the float file would magnify what rounding takes off.

        Args:
            columns: how many features in a row have weights of their own; a divisor of their number.
        """
        mean, deviation = (values.reshape(-1, columns) for values in (self.mean, self.deviation))
        together = np.sqrt(np.square(deviation).mean(axis=0) + mean.var(axis=0))
        divisors = np.where(together > 0, np.maximum(together, self.step), np.inf)
        divisors = np.tile(divisors, len(mean)).reshape(self.mean.shape)
        return replace(self, divisors=divisors.astype(np.float32))

    @property
    def plain(self) -> bool:
        """Whether features are taken as they are."""
        return self.divisors is None

    def for_training(self, x: Any) -> Any:
        """What training learns from, of rows [N, ...] as they are stored."""
        return x if self.divisors is None else Inputs(x, lambda values: self.rounded(values) / self.divisors)

    def for_deployment(self, x: Any) -> Any:
        """What the deployed network works on, of what `for_training` gave."""
        return Inputs(self.as_given(x), self.rounded)

    def as_given(self, x: Any) -> Any:
        """What applications give the deployed model, of what `for_training` or `for_deployment` gave."""
        return x.stored if isinstance(x, Inputs) else x

    def folded(self, kernel: np.ndarray) -> np.ndarray:
        """The first kernel [..., C, out] for what `for_deployment` gives, of that for what `for_training` gives."""
        if self.divisors is None:
            return kernel
        folded: np.ndarray = kernel / self.divisors.reshape(-1, kernel.shape[-2])[0][:, np.newaxis]
        return folded

    def calibration(self, take: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> np.ndarray:
        """Inputs that calibrate INT8: those that hold the least and the greatest value join the others.

        Args:
            take: training inputs [N, ...] of some rows, as they are deployed.
            rows: that are spread over what there is.
        """
        return take(np.union1d(rows, self.extremes))


def _pieces(x: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Rows that are looked at together, with the number of the first; they may not fit into memory all at once."""
    rows = max(1, PIECE // int(np.prod(x.shape[1:])))
    for first in range(0, len(x), rows):
        yield first, np.asarray(x[first : first + rows])


def _moments(x: Any, change: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each feature once it is changed, float64."""
    counts, means, variances = [], [], []
    for _, piece in _pieces(x):
        values = change(piece).astype(np.float64)
        counts.append(len(values))
        means.append(values.mean(axis=0))
        variances.append(values.var(axis=0))
    mean = np.average(means, axis=0, weights=counts)
    variance = np.average(np.stack(variances) + np.square(means - mean), axis=0, weights=counts)
    return mean, np.sqrt(variance)
