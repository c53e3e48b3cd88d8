"""What a run learns from and is measured on: samples in arrays, and the task that they are for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from ei_compat.dataset.reading import Reading
    from train.feature_scaling import FeatureScaling
    from train.scaling import Scaling
    from train.tasks import Task


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs, or features of them, and their targets.

    Attributes:
        x: uint8 pixels [N, H, W, C], float32 pixels or float32 features; may be memory-mapped, or look like an array
            (`ei_compat.block.rows.Rows`, `train.scaling.Inputs`).
        y: the task's targets [N] or [N, K], such as int32 class indices.
        names: where each came from: a file below the data's folder, or a row of an array such as `X_split_test.npy[7]`;
            empty for what is no sample of the user's, such as features.
    """

    x: np.ndarray
    y: np.ndarray
    names: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows in that order."""
        return self.x[rows], self.y[rows]

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Every row once, in random order."""
        return random.permutation(len(self))

    def signature(self) -> list[tf.TensorSpec]:
        """What a batch looks like to TensorFlow."""
        import tensorflow as tf

        return [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in (self.x, self.y)]


@dataclass(frozen=True, slots=True)
class Selected:
    """Some rows of samples, in an order of their own, read when they are asked for.

    Attributes:
        samples: that they are of.
        rows: which.
    """

    samples: Samples
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """These rows of the selection."""
        return self.samples.take(self.rows[rows])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes:
        task: what is learned, with the labels of the model's outputs.
        training, validation: always there, and never empty.
        testing: None where the user has no test set.
        format: how it was stored, such as `ei-export` or `arrays`.
        broken: pictures that were skipped, with the reason.
        reading: the account of the user's folder.
        scaling: what the deployed model is given for pixels, or what features are divided by for training.
        info_file: the `train_input.json` that was read, or None.
        max_training_seconds: what it allows, or None.
        sha256: digest of the labels and the sets.
    """

    task: Task
    training: Samples
    validation: Samples
    testing: Samples | None
    format: str
    broken: tuple[tuple[str, str], ...]
    reading: Reading
    scaling: Scaling | FeatureScaling
    info_file: Path | None
    max_training_seconds: float | None
    sha256: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input: height, width and channels of a picture, one or two dimensions of features."""
        return tuple(self.training.x.shape[1:])

    def changed(self, change: Callable[[Any], Any]) -> TrainingData:
        """The same data with what `change` makes of the inputs of each set."""
        sets: dict[str, Any] = {name: replace(samples, x=change(samples.x)) for name, samples in self.sets().items()}
        return replace(self, **sets)

    def sets(self) -> dict[str, Samples]:
        """The sets by the names that reports use."""
        named = {"training": self.training, "validation": self.validation, "testing": self.testing}
        return {name: samples for name, samples in named.items() if samples is not None}

    def held_out(self) -> dict[str, Samples]:
        """The same without training's."""
        return {name: samples for name, samples in self.sets().items() if name != "training"}
