"""Augmentation: each picture is flipped, cropped and brightened anew every time it is drawn.

The same operations as Edge Impulse's template, whose zoom is drawn once when its graph is traced and so is the same
for every picture of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

LARGEST_ZOOM = 1.2  # a crop keeps at least 1 / 1.2 of each side
BRIGHTNESS = 0.2  # largest change of all pixels, in units of the whole range


def augment(images: tf.Tensor, seed: int, step: tf.Tensor, zero: np.ndarray | float = 0.0) -> tf.Tensor:
    """Draws a variant of each picture.

    Args:
        images: float32 [N, H, W, C] in [0, 1], less `zero`.
        seed: of the run.
        step: int64 scalar; the same seed and step give the same variants.
        zero: what was taken from the pixels, one value or one for each channel; see `train.scaling`.

    Returns:
        Pictures of the same shape and range.
    """
    import tensorflow as tf

    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]

    def uniform(purpose: int, low: float, high: float) -> tf.Tensor:
        key = tf.stack([tf.constant(seed * 8 + purpose, tf.int64), tf.cast(step, tf.int64)])
        return tf.random.stateless_uniform([count], key, low, high)

    side = 1.0 / uniform(0, 1.0, LARGEST_ZOOM)
    top, left = uniform(1, 0.0, 1.0) * (1 - side), uniform(2, 0.0, 1.0) * (1 - side)
    mirrored = uniform(3, 0.0, 1.0) < 0.5
    boxes = tf.stack(
        [top, tf.where(mirrored, left + side, left), top + side, tf.where(mirrored, left, left + side)], axis=1
    )
    cropped = tf.image.crop_and_resize(images, boxes, tf.range(count), (height, width))
    black = -np.asarray(zero, np.float32)
    return tf.clip_by_value(cropped + uniform(4, -BRIGHTNESS, BRIGHTNESS)[:, None, None, None], black, black + 1)
