"""Adam by TensorFlow's own operator, against Keras' and across a restart."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras as keras

from train.methods.adam import Adam

SHAPES = ((3, 3, 2, 4), (4,), ())


def variables() -> list[tf.Variable]:
    random = np.random.default_rng(1)
    return [tf.Variable(random.normal(size=shape).astype(np.float32)) for shape in SHAPES]


def gradients(step: int) -> list[tf.Tensor]:
    random = np.random.default_rng([2, step])
    return [tf.constant(random.normal(size=shape), tf.float32) for shape in SHAPES]


def test_it_takes_the_steps_that_keras_takes() -> None:
    ours, theirs = variables(), variables()
    adam, reference = Adam(ours, 0.98), keras.optimizers.Adam(beta_2=0.98, jit_compile=False)
    reference.build(theirs)
    for step, rate in enumerate((0.1, 0.1, 0.03, 0.001)):
        adam.apply(gradients(step), tf.constant(rate))
        reference.learning_rate = rate
        reference.apply_gradients(zip(gradients(step), theirs, strict=True))
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


def test_its_variables_are_all_that_a_later_process_needs() -> None:
    whole = variables()
    adam = Adam(whole, 0.98)
    for step in range(2):
        adam.apply(gradients(step), tf.constant(0.1))
    resumed = variables()
    later = Adam(resumed, 0.98)
    for variable, value in zip([*resumed, *later.variables], [*whole, *adam.variables], strict=True):
        variable.assign(value)
    for each in (adam, later):
        each.apply(gradients(2), tf.constant(0.01))
    for mine, other in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
