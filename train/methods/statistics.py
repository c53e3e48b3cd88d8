"""The statistics of batch normalisation, measured on training pictures as the network is used.

Moving averages trail the weights, and an average of weights has none of its own, so statistics are measured once the
weights are final ("precise batch normalisation", Wu & Johnson 2021, https://arxiv.org/abs/2105.07576). Each
normalisation works meanwhile as it does in the network that is kept: one that learned by its batch, a frozen one by
what it stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from train.batches import as_input, batches, two_at_once
from train.network import walk

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.methods.trainer import Trainer
    from train.network import Network

BATCH = 128
IMAGES = 2048  # for statistics that are measured
SHIFT_IMAGES = 256  # for the difference between two measurements on the same pictures
Moments = list[tuple[np.ndarray, np.ndarray]]  # mean and variance [channels] for each of some normalisations


def normalisations(network: Network) -> list[keras.layers.BatchNormalization]:
    """The backbone's batch normalisations, in order."""
    import tf_keras as keras

    return [layer for layer in network.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]


def moving_statistics(network: Network) -> list[tf.Variable]:
    """The moving means and variances that training changes, those of the normalisations that learn."""
    learning = [layer for layer in normalisations(network) if layer.trainable]
    return [statistic for layer in learning for statistic in (layer.moving_mean, layer.moving_variance)]


def renew_statistics(trainer: Trainer) -> None:
    """Stores in each normalisation that learned what its input's mean and variance are on training pictures."""
    learned = [layer for layer in normalisations(trainer.network) if layer.trainable]
    if learned:
        store(learned, averaged(measure_statistics(trainer, learned, IMAGES)))


def store(norms: Sequence[keras.layers.BatchNormalization], statistics: Moments) -> None:
    """Gives each of the normalisations its mean and variance."""
    for layer, (mean, variance) in zip(norms, statistics, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def measure_statistics(
    trainer: Trainer,
    wanted: Sequence[keras.layers.BatchNormalization],
    images: int,
    before: Sequence[Moments] | None = None,
) -> list[Moments]:
    """Mean and variance [channels] of what goes into the wanted normalisations, for batch after batch.

    Args:
        trainer: gives the network and the training pictures, always the same ones.
        wanted: some of the backbone's normalisations, in order.
        images: how many at most.
        before: what this gave for the frozen normalisations, which then are the wanted ones, before the kernels
            changed. They then shift what they store by how far their input moved since, so that no layer sees what the
            change did to those before it: some channels are amplified a hundredfold on their way, and would be far off
            after a few layers.
    """
    import tensorflow as tf
    import tf_keras as keras

    samples = trainer.data.training
    needed = keras.Model(trainer.network.backbone.input, wanted[-1].output)
    places = {layer.name: place for place, layer in enumerate(wanted)}
    rows = np.random.default_rng(trainer.recipe.seed).permutation(len(samples))[:images]
    whole = max(len(rows) // BATCH * BATCH, min(len(rows), BATCH))  # a remainder would weigh as much as a whole batch
    rows = rows[:whole]

    def measure(x: np.ndarray, was: Moments | None) -> Moments:
        # Not compiled: for the few batches that there are, that would take longer than they do.
        moments = _forward(needed, as_input(tf.constant(x)), places, was)
        return [(mean.numpy(), variance.numpy()) for mean, variance in moments]

    earlier = repeat(None) if before is None else before
    read = ((x, was) for (x, _), was in zip(batches(samples, rows, BATCH), earlier, strict=False))
    measured: list[Moments] = []
    with trainer.progress.task("statistics", len(rows), "picture") as task:
        for found in two_at_once(measure, read):
            measured.append(found)
            task.advance(min(BATCH, len(rows)))
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


def by_its_batch(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Planes [N, H, W, C] normalised by their own mean and variance, and these two [C], the variance unbiased."""
    import tensorflow as tf

    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    return y, mean, variance


def _by_its_batch(layer: keras.layers.BatchNormalization, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What a normalisation makes of planes or features by their own mean and variance, and these two."""
    import tensorflow as tf

    if len(x.shape) == 4:
        return by_its_batch(x, layer.gamma, layer.beta, layer.epsilon)
    mean, variance = tf.nn.moments(x, tuple(range(len(x.shape) - 1)))
    return _by(layer, x, mean, variance), mean, variance


def _by(layer: keras.layers.BatchNormalization, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """What a normalisation makes of planes or features by this mean and variance [channels]."""
    import tensorflow as tf

    if len(x.shape) != 4:
        return tf.nn.batch_normalization(x, mean, variance, layer.beta, layer.gamma, layer.epsilon)
    return tf.raw_ops.FusedBatchNormV3(  # one pass over the planes, and no room but for what comes out
        x=x,
        scale=layer.gamma,
        offset=layer.beta,
        mean=mean,
        variance=variance,
        epsilon=layer.epsilon,
        is_training=False,
    ).y


def _forward(
    model: keras.Model, x: tf.Tensor, places: Mapping[str, int], was: Moments | None
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Runs a model layer by layer; see `measure_statistics`. `places` numbers the wanted normalisations."""
    import tf_keras as keras

    found: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}

    def compute(layer: keras.layers.Layer, x: Any) -> tf.Tensor:
        if not isinstance(layer, keras.layers.BatchNormalization):
            return layer(x)
        y, mean, variance = _by_its_batch(layer, x)
        if layer.trainable or layer.name in places:
            found[layer.name] = mean, variance
        if layer.trainable:
            return y
        del y  # as large as what goes in
        used = layer.moving_mean, layer.moving_variance
        if was is not None and layer.name in places:
            used = shifted(layer, used, was[places[layer.name]], found[layer.name])
        return _by(layer, x, *used)

    walk(model, x, compute)
    return [found[name] for name in places]
