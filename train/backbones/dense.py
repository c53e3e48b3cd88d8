"""Dense layers on features: what Studio proposes for motion and other features, 20 units and then 10.

Each layer has a normalisation behind it (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167), which the converter
folds into it: the files hold dense layers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import UsageError
from train.backbones.feature_network import DEFAULTS, check_features

if TYPE_CHECKING:
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.backbones.weights_file import WeightsFile
    from train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class DenseLayers:
    """See `train.backbones.Backbone` and `TakesFeatures`."""

    name: str = "dense"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Features, and a layer at least."""
        check_features(self.name, recipe, shape)
        if not recipe.units:
            raise UsageError("there must be one layer at least", where="--units", fix="give their units, as in 20,10")

    def columns(self, recipe: Recipe, shape: tuple[int, ...]) -> int:
        """All."""
        return math.prod(shape)

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """See `Backbone.defaults`."""
        return DEFAULTS

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """None are published."""
        return None

    def build(
        self, recipe: Recipe, shape: tuple[int, ...], dropout: Callable[[float], Any] | None = None
    ) -> keras.Model:
        """See `Backbone.build`; there is no dropout."""
        import tf_keras as keras

        layers = keras.layers
        x = entry = layers.Input(shape, name="x_input")
        if len(shape) > 1:
            x = layers.Flatten(name="flat")(x)
        for number, units in enumerate(recipe.units, 1):
            x = layers.Dense(units, use_bias=False, name=f"features_{number}")(x)
            x = layers.BatchNormalization(name=f"features_{number}_norm")(x)
            x = layers.ReLU(name=f"features_{number}_relu")(x)
        return keras.Model(entry, x, name=self.name)

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float) -> None:
        """None are found."""


DENSE = DenseLayers()
