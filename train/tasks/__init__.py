"""What is learned: the `Task` protocol, and the tasks by name.

A task is everything that depends on what the targets are and on nothing else: how they are made of labels, the head and
the loss, the metric, which epoch is the best, what is reported and what a finished model has to keep. The phases
(`train.methods`), the pipeline and the reports know a task only as this protocol.

A task of one's own is a class with these members, `@tasks.TASKS.register` above it or an entry point of the group
`ei_train.tasks`; then `--task NAME` trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from train.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras as keras

    from train.checks import Check
    from train.page.parts import Section
    from train.recipe import Recipe
    from train.result import Columns


class Drop(NamedTuple):
    """How much worse one network is than another on the same samples.

    Attributes:
        measured: on these samples, as a share: of accuracy lost, or of an error added. Below 0 where it is better.
        shown: what it is at least with 95 % confidence.
    """

    measured: float
    shown: float


@dataclass(frozen=True, slots=True)
class Answered:
    """One set and what model files say of it.

    Attributes:
        files: where each sample came from; see `train.samples.Samples.names`.
        y: the task's targets [N].
        outputs: by model file (`float32`, `int8`), float32 [N, K].
    """

    files: Sequence[str]
    y: np.ndarray
    outputs: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.y)


class Remark(NamedTuple):
    """What a report says of one answer.

    Attributes:
        said: the answer.
        sure: how sure the file was, or how far off it is, such as `97 %`.
        right: whether it is right, or among the nearer ones.
        fault: how bad it is; the largest are shown first.
    """

    said: str
    sure: str
    right: bool
    fault: float


class Chapters(NamedTuple):
    """What a report says of the answers; see `train.reporting.page` for what stands between.

    Attributes:
        verdict: two sentences: how good the INT8 file is, and where it is best and worst.
        answers: how they are spread, for both files.
        faults: the title above the worst ones, and what makes one.
        trust: how far they can be trusted.
    """

    verdict: tuple[str, str]
    answers: Sequence[Section]
    faults: tuple[str, str]
    trust: Section


class Probe(Protocol):
    """A linear model on features, fitted in seconds: the least that any training has to reach."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Outputs [N, K] for features [N, D], such as the network gives, or what stands for them in `Task.measure`."""
        ...


class Scores(Protocol):
    """How good one file is on one set: a frozen dataclass of JSON values, which is how `report.json` holds it."""

    @property
    def metric(self) -> float:
        """The mean of `Task.measure`."""
        ...

    def tables(self, title: str) -> Sequence[Columns]:
        """Details for people; none where the metric says it all."""
        ...


