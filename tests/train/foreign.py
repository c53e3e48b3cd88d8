"""Finished models as others make them, with Keras 3 or with tf-keras: the definitions are the same for both."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 32
SHAPE = (SIDE, SIDE, 3)


def library(name: str) -> Any:
    """`keras` (Keras 3) or `tf_keras` (Keras 2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "keras":
            import keras

            return keras
        import tf_keras

        return tf_keras


def tutorial(keras: Any, classes: int = 2) -> Any:
    """A Sequential that scales its pixels itself and ends with logits."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.RandomFlip("horizontal"),
            layers.Rescaling(1.0 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(6, activation="relu", name="dropout_1"),
            layers.Dropout(0.1),
            layers.Dense(classes),
        ],
        name="tutorial",
    )


def base(keras: Any) -> Any:
    """Convolutions with a residual and a squeeze-and-excitation, as a model to be nested."""
    layers = keras.layers
    entry = keras.Input(SHAPE)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(entry)
    x = layers.Conv2D(8, 3, 2, use_bias=False)(x)
    x = before = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.BatchNormalization(center=False)(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.Add()([before, x])
    weight = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weight = layers.Conv2D(8, 1, activation="sigmoid")(weight)
    x = layers.Multiply()([x, weight])
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, "same")(x)])
    return keras.Model(entry, layers.Activation("relu")(x), name="base")


def transfer(keras: Any, classes: int = 2) -> Any:
    """A functional model around a base, with its pixels scaled by operations outside of layers."""
    layers = keras.layers
    inputs = keras.Input(SHAPE)
    x = base(keras)(inputs / 127.5 - 1, training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="scores")(x), name="transfer")


def template(keras: Any, classes: int = 2) -> Any:
    """The transfer learning template of the closed service: dense layers on cells, pixels in 0..1."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            base(keras),
            layers.Reshape((-1, 16)),
            layers.Dense(4, activation="relu"),
            layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ],
        name="template",
    )


MODELS = {"tutorial": tutorial, "transfer": transfer, "template": template}


def scattered(model: Any, seed: int = 1) -> Any:
    """The model with weights that no two layers share, statistics included."""
    random = np.random.default_rng(seed)
    model.set_weights([random.uniform(0.1, 0.9, value.shape) - 0.3 * (value.ndim > 1) for value in model.get_weights()])
    return model


def pixels(count: int = 4) -> np.ndarray:
    """Random pixels 0..255 as float32."""
    return np.random.default_rng(2).integers(0, 256, (count, *SHAPE)).astype(np.float32)


def saved(model: Any, path: Path) -> Path:
    """Saves the model as its library does: `.keras`, `.h5`, or a SavedModel where the name has no suffix."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix or "tf_keras" in type(model).__module__:
            model.save(path)
        else:
            model.export(path, verbose=False)
    return path
