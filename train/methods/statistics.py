"""The statistics of batch normalisation, measured on training pictures as the network is used.

Moving averages trail the weights, and an average of weights has none of its own, so statistics are measured once the
weights are final ("precise batch normalisation", Wu & Johnson 2021, https://arxiv.org/abs/2105.07576). Each
normalisation works meanwhile as it does in the network that is kept: one that learned by its batch, a frozen one by
what it stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from train.batches import as_input, batches
from train.network import walk

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.methods.trainer import Trainer
    from train.network import Network

BATCH, PICTURES = 128, 2048
Moments = list[tuple[np.ndarray, np.ndarray]]  # mean and variance [channels] for each normalisation


def normalisations(network: Network) -> list[keras.layers.BatchNormalization]:
    """The backbone's batch normalisations, in order."""
    import tf_keras as keras

    return [layer for layer in network.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]


def moving_statistics(network: Network) -> list[tf.Variable]:
    """The moving means and variances that training changes, those of the normalisations that learn."""
    learning = [layer for layer in normalisations(network) if layer.trainable]
    return [statistic for layer in learning for statistic in (layer.moving_mean, layer.moving_variance)]


def measure_statistics(trainer: Trainer, before: Sequence[Moments] | None = None) -> list[Moments]:
    """Mean and variance [channels] of what goes into each normalisation, for batch after batch of training pictures.

    Args:
        trainer: gives the network and the pictures, always the same ones.
        before: what this gave before the kernels changed. Frozen layers then shift what they store by how far their
            input moved since, so that no layer sees what the change did to those before it: some channels are amplified
            a hundredfold on their way, and would be far off after a few layers.
    """
    import tensorflow as tf

    samples, backbone = trainer.data.training, trainer.network.backbone

    @tf.function(autograph=False)
    def moments(x: tf.Tensor, was: list[tuple[tf.Tensor, tf.Tensor]] | None) -> list[tuple[tf.Tensor, tf.Tensor]]:
        return _forward(backbone, as_input(x), was)

    rows = np.random.default_rng(trainer.recipe.seed).permutation(len(samples))[:PICTURES]
    measured: list[Moments] = []
    with trainer.progress.task("statistics", len(rows), "picture") as task:
        for x, _ in batches(samples, rows, BATCH):
            if measured and len(x) < BATCH:
                break  # a remainder would weigh as much as a whole batch
            was = None if before is None else before[len(measured)]
            found = moments(tf.constant(x), was)
            measured.append([(mean.numpy(), variance.numpy()) for mean, variance in found])
            task.advance(len(x))
    return measured


def averaged(measured: Sequence[Moments]) -> Moments:
    """The mean over all batches of the mean and of the variance of each layer."""
    return [
        (np.mean([mean for mean, _ in layer], axis=0), np.mean([variance for _, variance in layer], axis=0))
        for layer in zip(*measured, strict=True)
    ]


def shifted(
    layer: keras.layers.BatchNormalization, stored: tuple[Any, Any], was: tuple[Any, Any], now: tuple[Any, Any]
) -> tuple[Any, Any]:
    """What a frozen layer has to store once its input has gone from the mean and variance `was` to `now`."""
    return stored[0] + now[0] - was[0], stored[1] * (now[1] + layer.epsilon) / (was[1] + layer.epsilon)


def _forward(
    backbone: keras.Model, x: tf.Tensor, was: list[tuple[tf.Tensor, tf.Tensor]] | None
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Runs the backbone layer by layer; see `measure_statistics`."""
    import tensorflow as tf
    import tf_keras as keras

    found: list[tuple[tf.Tensor, tf.Tensor]] = []

    def compute(layer: keras.layers.Layer, x: Any) -> tf.Tensor:
        if not isinstance(layer, keras.layers.BatchNormalization):
            return layer(x)
        now = used = tf.nn.moments(x, tuple(range(len(x.shape) - 1)))
        if not layer.trainable:
            used = (layer.moving_mean, layer.moving_variance)
            used = used if was is None else shifted(layer, used, was[len(found)], now)
        found.append(now)
        return tf.nn.batch_normalization(x, *used, layer.beta, layer.gamma, layer.epsilon)

    walk(backbone, x, compute)
    return found
