"""What the training phases share: the network, its data, and how a phase's plan is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from train.methods.loop import Checkpointer, nobody

if TYPE_CHECKING:
    from pathlib import Path

    import tensorflow as tf

    from ei_compat.core.progress import Progress
    from train.methods.state import Epoch
    from train.network import Network
    from train.recipe import Recipe
    from train.samples import TrainingData
    from train.workers import Workers


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything that a training phase works with.

    Attributes:
        recipe: the numbers.
        network: what learns; its dropout draws from `global_step`.
        global_step: int64 variable with the number of the step.
        data: the sets, and the task that they are for.
        checkpointer: saves checkpoints and hears signals.
        progress: where to report.
        workers: the processes that train together, or None.
        folder: where what is too large for memory may lie meanwhile; None for where temporary files go.
        finished: what the network is called where it came trained, head and all; None where its head is fresh.
        tell: hears of each epoch that is over.
    """

    recipe: Recipe
    network: Network
    global_step: tf.Variable
    data: TrainingData
    checkpointer: Checkpointer
    progress: Progress
    workers: Workers | None = None
    folder: Path | None = None
    finished: str | None = None
    tell: Callable[[Epoch], None] = nobody

    @property
    def is_frozen(self) -> bool:
        """Whether nothing of the backbone learns, as it is now."""
        return not self.network.backbone.trainable_variables

    def passes(self, epochs: int, least_steps: int, least: int = 1) -> int:
        """How often each of the epochs goes through the training set so that they have `least_steps` in all."""
        images = max(1, epochs) * len(self.data.training)
        return max(least, math.ceil(least_steps * self.recipe.batch_size / images))

    def steps(self, epochs: int, passes: int = 1) -> int:
        """How many steps so many epochs have that go so often through the training set."""
        return epochs * math.ceil(passes * len(self.data.training) / self.recipe.batch_size)

    def sample_weights(self) -> Callable[[tf.Tensor], tf.Tensor] | None:
        """Targets of a batch to factors of their losses, or None where the recipe asks for none."""
        return self.data.task.sample_weights(self.recipe, self.data.training.y)

    def augmentation(self) -> Any:
        """What is done to a training batch, or None."""
        if not self.recipe.augment:
            return None
        from train.methods.augment import augment

        zero = self.data.scaling.zero
        return lambda images: augment(images, self.recipe.seed, self.global_step, zero)


def learning_rates(start: float, steps: int, decay: float) -> np.ndarray:
    """The learning rate of every step: `start`, falling linearly to nearly 0 over the last `decay` (0 to 1) of them."""
    left = (steps - np.arange(steps)) / max(steps * decay, 1e-9)
    return (start * np.minimum(left, 1.0)).astype(np.float32)


def seeded_dropout(seed: int, global_step: tf.Variable) -> Any:
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

        def plain(self) -> keras.layers.Layer:
            """Keras' own, for saving."""
            return keras.layers.Dropout(self._rate, name=self.name)

        def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
            if not training or self._rate == 0:
                return inputs
            key = tf.stack([tf.constant(self._key, tf.int64), global_step])
            return tf.nn.experimental.stateless_dropout(inputs, self._rate, key)

    return SeededDropout
