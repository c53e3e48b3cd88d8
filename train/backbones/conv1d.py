"""Convolutions along time: what Studio proposes for audio features, 8 filters of 3 rows and then 16.

Features come as rows of columns, such as 50 frames of 13 coefficients or 125 readings of 3 axes; each convolution goes
along the rows, and is followed by a pooling of two rows and a dropout. A convolution over one dimension is one over two
of which the second has length 1; that is how the layers are written here, and what converters make of a `Conv1D`. A
normalisation behind each convolution (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) is folded into it by the
converter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import UsageError
from train.backbones.feature_network import FeatureNetwork, check_features

if TYPE_CHECKING:
    import tf_keras as keras

    from train.recipe import Recipe

MOST_SHOWN = 8  # divisors, in a message


@dataclass(frozen=True, slots=True)
class ConvolutionsOverTime(FeatureNetwork):
    """See `train.backbones.Backbone` and `TakesFeatures`."""

    name: str = "conv1d"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Features whose columns are known, and a convolution at least."""
        check_features(self.name, recipe, shape)
        if not recipe.filters:
            raise UsageError("there must be one convolution at least", where="--filters", fix="give them, as in 8,16")
        if len(shape) == 2:
            if recipe.columns not in {0, shape[1]}:
                raise UsageError(
                    f"the arrays have rows of {shape[1]} features", where=f"--columns {recipe.columns}",
                    fix="leave the option out",
                )  # fmt: skip
            return
        if not recipe.columns or shape[0] % recipe.columns:
            known = [str(number) for number in range(2, shape[0]) if shape[0] % number == 0]
            listed = ", ".join(known[:MOST_SHOWN]) + (", …" if len(known) > MOST_SHOWN else "")
            raise UsageError(
                f"conv1d has to know how many of the {shape[0]} features are one row, such as the coefficients of a "
                "frame or the axes of a reading",
                where=f"--columns {recipe.columns}",
                fix=f"give a divisor, such as {listed}, or use --backbone dense" if known else "use --backbone dense",
            )

    def columns(self, recipe: Recipe, shape: tuple[int, ...]) -> int:
        """Those of a row: every row meets the same kernels."""
        return shape[1] if len(shape) == 2 else recipe.columns

    def build(
        self, recipe: Recipe, shape: tuple[int, ...], dropout: Callable[[float], Any] | None = None
    ) -> keras.Model:
        """See `Backbone.build`."""
        import tf_keras as keras

        layers, columns = keras.layers, self.columns(recipe, shape)
        entry = layers.Input(shape, name="x_input")
        x = layers.Reshape((int(np.prod(shape)) // columns, 1, columns), name="rows")(entry)
        for number, filters in enumerate(recipe.filters, 1):
            kernel = (recipe.kernel_size, 1)
            x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=f"conv_{number}")(x)
            x = layers.BatchNormalization(name=f"conv_{number}_norm")(x)
            x = layers.ReLU(name=f"conv_{number}_relu")(x)
            x = layers.MaxPooling2D((2, 1), padding="same", name=f"pool_{number}")(x)
            x = (dropout or layers.Dropout)(recipe.conv_dropout)(x)
        return keras.Model(entry, layers.Flatten(name="flat")(x), name=self.name)


CONV1D = ConvolutionsOverTime()
