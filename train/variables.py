"""Many variables at once: a network's 260 are copied at the end of every epoch.

TensorFlow's methods of a variable each come by a layer or two of Python, and take three times as long as the operators
that they end in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


def values_of(variables: Iterable[tf.Variable]) -> list[np.ndarray]:
    """Copies of what variables hold."""
    import tensorflow as tf

    read = tf.raw_ops.ReadVariableOp
    return [read(resource=variable.handle, dtype=variable.dtype).numpy() for variable in variables]


def assign(variables: Sequence[tf.Variable], values: Sequence[np.ndarray]) -> None:
    """Gives each variable its value, which has its shape and type; ValueError where there are not as many."""
    import tensorflow as tf

    for variable, value in zip(variables, values, strict=True):
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
