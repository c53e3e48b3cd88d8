"""The average is the one of the formula, and lets the weights go on."""

from __future__ import annotations

import numpy as np

from train.methods.average import Average


def test_exponential_average_from_the_first_step_on() -> None:
    import tensorflow as tf

    weight, other = tf.Variable([[1.0], [0.0]]), tf.Variable(1.0)
    average = Average([weight, other], 0.9, first_step=2)
    for step, value in enumerate([10.0, 20.0, 4.0, 5.0, 7.0]):
        weight.assign([[value], [0.0]])
        other.assign(-value)
        average.follow(tf.constant(step))

    expected = 0.9 * (0.9 * 4 + 0.1 * 5) + 0.1 * 7
    np.testing.assert_allclose(average.values, [expected, 0.0, -expected], rtol=1e-6)
    with average.in_place(4):
        np.testing.assert_allclose(weight, [[expected], [0.0]], rtol=1e-6)
        np.testing.assert_allclose(other, -expected, rtol=1e-6)
    assert weight.numpy().tolist() == [[7.0], [0.0]]
    assert other.numpy() == -7.0


def test_before_its_first_step_the_weights_stand_for_themselves() -> None:
    import tensorflow as tf

    weight = tf.Variable(1.0)
    average = Average([weight], 0.9, first_step=2)
    weight.assign(5.0)
    average.follow(tf.constant(1))

    with average.in_place(1):
        assert weight.numpy() == 5.0
