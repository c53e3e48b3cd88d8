"""Soft answers hold a network where it was."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.networks import classification
from train.methods.distillation import learning_from
from train.network import Network


def test_temperature_two_takes_square_roots() -> None:
    answers = classification(2).soften(np.array([[0.64, 0.36], [1.0, 0.0]]))

    np.testing.assert_allclose(answers[0], [0.8 / 1.4, 0.6 / 1.4], rtol=1e-6)
    assert answers[1, 0] > 0.9999


def test_the_network_that_gave_the_answers_loses_nothing_and_another_does() -> None:
    import tensorflow as tf
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    pixels = keras.layers.Input((4,))
    features = keras.layers.Input((3,))
    network = Network(
        keras.Model(pixels, keras.layers.Dense(3, activation="relu")(pixels)),
        keras.Model(features, keras.layers.Dense(2, activation="softmax")(features)),
    )
    x = tf.constant(np.random.default_rng(1).normal(size=(8, 4)), tf.float32)
    wanted = network.backbone(x)
    answers = classification(2).soften(network.head(wanted).numpy())
    learn = learning_from(network, classification(2), 0.5, 10.0)

    _, same = learn(x, answers, wanted)
    _, other_answers = learn(x, answers[::-1], wanted)
    _, other_features = learn(x, answers, wanted + 1)

    assert float(same) == pytest.approx(0, abs=1e-6)
    assert float(other_answers) > 1e-4
    power = float(tf.reduce_mean(tf.square(wanted + 1)))
    assert float(other_features) == pytest.approx(10 / power, rel=1e-3)
