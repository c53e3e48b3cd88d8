"""Many variables are read and written at once."""

from __future__ import annotations

import numpy as np
import pytest

from train.variables import assign, values_of


def test_values_are_copies_on_both_ways() -> None:
    import tensorflow as tf

    variables = [tf.Variable([1.0, 2.0]), tf.Variable(np.arange(6, dtype=np.float32).reshape(2, 3))]
    first = values_of(variables)
    variables[0].assign_add([1.0, 1.0])
    changed = values_of(variables)

    assign(variables, first)
    for variable in variables:  # in place, where the variable's memory is its own
        tf.raw_ops.AssignAddVariableOp(resource=variable.handle, value=tf.ones_like(variable))

    assert first[0].tolist() == [1, 2]
    assert changed[0].tolist() == [2, 3]
    assert first[1].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert variables[1].numpy().tolist() == [[1, 2, 3], [4, 5, 6]]


def test_as_many_values_as_variables_are_needed() -> None:
    import tensorflow as tf

    with pytest.raises(ValueError, match="zip"):
        assign([tf.Variable(1.0), tf.Variable(2.0)], [np.float32(1)])
