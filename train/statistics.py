"""The statistics of batch normalisation, measured on training pictures as the network is used.

Moving averages trail the weights, and an average of weights has none of its own, so statistics are measured once the
weights are final ("precise batch normalisation", Wu & Johnson 2021, https://arxiv.org/abs/2105.07576). Each
normalisation works meanwhile as it does in the network that is kept: one that learned by its batch, a frozen one by
what it stores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from train.loop import as_input, batches

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.model import Network
    from train.training import Training

BATCH, PICTURES = 128, 2048


def normalisations(network: Network) -> list[keras.layers.BatchNormalization]:
    """The backbone's batch normalisations, in order."""
    import tf_keras as keras

    return [layer for layer in network.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]


def moving_statistics(network: Network) -> list[tf.Variable]:
    """The moving means and variances that training changes, those of the normalisations that learn."""
    learning = [layer for layer in normalisations(network) if layer.trainable]
    return [statistic for layer in learning for statistic in (layer.moving_mean, layer.moving_variance)]


def measure_statistics(training: Training) -> list[tuple[np.ndarray, np.ndarray]]:
    """Measures once, see `make_measure`."""
    return make_measure(training)()


def make_measure(training: Training) -> Callable[[], list[tuple[np.ndarray, np.ndarray]]]:
    """Compiles what measures the mean and variance [channels] of what goes into each normalisation.

    Both are averaged over batches of training pictures. Which layers learn is taken as it is now. The moving statistics
    of those are no good after a measurement; the caller assigns what they are to be.
    """
    import tensorflow as tf
    import tf_keras as keras

    backbone, samples = training.network.backbone, training.data.training
    layers = normalisations(training.network)
    probe = keras.Model(backbone.input, [layer.input for layer in layers])

    @tf.function(autograph=False, input_signature=samples.signature()[:1])
    def moments(x: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        return [tf.nn.moments(value, (0, 1, 2)) for value in probe(as_input(x), training=True)]

    rows = np.random.default_rng(training.recipe.seed).permutation(len(samples))[:PICTURES]

    def measure() -> list[tuple[np.ndarray, np.ndarray]]:
        sums = [(np.zeros(layer.moving_mean.shape), np.zeros(layer.moving_mean.shape)) for layer in layers]
        count = 0
        with training.progress.task("statistics", len(rows), "picture") as task:
            for x, _ in batches(samples, rows, BATCH):
                if count and len(x) < BATCH:
                    break  # a remainder would weigh as much as a whole batch
                for total, now in zip(sums, moments(x), strict=True):
                    for part, value in zip(total, now, strict=True):
                        part += value.numpy()
                count += 1
                task.advance(len(x))
        return [(mean / count, variance / count) for mean, variance in sums]

    return measure


def renew_statistics(training: Training) -> None:
    """Measures the statistics of the normalisations that learn, and stores them; frozen ones keep theirs."""
    for layer, (mean, variance) in zip(normalisations(training.network), measure_statistics(training), strict=True):
        if layer.trainable:
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)
