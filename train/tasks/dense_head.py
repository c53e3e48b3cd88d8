"""The head that tasks share: the template's dense layers, and one that gives the outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tf_keras as keras

    from train.recipe import Recipe


def dense_head(
    recipe: Recipe,
    features: int,
    outputs: int,
    activation: str | Callable[[Any], Any],
    dropout: Callable[[float], Any] | None = None,
) -> keras.Model:
    """Features [N, `features`] to outputs [N, `outputs`].

    Args:
        recipe: gives units and dropout rates of the hidden layers.
        features: how many the backbone gives.
        outputs: of the last layer, `y_pred`.
        activation: of the last layer, by Keras' name or as a function.
        dropout: makes the dropout layer of a rate; Keras' own by default.
    """
    import tf_keras as keras

    layers = keras.layers
    x = entry = layers.Input((features,), name="features")
    for index, (units, rate) in enumerate(zip(recipe.head_units, recipe.head_dropout, strict=True), start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{index}")(x)
        x = (dropout or layers.Dropout)(rate)(x)
    x = layers.Dense(outputs, activation=activation, name="y_pred")(x)
    return keras.Model(entry, x, name="head")
