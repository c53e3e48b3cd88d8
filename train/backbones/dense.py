"""Dense layers on features: what Studio proposes for motion and other features, 20 units and then 10.

Each layer has a normalisation behind it (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167), which the converter
folds into it: the files hold dense layers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ei_compat.core.errors import UsageError
from train.backbones.feature_network import FeatureNetwork, check_features

if TYPE_CHECKING:
    import tf_keras as keras

    from train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class DenseLayers(FeatureNetwork):
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


DENSE = DenseLayers()
