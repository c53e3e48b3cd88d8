"""Pruning of layers at once, without training: what goes is made up for, layer by layer, by what stays.

A layer's outputs are X W for inputs X [samples, in] and a kernel W [in, out]. A weight is missed the less the smaller
it and its input are (Sun et al. 2023, https://arxiv.org/abs/2306.11695). Then the weights that stay become those of
least squares against the outputs of the network as it was, from the inputs as they have become, so that a layer also
makes up for what those before it lost (Frantar & Alistarh 2022, https://arxiv.org/abs/2208.11580, section 5).

On pictures that they had not seen, blocks 0 to 9 of MobileNetV2 0.35 at 96 pixels, which lost 55 to 70 % of their
weights, were off by 0.08 of the variance of their outputs; by 0.29 where the smallest weights went and the others
stayed as they were; and by 0.07 where weights went one by one, each the one that is missed least once the others have
made up for those before (optimal brain compression, in the same paper), for four times the work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from train.batches import as_float
from train.graph import Graph, largest_tensor
from train.methods.pointwise import is_pointwise
from train.methods.prune import largest
from train.methods.statistics import shifted, store
from train.network import walk

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.methods.trainer import Trainer
    from train.views import Views

    Pair = tuple[tf.Tensor, tf.Tensor]  # a tensor in the network as it was, and as it is

IMAGES, POSITIONS = 512, 64  # whose outputs count, and how many in each at most
# There are fewer pictures where their largest tensor would need more. Half of them do nearly as well: features behind a
# beginning at 96 pixels are off by 0.047, 0.042 and 0.044 of their square with 75, by 0.045, 0.042 and 0.044 with 151
# (sign-digits10, 20 a class, three seeds).
LARGEST_BYTES = 2**25
FEWEST = 56
MOST_INPUTS = 1024  # of an output, up to which the others make up; the work grows with their cube
DAMPING = 0.003  # of the mean square of an input: how much least squares hold on to the weights as they were
BATCH = 64  # pictures whose patches are taken at once; they are many times as large


def prune_at_once(trainer: Trainer, model: keras.Model, views: Views, shares: Mapping[int, float]) -> None:
    """Prunes kernels of a model, and corrects its statistics, in place.

    Args:
        trainer: gives the seed, and hears of the progress.
        model: a functional model of pictures, or of planes; its normalisations work by what they store.
        views: the pictures, or their planes.
        shares: of zeros, by the id of each kernel that is pruned.
    """
    import tf_keras as keras

    random, graph = np.random.default_rng([trainer.recipe.seed, len(views)]), Graph.of(model)
    images = _some_of(views, _count(model), random)
    with trainer.progress.task("prune", len(graph.layers) - 1, "layer") as task:

        def compute(layer: keras.layers.Layer, x: Any) -> Pair:
            """What the layer put out in the network as it was, and what it puts out now that it is changed, too."""
            parts: Any = x if isinstance(x, tuple) else map(list, zip(*x, strict=True))
            was, now = parts
            before = layer(was, training=False)
            if isinstance(layer, keras.layers.BatchNormalization):
                _follow(layer, was, now)
            elif id(getattr(layer, "kernel", None)) in shares:
                _prune(layer, was, now, shares[id(layer.kernel)], graph.normalisation_of(layer) is not None, random)
            task.advance(1)
            return before, layer(now, training=False)

        walk(model, (images, images), compute)


def _count(model: keras.Model) -> int:
    """So many pictures that their largest tensor has room."""
    return max(FEWEST, min(IMAGES, LARGEST_BYTES // (4 * largest_tensor(model))))


def _some_of(views: Views, count: int, random: np.random.Generator) -> tf.Tensor:
    """At most so many of the rows, float32."""
    import tensorflow as tf

    rows = random.permutation(views.rows)[:count]
    return tf.constant(as_float(views.take(rows)[0]))


def _follow(norm: keras.layers.BatchNormalization, was: tf.Tensor, now: tf.Tensor) -> None:
    """Moves what a normalisation stores as far as what goes into it has moved."""
    import tensorflow as tf

    axes = tuple(range(len(was.shape) - 1))
    stored = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    store([norm], [shifted(norm, stored, tf.nn.moments(was, axes), tf.nn.moments(now, axes))])


def _prune(
    layer: keras.layers.Layer,
    was: tf.Tensor,
    now: tf.Tensor,
    share: float,
    centred: bool,
    random: np.random.Generator,
) -> None:
    """Puts the share of a kernel to zero that is missed least, and the rest to what makes up for it.

    Args:
        layer: a convolution or a dense layer.
        was: what went into it.
        now: what goes into it.
        share: of zeros, 0 to 1.
        centred: whether a normalisation behind it takes the outputs' means off anyway.
        random: draws the outputs that count.
    """
    kernel = layer.kernel.numpy()
    weights = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    if len(weights) > MOST_INPUTS or getattr(layer, "groups", 1) > 1:
        layer.kernel.assign(kernel * largest(kernel, share))
        return
    picks = _picks(len(was), math.prod(layer.output.shape[1:-1]), random)
    before, after = (_inputs(layer, x, picks) for x in (was, now))
    if centred:
        before, after = before - before.mean(0), after - after.mean(0)
    gram, cross = ((after.T @ x / len(x)).astype(np.float64) for x in (after, before))
    mask = largest(np.abs(weights) * np.sqrt(np.diag(gram))[:, np.newaxis], share) > 0
    layer.kernel.assign(least_squares(gram, cross, weights, mask).reshape(kernel.shape))


def _picks(images: int, outputs: int, random: np.random.Generator) -> np.ndarray | None:
    """Which outputs of each picture count: so many, or None for all."""
    return None if outputs <= POSITIONS else random.integers(0, outputs, (images, POSITIONS))


def _inputs(layer: keras.layers.Layer, x: tf.Tensor, picks: np.ndarray | None) -> np.ndarray:
    """What those outputs of a layer are computed from that `_picks` gave, [N, in]."""
    import tensorflow as tf
    import tf_keras as keras

    if not isinstance(layer, keras.layers.Conv2D) or is_pointwise(layer):
        return _picked(x.numpy(), picks)
    sizes, strides, rates = ((1, *each, 1) for each in (layer.kernel_size, layer.strides, layer.dilation_rate))
    parts = []
    for first in range(0, len(x), BATCH):
        patches = tf.image.extract_patches(x[first : first + BATCH], sizes, strides, rates, layer.padding.upper())
        parts.append(_picked(patches.numpy(), picks if picks is None else picks[first : first + BATCH]))
    return np.concatenate(parts)


def _picked(x: np.ndarray, picks: np.ndarray | None) -> np.ndarray:
    """The picked positions of planes [N, ..., in], as rows [M, in]."""
    if picks is not None:
        x = np.take_along_axis(x.reshape(len(x), -1, x.shape[-1]), picks[:, :, np.newaxis], 1)
    return x.reshape(-1, x.shape[-1])


def least_squares(gram: np.ndarray, cross: np.ndarray, weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The weights within the mask whose outputs are nearest to what they were [in, out].

    Args:
        gram: X'X of the inputs as they are [in, in].
        cross: X'Y with the inputs as they were.
        weights: that made the outputs as they were.
        mask: which may differ from 0 [in, out].
    """
    held = (DAMPING * np.trace(gram) / len(gram) + np.finfo(float).tiny) * np.eye(len(gram))
    wanted, fitted = (cross + held) @ weights, np.zeros_like(weights)
    for output in range(weights.shape[1]):
        kept = np.flatnonzero(mask[:, output])
        fitted[kept, output] = np.linalg.solve((gram + held)[np.ix_(kept, kept)], wanted[kept, output])
    return fitted
