"""What the training phases share: the network, its data and how a phase's plan is made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from train.loop import Keeper

if TYPE_CHECKING:
    from pathlib import Path

    import tensorflow as tf

    from ei_compat.core.progress import Progress
    from train.data import TrainingData
    from train.model import Network
    from train.recipe import Recipe
    from train.workers import Workers


@dataclass(frozen=True, slots=True)
class Training:
    """Everything that a training phase works with.

    Attributes:
        recipe: the numbers.
        network: what learns; its dropout draws from `clock`.
        clock: int64 variable with the number of the step.
        data: pictures and classes.
        pretrained: whether the backbone came with ImageNet weights.
        keeper: saves checkpoints and hears signals.
        progress: where to report.
        workers: the processes that train together, or None.
        folder: where what is too large for memory may lie meanwhile; None for where temporary files go.
    """

    recipe: Recipe
    network: Network
    clock: tf.Variable
    data: TrainingData
    pretrained: bool
    keeper: Keeper
    progress: Progress
    workers: Workers | None = None
    folder: Path | None = None

    def passes(self, epochs: int, least_steps: int, least: int = 1) -> int:
        """How often each of the epochs goes through the training set so that they have `least_steps` in all."""
        pictures = max(1, epochs) * len(self.data.training)
        return max(least, math.ceil(least_steps * self.recipe.batch_size / pictures))

    def class_weights(self) -> np.ndarray | None:
        """Factors [classes] that make every class count the same, or None where the recipe does not ask for them."""
        if not self.recipe.class_weights:
            return None
        counts = np.bincount(self.data.training.y, minlength=len(self.data.classes))
        factors: np.ndarray = counts.sum() / (len(counts) * np.maximum(counts, 1))
        return factors.astype(np.float32)

    def augmentation(self) -> Any:
        """What is done to a training batch, or None."""
        if not self.recipe.augment:
            return None
        from train.augment import augment

        zero = self.data.scaling.zero
        return lambda pictures: augment(pictures, self.recipe.seed, self.clock, zero)


def learning_rates(start: float, steps: int, decay: float) -> np.ndarray:
    """The learning rate of every step: `start`, falling linearly to nearly 0 over the last `decay` (0 to 1) of them."""
    left = (steps - np.arange(steps)) / max(steps * decay, 1e-9)
    return (start * np.minimum(left, 1.0)).astype(np.float32)


def seeded_dropout(seed: int, clock: tf.Variable) -> Any:
    """Makes dropout layers whose masks are a function of the seed, the layer and the step's number alone.

    Keras' own keeps a hidden state in its kernels that no checkpoint holds, so a resumed run would differ.
    """
    import tensorflow as tf
    import tf_keras as keras

    made: list[keras.layers.Layer] = []

    class SeededDropout(keras.layers.Layer):
        def __init__(self, rate: float) -> None:
            super().__init__(name=f"dropout_{len(made) + 1}")
            self._rate, self._key = rate, seed * 64 + len(made)
            made.append(self)

        def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
            if not training or self._rate == 0:
                return inputs
            key = tf.stack([tf.constant(self._key, tf.int64), clock])
            return tf.nn.experimental.stateless_dropout(inputs, self._rate, key)

    return SeededDropout
