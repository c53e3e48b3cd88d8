"""What a training step learns from: pictures, variants of them, and what is known of both beforehand.

A network that does not change says the same of a picture every time. So its features and its answers are computed once,
for each picture, its mirror image and a few closer looks at both, and are constants of the training from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

CLOSEST = 0.75  # share of each side that a closer look keeps at least


@dataclass(frozen=True, slots=True)
class Variants:
    """The ways in which every picture is shown.

    Variant 0 is the picture as it is, the next its mirror image, where there are any; then come closer looks, each
    followed by its mirror image.

    Attributes:
        mirrored: whether there are mirror images.
        closer: how many closer looks there are, each at a part of the picture that the seed draws.
        seed: 0 and above.
    """

    mirrored: bool = False
    closer: int = 0
    seed: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return (1 + self.closer) * (1 + self.mirrored)

    def shown(self, x: np.ndarray, images: np.ndarray, variants: np.ndarray) -> np.ndarray:
        """Pictures in one of their variants each.

        Args:
            x: pixels [N, H, W, C], which may be changed; or features [N, ...], of which there is variant 0 alone.
            images: numbers of the pictures [N].
            variants: which of theirs, 0 to `count` - 1 [N].
        """
        looks, flips = variants // (1 + self.mirrored), variants % (1 + self.mirrored) > 0
        if looks.any():
            near = looks > 0
            x[near] = _parts(x[near], self._boxes(images[near], looks[near]))
        if flips.any():
            x[flips] = x[flips, :, ::-1]
        return x

    def _boxes(self, images: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Top, left, bottom and right, 0 to 1, of what each shows [N, 4]."""
        drawn = [np.random.default_rng([self.seed, *pair]).random(3) for pair in zip(images, looks, strict=True)]
        side, down, right = np.transpose(drawn)
        side = CLOSEST + (1 - CLOSEST) * side
        top, left = down * (1 - side), right * (1 - side)
        return np.stack([top, left, top + side, left + side], axis=1)


def _parts(x: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Parts of pictures, each as large as the whole, in the same type."""
    import tensorflow as tf

    with tf.device("CPU"):
        parts = tf.image.crop_and_resize(x.astype(np.float32), boxes, np.arange(len(x)), x.shape[1:3]).numpy()
    found: np.ndarray = (np.rint(parts) if np.issubdtype(x.dtype, np.integer) else parts).astype(x.dtype)
    return found


AS_THEY_ARE = Variants()


@dataclass(frozen=True, slots=True)
class Views:
    """Training pictures in all of their variants: row r is picture r % N in variant r // N.

    Attributes:
        x: pixels [N, H, W, C], from which variants are made when they are asked for, or whatever is stored for every
            row, such as features [N * variants, ...].
        y: int32 class indices [N].
        variants: that there are.
        constants: what is known of every row, [N * variants, ...] each.
    """

    x: np.ndarray
    y: np.ndarray
    variants: Variants = AS_THEY_ARE
    constants: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self) * self.variants.count

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Each picture once, in one of its variants, in random order: rows [N]."""
        rows, count = random.permutation(len(self)), self.variants.count
        return rows + len(self) * random.integers(0, count, len(self)) if count > 1 else rows

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """x, y and the constants of these rows."""
        images = rows % len(self)
        stored = len(self.x) > len(self)
        x = self.x[rows] if stored else self.variants.shown(self.x[images], images, rows // len(self))
        return (x, self.y[images], *(constant[rows] for constant in self.constants))

    def signature(self) -> list[tf.TensorSpec]:
        """What a batch looks like to TensorFlow."""
        import tensorflow as tf

        arrays = (self.x, self.y, *self.constants)
        return [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in arrays]
