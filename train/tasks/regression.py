"""Regression: every sample has a number; Edge Impulse's `mode: regression`.

Targets are float32 numbers [N], outputs are those numbers [N, 1], the metric is the mean absolute error. Labels are
numbers in ASCII as most programming languages write them: -12.5, 30, 1e-3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.numbers import is_number
from train.tasks import Answered, Chapters, Drop, Remark
from train.tasks.dense_head import dense_head
from train.tasks.regression_chapters import chapters, trust
from train.tasks.regression_checks import error_added, int8_checks, training_checks
from train.tasks.regression_scores import Scores, read_scores, score
from train.tasks.ridge_probe import RidgeProbe, fit_ridge

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.checks import Check
    from train.recipe import Recipe

STRATA, LEAST_IN_STRATUM = 20, 10  # of the targets, for a split
FEWEST_IN_STRATUM = 3  # one for each set
FAR = 0.1  # share of the answers that a report calls wrong: the furthest off
DOUBTFUL = 5.0  # spreads of the error by which a label is doubted
COARSE = 16  # steps of INT8 between the least and the greatest target; fewer are worth a word
# The standard deviation of absolute errors, in their mean, where errors are normally distributed.
VARIATION = math.sqrt(math.pi / 2 - 1)


@dataclass(frozen=True, slots=True)
class Regression:
    """Regression of one number; see `train.tasks.Task` for what is not said here.

    The network learns deviations from `mean` in units of `unit`, so that learning rates mean the same whatever the
    targets' size: the head's last layer has that as its activation. In the files it is part of the layer's kernel and
    bias. The unit is a power of two: the factor is exact then, and INT8 scales keep their few significant bits.

    Attributes:
        labels: the one output's.
        mean: of the training targets.
        unit: the power of two that is next to their standard deviation.
        least, greatest: of them.
        huber: where the loss becomes linear, in units; 0 for the mean squared error.
    """

    name: ClassVar[str] = "regression"
    metric: ClassVar[str] = "mean_absolute_error"
    higher_is_better: ClassVar[bool] = False
    truth: ClassVar[str] = "value"
    labels: tuple[str, ...] = ("value",)
    mean: float = 0.0
    unit: float = 1.0
    least: float = 0.0
    greatest: float = 0.0
    huber: float = 0.0

    @classmethod
    def of_labels(cls, labels: Mapping[str, str], *, in_names: bool = False) -> Regression:
        """See `Task.of_labels`; every label must be a finite number."""
        for label, sample in labels.items():
            if not is_number(label):
                raise DataError(
                    f"label {label!r} is no finite number, which a regression learns",
                    where=sample or "labels",
                    fix="write labels such as -12.5 or 30, or train a classification with --task classification",
                )
            if in_names:
                _check_whole(label, sample)
        return cls()

    @classmethod
    def of_rows(cls, names: Sequence[str], y: np.ndarray) -> Regression:  # noqa: ARG003 - the numbers come later
        """See `Task.of_rows`; rows are one finite number each."""
        return cls()

    def targets(self, labels: Sequence[str]) -> np.ndarray:
        """See `Task.targets`."""
        return np.array([float(label) for label in labels], np.float32)

    def targets_of_rows(self, y: np.ndarray) -> np.ndarray:
        """See `Task.targets_of_rows`."""
        return np.ascontiguousarray(y[:, 0], np.float32)

    def truths(self, y: np.ndarray) -> list[str]:
        """The numbers, with the fewest digits that make the same float32."""
        digits: list[str] = y.astype(np.float32).astype(str).tolist()
        return digits

    def strata(self, labels: Sequence[str]) -> list[str]:
        """Quantiles of the numbers; equal ones are in the same, and few beside many equal ones in a neighbour's."""
        values = self.targets(labels)
        count = int(np.clip(len(values) // LEAST_IN_STRATUM, 1, STRATA))
        edges = np.quantile(values, np.arange(1, count) / count)
        found = np.searchsorted(edges, values, side="right")
        present, sizes = np.unique(found, return_counts=True)
        while len(present) > 1 and sizes.min() < FEWEST_IN_STRATUM:
            place = int(sizes.argmin())
            found[found == present[place]] = present[place - 1 if place else 1]
            present, sizes = np.unique(found, return_counts=True)
        width = len(str(count))  # so that their order by name is that of the numbers
        return [f"values {stratum + 1:0{width}} of {count}" for stratum in found]

    def check(self, targets: Mapping[str, np.ndarray]) -> list[str]:
        """The training targets must differ; INT8's output must tell them apart."""
        learned = targets["training"]
        low, high = float(learned.min()), float(learned.max())
        if low == high:
            raise DataError(f"all training targets are {low:g}: there is nothing to learn", fix="add others")
        lines = []
        for name, values in targets.items():
            outside = int(((values < low) | (values > high)).sum())
            if outside:
                lines.append(
                    f"{outside} of {len(values)} {name} targets lie outside those of training, {low:g} to {high:g}"
                )
        step = (max(high, 0.0) - min(low, 0.0)) / 255
        if (high - low) / step < COARSE:
            lines.append(
                f"the targets, {low:g} to {high:g}, are far from 0, which INT8 must hold too: its output has steps of "
                f"{step:.3g}; subtract {round((low + high) / 2):g} from the labels, and add it to the results"
            )
        return lines

    def fitted(self, recipe: Recipe, targets: np.ndarray) -> Regression:
        """With the mean and the range of the targets, and the recipe's loss."""
        if recipe.class_weights:
            raise UsageError("a regression has no classes", where="--class-weights", fix="leave the option out")
        values = targets.astype(np.float64)
        return replace(
            self,
            mean=float(values.mean()),
            unit=2.0 ** round(math.log2(float(values.std()))),
            least=float(values.min()),
            greatest=float(values.max()),
            huber=recipe.huber,
        )

    def spread(self, targets: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Evenly over the ranks of the numbers, the least and the greatest always among them."""
        order = np.random.default_rng(seed).permutation(len(targets))
        order = order[np.argsort(targets[order], kind="stable")]  # equal ones in random order
        return np.sort(order[np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))])

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """The template's dense layers and one number."""
        return dense_head(recipe, features, 1, self._in_place, dropout)

    def _in_place(self, deviation: tf.Tensor) -> tf.Tensor:
        """The last layer's activation: what deviations in units stand for."""
        return deviation * self.unit + self.mean

    def deployed_head(self, recipe: Recipe, head: keras.Model) -> keras.Model:
        """Mean and unit become part of the last kernel and bias, and the activation linear."""
        plain = dense_head(recipe, head.input_shape[-1], 1, "linear")
        *hidden, kernel, bias = head.get_weights()
        plain.set_weights([*hidden, kernel * self.unit, bias * self.unit + self.mean])
        return plain

    @property
    def output_range(self) -> tuple[float, float]:
        """That of the training targets."""
        return self.least, self.greatest

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Squared errors in units, or those of Huber 1964 (https://doi.org/10.1214/aoms/1177703732)."""
        return self._distances(y, outputs[:, 0])

    def _distances(self, wanted: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        """Squared distances in units; linear from `huber` on, with the slope that the square has there."""
        import tensorflow as tf

        far = tf.abs(given - wanted) / self.unit
        square = tf.square(far)
        if not self.huber:
            return square
        return tf.where(far <= self.huber, square, self.huber * (2 * far - self.huber))

    def measures(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Absolute errors."""
        import tensorflow as tf

        return tf.abs(outputs[:, 0] - y)

    def sample_weights(
        self,
        recipe: Recipe,
        targets: np.ndarray,
    ) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """None; see `fitted`."""
        return None

    def soften(self, outputs: np.ndarray) -> np.ndarray:
        """The numbers as they are."""
        return outputs.astype(np.float32)

    def soft_loss(self, soft: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """As `losses`."""
        import tensorflow as tf

        return tf.reduce_mean(self._distances(soft, outputs))

    def measure(self, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Absolute errors, float64 [N]."""
        errors: np.ndarray = np.abs(outputs[:, 0].astype(np.float64) - y)
        return errors

    def confidence(self, outputs: np.ndarray) -> None:
        """None: a number comes without one."""
        return

    def as_good(self, metric: float, best: float, samples: int) -> bool:
        """Within a standard error of the best, as normally distributed errors have it."""
        return metric <= best * (1 + VARIATION / math.sqrt(samples))

    def drop(self, before: np.ndarray, after: np.ndarray) -> Drop:
        """The share that the mean absolute error grows by."""
        return error_added(before, after)

    def fit_probe(self, x: np.ndarray, y: np.ndarray, held_x: np.ndarray, held_y: np.ndarray) -> RidgeProbe:
        """Ridge regression."""
        return fit_ridge(x, y, held_x, held_y)

    def score(self, y: np.ndarray, outputs: np.ndarray) -> Scores:
        """Mean absolute and root mean square error, R2, and how they differ over the range."""
        return score(y, outputs[:, 0])

    @classmethod
    def read_scores(cls, document: Mapping[str, Any]) -> Scores:
        """See `Task.read_scores`."""
        return read_scores(document)

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, list[str]]:
        """The number, and its absolute error."""
        return {"value": self.truths(outputs[:, 0]), "error": self.measure(y, outputs).astype(str).tolist()}

    def read_answers(self, columns: Mapping[str, Sequence[str]]) -> np.ndarray:
        """The numbers."""
        return np.array(columns["value"], np.float32)[:, np.newaxis]

    def trust(self, sets: Mapping[str, Answered]) -> dict[str, Any]:
        """How far off most answers are."""
        return trust(
            {
                name: {kind: self.measure(found.y, outputs) for kind, outputs in found.outputs.items()}
                for name, found in sets.items()
            }
        )

    def remarks(self, y: np.ndarray, outputs: np.ndarray) -> list[Remark]:
        """The number, and how far off it is; the furthest tenth is called wrong."""
        errors = self.measure(y, outputs)
        limit = float(np.quantile(errors, 1 - FAR))
        return [
            Remark(
                f"{outputs[row, 0]:.4g}", f"off by {errors[row]:.3g}", bool(errors[row] <= limit), float(errors[row])
            )
            for row in range(len(y))
        ]

    def groups(self, y: np.ndarray, every: np.ndarray) -> tuple[Sequence[str], np.ndarray]:
        """Five equal parts of the range."""
        edges = np.linspace(float(every.min()), float(every.max()), 6)
        names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
        return names, np.searchsorted(edges[1:-1], y, side="right")

    def doubts(self, y: np.ndarray, outputs: np.ndarray) -> list[tuple[int, str, str]]:
        """Where the probe's error is far outside what its errors are like: five times their spread by the median."""
        errors = outputs[:, 0].astype(np.float64) - y
        far = np.abs(errors - np.median(errors))
        spread = 1.4826 * float(np.median(far))
        rows = np.flatnonzero(far > DOUBTFUL * spread) if spread else np.empty(0, int)
        order = rows[np.argsort(-far[rows], kind="stable")]
        return [(int(row), f"{outputs[row, 0]:.4g}", f"off by {abs(errors[row]):.3g}") for row in order]

    def chapters(
        self,
        metrics: Mapping[str, Mapping[str, Any]],
        trust: Mapping[str, Any],
        sets: Mapping[str, Answered],
        of: Mapping[str, str],
    ) -> Chapters:
        """Answers against targets, parts of the range, and errors."""
        return chapters(metrics, trust, sets, of)

    def int8_checks(self, recipe: Recipe, y: np.ndarray, float_outputs: np.ndarray, int8: np.ndarray) -> list[Check]:
        """What INT8 adds to the root mean square error."""
        return int8_checks(recipe, *(np.square(self.measure(y, outputs)) for outputs in (float_outputs, int8)))

    def training_checks(self, recipe: Recipe, written: Drop, pruned: Drop | None) -> list[Check]:
        """What is added to the mean absolute error, as far as the samples show it."""
        return training_checks(recipe, written, pruned)

    def deployment(self) -> dict[str, Any]:
        """The mode, and the range of the numbers that were learned."""
        return {"mode": self.name, "target_range": [self.least, self.greatest]}


def _check_whole(label: str, sample: str) -> None:
    """Refuses a label that was cut out of a longer number: a file name's label ends at its first dot.

    Raises:
        DataError: it was.
    """
    *_, folder, name = ("", *sample.split("/"))
    if folder != label and re.match(rf"{re.escape(label)}\.\d+(\.|$)", name) and "." not in label:
        raise DataError(
            f"a file name's label ends at its first dot, so this one would be {label}",
            where=sample,
            fix="put the pictures into folders that are called by their numbers, or give an info.labels",
        )
