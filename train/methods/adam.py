"""Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), one operator for each variable.

Keras' own takes a dozen operators for each: over the network's variables these are most of the training step's graph,
which is traced and optimised before the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

BETA_1, EPSILON = 0.9, 1e-7  # Keras' defaults


class Adam:
    """Changes variables by their gradients.

    Args:
        learning: what is changed.
        beta_2: decay of the second moments, 0 to 1.

    Attributes:
        variables: everything that a checkpoint must hold: the powers of both betas, then the two moments of each.
    """

    def __init__(self, learning: Sequence[tf.Variable], beta_2: float) -> None:
        import tensorflow as tf

        self._learning, self._beta_2 = learning, beta_2
        self._powers = [tf.Variable(beta, dtype=tf.float32, trainable=False) for beta in (BETA_1, beta_2)]
        self._moments = [[tf.Variable(tf.zeros_like(v), trainable=False) for _ in range(2)] for v in learning]
        self.variables = [*self._powers, *(moment for pair in self._moments for moment in pair)]

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor) -> None:
        """One step at a learning rate, float32 []; part of the training step's graph."""
        import tensorflow as tf

        shared = {
            "beta1_power": self._powers[0].read_value(),
            "beta2_power": self._powers[1].read_value(),
            "lr": rate,
            "beta1": tf.constant(BETA_1),
            "beta2": tf.constant(self._beta_2),
            "epsilon": tf.constant(EPSILON),
        }
        for variable, (first, second), gradient in zip(self._learning, self._moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(var=variable.handle, m=first.handle, v=second.handle, grad=gradient, **shared)
        for power, beta in zip(self._powers, (shared["beta1"], shared["beta2"]), strict=True):
            power.assign(power * beta)
