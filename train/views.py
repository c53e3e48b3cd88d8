"""What a training step learns from: pictures, their mirror images, and what is known of both beforehand.

A network that does not change says the same of a picture every time. So its features and its answers are computed once,
for each picture and for its mirror image, and are constants of the training from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True, slots=True)
class Views:
    """Training pictures: rows 0 to N-1 are the pictures as they are, rows N to 2N-1 their mirror images.

    Attributes:
        x: pixels [N, H, W, C], from which mirror images are made when they are asked for, or whatever is stored for
            every row, such as features [N or 2N, ...].
        y: int32 class indices [N].
        mirrored: whether there are mirror images.
        constants: what is known of every row, [N or 2N, ...] each.
    """

    x: np.ndarray
    y: np.ndarray
    mirrored: bool = False
    constants: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Each picture once, as it is or mirrored, in random order: rows [N]."""
        rows = random.permutation(len(self))
        return rows + len(self) * random.integers(0, 2, len(self)) if self.mirrored else rows

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """x, y and the constants of these rows."""
        if len(self.x) > len(self):
            x = self.x[rows]
        else:
            x, flip = self.x[rows % len(self)], rows >= len(self)
            if flip.any():  # features of [N, D] have nothing that could be mirrored, and no mirror images either
                x[flip] = x[flip, :, ::-1]
        return (x, self.y[rows % len(self)], *(constant[rows] for constant in self.constants))

    def signature(self) -> list[tf.TensorSpec]:
        """What a batch looks like to TensorFlow."""
        import tensorflow as tf

        arrays = (self.x, self.y, *self.constants)
        return [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in arrays]
