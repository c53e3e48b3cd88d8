"""An average of the weights along the way, which is better than where the last steps happen to end.

An exponential average (Polyak & Juditsky 1992; Tarvainen & Valpola 2017, https://arxiv.org/abs/1703.01780) from the
first step on whose masks are final, so that what is zero stays zero. It is the average that is measured and kept; its
statistics of batch normalisation are measured anew (`statistics.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from train.variables import assign, values_of

if TYPE_CHECKING:
    import tensorflow as tf


class Average:
    """The average of some variables.

    Args:
        variables: what is averaged.
        decay: share of the old average that each step keeps, 0 to 1.
        first_step: the first step (0-based) whose weights count.

    Attributes:
        values: one variable with the average of all, end to end: four operators for each of a hundred would be a
            sixth of a training step's graph.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float, first_step: int) -> None:
        import tensorflow as tf

        self.variables, self.first_step, self._decay = variables, first_step, decay
        self._shapes = [variable.shape.as_list() for variable in variables]
        self.values = tf.Variable(tf.zeros(sum(map(math.prod, self._shapes))), trainable=False)

    def follow(self, step: tf.Tensor) -> None:
        """Takes in the weights that this step (0-based) left, which up to the first are all; part of its graph."""
        import tensorflow as tf

        now = tf.concat([tf.reshape(variable.value(), [-1]) for variable in self.variables], 0)
        new = tf.where(step > self.first_step, 1 - self._decay, 1.0)
        self.values.assign_sub(new * (self.values - now), read_value=False)

    @contextmanager
    def in_place(self, step: int) -> Iterator[None]:
        """Within the block the variables hold the average, if there is one after this step (0-based)."""
        if step < self.first_step:
            yield
            return
        kept = values_of(self.variables)
        assign(self.variables, self._parts())
        yield
        assign(self.variables, kept)

    def _parts(self) -> list[np.ndarray]:
        """The average of each variable."""
        parts = np.split(self.values.numpy(), np.cumsum(list(map(math.prod, self._shapes)))[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
