"""Classification: every sample belongs to one class; Edge Impulse's `mode: classification`.

Targets are int32 class indices [N], outputs class probabilities [N, classes], the metric is accuracy.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ei_compat.core.errors import DataError
from ei_compat.core.files import encodable
from ei_compat.core.numbers import is_number
from train.tasks import Answered, Chapters, Drop, Remark
from train.tasks.classification_chapters import chapters
from train.tasks.classification_checks import Pair, int8_checks, training_checks
from train.tasks.classification_scores import Scores, read_scores, score
from train.tasks.classification_trust import trust
from train.tasks.comparison import drop
from train.tasks.dense_head import dense_head
from train.tasks.linear_probe import LinearProbe, fit_probe

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.checks import Check
    from train.recipe import Recipe

TEMPERATURE = 2.0  # of soft answers
SMALLEST = 1e-9  # probability
SURE = 0.9  # of another class, for a label to be doubted
SCORE = "score "  # before a class, in the name of a column


@dataclass(frozen=True, slots=True)
class Classification:
    """Classification among `labels`; see `train.tasks.Task` for what is not said here.

    Soft answers are probabilities at a raised temperature: they say which classes a sample is like (Hinton et al. 2015,
    https://arxiv.org/abs/1503.02531).
    """

    name: ClassVar[str] = "classification"
    metric: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True
    truth: ClassVar[str] = "class"
    labels: tuple[str, ...]

    @classmethod
    def of_labels(cls, labels: Iterable[str], *, in_names: bool = False) -> Classification:  # noqa: ARG003 - of numbers
        """See `Task.of_labels`; see `check_names` for what no class can be called."""
        check_names(labels)
        return cls(tuple(labels))

    @classmethod
    def of_rows(cls, names: Sequence[str], y: np.ndarray) -> Classification:  # noqa: ARG003 - the names say it all
        """See `Task.of_rows`; rows are one-hot."""
        return cls.of_labels(names)

    def targets(self, labels: Sequence[str]) -> np.ndarray:
        """See `Task.targets`."""
        index_of = {label: index for index, label in enumerate(self.labels)}
        return np.array([index_of[label] for label in labels], np.int32)

    def targets_of_rows(self, y: np.ndarray) -> np.ndarray:
        """See `Task.targets_of_rows`."""
        classes: np.ndarray = y.argmax(axis=1)
        return classes.astype(np.int32)

    def truths(self, y: np.ndarray) -> list[str]:
        """The classes' names."""
        return [self.labels[index] for index in y]

    def strata(self, labels: Sequence[str]) -> list[str]:
        """The classes."""
        return list(labels)

    def check(self, targets: Mapping[str, np.ndarray]) -> list[str]:
        """There must be two classes, and each in the training set."""
        if len(self.labels) < 2:
            raise DataError(
                f"there is only one class, {self.labels[0]!r}" if self.labels else "there is no class",
                fix="give at least two classes",
            )
        if absent := self._absent(targets["training"]):
            raise DataError(f"no training sample of class {absent}", fix="add some, or leave the class out")
        lines = []
        if absent := self._absent(targets["validation"]):
            lines.append(f"no validation sample of class {absent}: nothing is known of how well it is recognised")
        if all(map(is_number, self.labels)) and not all(label.isdigit() for label in self.labels):
            lines.append("all classes are numbers, and learned as classes; --task regression learns them as numbers")
        return lines

    def _absent(self, targets: np.ndarray) -> str:
        return ", ".join(label for label, count in zip(self.labels, self._counts(targets), strict=True) if not count)

    def _counts(self, targets: np.ndarray) -> np.ndarray:
        return np.bincount(targets, minlength=len(self.labels))

    def fitted(self, recipe: Recipe, targets: np.ndarray) -> Classification:
        """See `Task.fitted`."""
        return self

    def spread(self, targets: np.ndarray, count: int, seed: int) -> np.ndarray:
        """As many of each class as there are."""
        draw = np.random.default_rng(seed)
        shares = [draw.permutation(np.flatnonzero(targets == c)) for c in range(len(self.labels))]
        rounds = max(len(rows) for rows in shares)
        return np.sort(np.array([rows[i] for i in range(rounds) for rows in shares if i < len(rows)][:count]))

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """The template's dense layers and a softmax."""
        return dense_head(recipe, features, len(self.labels), "softmax", dropout)

    def deployed_head(self, recipe: Recipe, head: keras.Model) -> keras.Model:
        """With Keras' own dropout."""
        plain = self.build_head(recipe, head.input_shape[-1])
        plain.set_weights(head.get_weights())
        return plain

    @property
    def output_range(self) -> None:
        """None: a softmax has its own."""
        return None

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Cross-entropy in nats."""
        import tf_keras as keras

        return keras.losses.sparse_categorical_crossentropy(y, outputs)

    def measures(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """1 where the most probable class is the true one, else 0."""
        import tensorflow as tf

        return tf.cast(tf.equal(tf.argmax(outputs, 1, y.dtype), y), tf.float32)

    def sample_weights(self, recipe: Recipe, targets: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """Factors that make every class count the same, where `class_weights` asks for that."""
        import tensorflow as tf

        if not recipe.class_weights:
            return None
        counts = self._counts(targets)
        factors = (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
        return lambda y: tf.gather(tf.constant(factors, tf.float32), y)

    def soften(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities at the raised temperature."""
        powers = np.maximum(outputs, SMALLEST) ** (1 / TEMPERATURE)
        softened: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return softened.astype(np.float32)

    def soft_loss(self, soft: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The divergence from soft answers, its gradient scaled to that of labels."""
        import tensorflow as tf

        student = tf.nn.log_softmax(tf.math.log(outputs + SMALLEST) / TEMPERATURE)
        divergence = tf.reduce_sum(soft * (tf.math.log(soft + SMALLEST) - student), axis=1)
        return TEMPERATURE**2 * tf.reduce_mean(divergence)

    def measure(self, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Whether each sample is recognised, bool [N]."""
        right: np.ndarray = outputs.argmax(axis=1) == y
        return right

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """The highest probability."""
        highest: np.ndarray = outputs.max(axis=1)
        return highest

    def as_good(self, metric: float, best: float, samples: int) -> bool:
        """Within a standard error of the best."""
        return metric >= best - math.sqrt(best * (1 - best) / samples)

    def drop(self, before: np.ndarray, after: np.ndarray) -> Drop:
        """The accuracy lost."""
        return drop(before, after)

    def fit_probe(self, x: np.ndarray, y: np.ndarray, held_x: np.ndarray, held_y: np.ndarray) -> LinearProbe:
        """Logistic regression."""
        return fit_probe(x, y, held_x, held_y, len(self.labels))

    def score(self, y: np.ndarray, outputs: np.ndarray) -> Scores:
        """Accuracy, loss, precision, recall and F1, and the confusion of the classes."""
        return score(outputs, y, self.labels)

    @classmethod
    def read_scores(cls, document: Mapping[str, Any]) -> Scores:
        """See `Task.read_scores`."""
        return read_scores(document)

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, list[str]]:
        """The most probable class, 1 where it is the true one or else 0, and the probability of every class."""
        scores = outputs.astype(np.float32).astype(str)  # the fewest digits that make the same float32
        return {
            "class": self.truths(outputs.argmax(axis=1)),
            "right": self.measure(y, outputs).astype(int).astype(str).tolist(),
            **{SCORE + label: scores[:, index].tolist() for index, label in enumerate(self.labels)},
        }

    def read_answers(self, columns: Mapping[str, Sequence[str]]) -> np.ndarray:
        """The probabilities."""
        return np.stack([np.array(columns[SCORE + label], np.float32) for label in self.labels], axis=1)

    def trust(self, sets: Mapping[str, Answered]) -> dict[str, Any]:
        """Calibration, and a threshold."""
        return trust({name: (found.y, found.outputs) for name, found in sets.items()})

    def remarks(self, y: np.ndarray, outputs: np.ndarray) -> list[Remark]:
        """The class, its probability, and how much more probable it was said to be than the true one."""
        said, rows = outputs.argmax(axis=1), np.arange(len(y))
        sure = outputs.max(axis=1)
        faults = sure - outputs[rows, y]
        return [
            Remark(self.labels[said[row]], f"{100 * sure[row]:.0f} %", bool(said[row] == y[row]), float(faults[row]))
            for row in rows
        ]

    def groups(self, y: np.ndarray, every: np.ndarray) -> tuple[Sequence[str], np.ndarray]:
        """The classes."""
        return self.labels, y

    def doubts(self, y: np.ndarray, outputs: np.ndarray) -> list[tuple[int, str, str]]:
        """Where the probe is sure of another class; outputs are its logits."""
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        said, sure = shares.argmax(axis=1), shares.max(axis=1)
        rows = np.flatnonzero((said != y) & (sure >= SURE))
        order = rows[np.argsort(-sure[rows], kind="stable")]
        return [(int(row), self.labels[said[row]], f"{100 * sure[row]:.0f} %") for row in order]

    def chapters(
        self,
        metrics: Mapping[str, Mapping[str, Any]],
        trust: Mapping[str, Any],
        sets: Mapping[str, Answered],
        of: Mapping[str, str],
    ) -> Chapters:
        """Confusion, classes, confidence."""
        return chapters(metrics, trust, self.labels, of)

    def int8_checks(self, recipe: Recipe, y: np.ndarray, float_outputs: np.ndarray, int8: np.ndarray) -> list[Check]:
        """The loss of accuracy, and of recall in the class that loses most clearly."""
        return int8_checks(recipe, Pair(y, float_outputs.argmax(axis=1), int8.argmax(axis=1)), self.labels)

    def training_checks(self, recipe: Recipe, written: Drop, pruned: Drop | None) -> list[Check]:
        """The loss of accuracy, as far as the samples show it."""
        return training_checks(recipe, written, pruned)

    def deployment(self) -> dict[str, Any]:
        """See `Task.deployment`."""
        return {"mode": self.name}


def check_names(labels: Iterable[str]) -> None:
    """Refuses names that no list of labels, one a line, can hold.

    Raises:
        DataError: a name is empty or blank, or has a line break, a tab, a control character or half a character; or two
            differ in the blanks around them alone, which nobody sees.
    """
    stripped: dict[str, str] = {}
    for label in labels:
        odd = [character for character in label if unicodedata.category(character) in {"Cc", "Zl", "Zp"}]
        if odd or not label.strip() or not encodable(label):
            what = f"holds {odd[0]!r}" if odd else "is empty" if not label.strip() else "is not valid Unicode"
            raise DataError(
                f"the name of a class {what}", where=f"class {label!a}", fix="rename it; labels.txt has one a line"
            )
        if (twin := stripped.setdefault(label.strip(), label)) is not label:
            raise DataError(
                f"differs from class {twin!r} in blanks alone", where=f"class {label!r}", fix="rename one of them"
            )