class Task(Protocol):
    """A task, with the names of its outputs.

    Targets `y` are an array of a row per sample, [N] or [N, K]; outputs are what the network gives for them, [N, K].

    Attributes:
        name: Edge Impulse's `mode`, such as `classification`; `--task` takes it.
        metric: what the log and the report call the mean of `measure`, such as `accuracy`: lower case, no blanks.
        higher_is_better: whether a larger metric is a better one.
        truth: what a sample's target is called where it stands beside others in a table, such as `class`.
        labels: of the outputs, in their order; `labels.txt` has one a line.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    truth: ClassVar[str]
    labels: tuple[str, ...]

    # Targets, from the data.

    @classmethod
    def of_labels(cls, labels: Mapping[str, str], *, in_names: bool = False) -> Self:
        """The task of samples that carry these labels.

        Args:
            labels: each of them once, in the order of their names, with the name of a sample that carries it; no name
                where a label was declared and no sample has it.
            in_names: whether they were read from file names, which end a label at its first dot.

        Raises:
            DataError: nothing of this kind can be learned from such labels.
        """
        ...

    @classmethod
    def of_rows(cls, names: Sequence[str], y: np.ndarray) -> Self:
        """The task of an Edge Impulse array of labels: rows [N, K], with the names in its `train_input.json`."""
        ...

    def targets(self, labels: Sequence[str]) -> np.ndarray:
        """The targets of samples with these labels, one of each."""
        ...

    def targets_of_rows(self, y: np.ndarray) -> np.ndarray:
        """The targets in rows [N, K] of Edge Impulse's array."""
        ...

    def truths(self, y: np.ndarray) -> list[str]:
        """Targets as text, of which `targets` makes the same again."""
        ...

    def strata(self, labels: Sequence[str]) -> list[str]:
        """For samples with these labels, what each is counted as when a validation set is drawn: so many of each."""
        ...

    def check(self, targets: Mapping[str, np.ndarray]) -> list[str]:
        """Refuses sets (`training`, `validation`, maybe `testing`) that nothing can be learned from.

        Returns:
            What the user should know of them, a line each.

        Raises:
            DataError: that is why.
        """
        ...

    def fitted(self, recipe: Recipe, targets: np.ndarray) -> Self:
        """The task as these training targets are learned by this recipe.

        Raises:
            UsageError: the recipe asks for what there is not in this task.
        """
        ...

    def spread(self, targets: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Rows of at most `count` samples that calibrate INT8, spread over what there is; in the order of the data."""
        ...

    # The network's end and what it learns; tensors in, tensors out, inside the training step's graph.

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """A fresh head: features [N, `features`] to outputs [N, K], the last layer named `y_pred`.

        Args:
            recipe: gives units and dropout rates.
            features: how many the backbone gives.
            dropout: makes the dropout layer of a rate; Keras' own by default.
        """
        ...

    def deployed_head(self, recipe: Recipe, head: keras.Model) -> keras.Model:
        """The trained head as the files hold it: it gives the same, and any Keras reads its layers."""
        ...

    @property
    def output_range(self) -> tuple[float, float] | None:
        """What the output of the INT8 file must be able to say at least; None for what calibration sees."""
        ...

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The loss of every sample [N]."""
        ...

    def measures(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """What `measure` gives, float32 [N]."""
        ...

    def sample_weights(self, recipe: Recipe, targets: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """Targets of a batch to factors [N] of their losses, where the recipe asks for that; `targets` are all."""
        ...

    def soften(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network before fine-tuning as targets [N, K] for the one that learns."""
        ...

    def soft_loss(self, soft: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The mean distance, a scalar, of outputs from such targets."""
        ...

    # Measuring.

    def measure(self, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The figure [N] of every sample whose mean is the metric: whether it is right, or how far off it is."""
        ...

    def confidence(self, outputs: np.ndarray) -> np.ndarray | None:
        """How sure each output is, float [N] within 0 and 1; None where a task's outputs say nothing of it."""
        ...

    def as_good(self, metric: float, best: float, samples: int) -> bool:
        """Whether a metric on so many samples is as good as the best one, as far as they can tell."""
        ...

    def drop(self, before: np.ndarray, after: np.ndarray) -> Drop:
        """How much worse the second of two networks is, by their `measure` [N] on the same samples."""
        ...

    def fit_probe(self, x: np.ndarray, y: np.ndarray, held_x: np.ndarray, held_y: np.ndarray) -> Probe:
        """Fits a linear model to features x [N, D], tuned on held-out ones."""
        ...

    def score(self, y: np.ndarray, outputs: np.ndarray) -> Scores:
        """Everything that the report says of a file on a set."""
        ...

    @classmethod
    def read_scores(cls, document: Mapping[str, Any]) -> Scores:
        """Scores of a `report.json`; raises KeyError, TypeError or ValueError where they are none."""
        ...

    def answers(self, y: np.ndarray, outputs: np.ndarray) -> dict[str, list[str]]:
        """What a file says of every sample as columns of text: the answer, whether or how far it is right, the scores.

        Numbers have as many digits as make the same number again.
        """
        ...

    def read_answers(self, columns: Mapping[str, Sequence[str]]) -> np.ndarray:
        """The outputs [N, K] that `answers` made columns of.

        Raises:
            KeyError, ValueError: they are no such columns.
        """
        ...

    def trust(self, sets: Mapping[str, Answered]) -> dict[str, Any]:
        """How far answers can be trusted, as JSON values that the report holds."""
        ...

    def remarks(self, y: np.ndarray, outputs: np.ndarray) -> list[Remark]:
        """What a report says of every answer."""
        ...

    def groups(self, y: np.ndarray, every: np.ndarray) -> tuple[Sequence[str], np.ndarray]:
        """The classes, or parts of the range of `every` target, and for each target of `y` the number of its own."""
        ...

    def doubts(self, y: np.ndarray, outputs: np.ndarray) -> list[tuple[int, str, str]]:
        """Labels that look wrong, by what linear models say of samples that they were not fitted on.

        Returns:
            Row, answer and how sure it is, the clearest first.
        """
        ...

    def chapters(
        self,
        metrics: Mapping[str, Mapping[str, Any]],
        trust: Mapping[str, Any],
        sets: Mapping[str, Answered],
        of: Mapping[str, str],
    ) -> Chapters:
        """A page's chapters on the answers.

        Args:
            metrics: scores by file and set; of one file or both.
            trust: see `trust`.
            sets: the answers themselves.
            of: what to say of each set, such as `that it had never seen`.
        """
        ...

    def int8_checks(self, recipe: Recipe, y: np.ndarray, float_outputs: np.ndarray, int8: np.ndarray) -> list[Check]:
        """What the INT8 file may lose against the float one, both on all held-out samples."""
        ...

    def training_checks(self, recipe: Recipe, written: Drop, pruned: Drop | None) -> list[Check]:
        """What the float file may lose: against the network that training chose, and against the unpruned ones.

        Args:
            recipe: the limits.
            written: on validation, against the network before it was made ready for INT8.
            pruned: on all held-out samples, against the best network before fine-tuning; None where nothing is pruned.
        """
        ...

    def deployment(self) -> dict[str, Any]:
        """What `config.json` tells those who deploy the model, as JSON values: `mode` at least."""
        ...


TASKS: Registry[type[Task]] = Registry(
    "--task",
    "ei_train.tasks",
    {
        "classification": "train.tasks.classification:Classification",
        "regression": "train.tasks.regression:Regression",
    },
)


def better(task: Task | type[Task], metric: float, other: float) -> float:
    """The better of two metrics."""
    return max(metric, other) if task.higher_is_better else min(metric, other)
