"""The network: MobileNetV2 up to `out_relu`, the average over the picture, and the template's dense layers.

Edge Impulse's template runs them on every cell of the 5x5 that MobileNetV2 leaves of 160x160, and flattens what comes
out. Averaging first is what MobileNetV2 was trained with: with 20 to 50 training pictures a class it is worth 5 points,
and it makes these layers 25 times cheaper, in training and on the chip.

Pixels come in as [0, 1]. Keras' ImageNet weights expect [-1, 1]; `weights.py` folds that rescale into the first
convolution and its batch normalisation, so that the model needs no operator for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.recipe import Recipe

FEATURES = 1280  # channels of `out_relu`, for every alpha up to 1.0


@dataclass(frozen=True, slots=True)
class Network:
    """A classifier in two parts that are called one after the other.

    Attributes:
        backbone: pixels [N, H, W, C] in [0, 1] to features [N, 1280].
        head: features to class probabilities [N, classes].
    """

    backbone: keras.Model
    head: keras.Model

    def __call__(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Class probabilities [N, classes] of pixels [N, H, W, C] in [0, 1]."""
        return self.head(self.backbone(x, training=training), training=training)

    @property
    def variables(self) -> list[tf.Variable]:
        """Every weight and statistic, in a stable order."""
        return [*self.backbone.variables, *self.head.variables]


def build_network(
    recipe: Recipe, shape: tuple[int, int, int], classes: int, dropout: Callable[[float], Any] | None = None
) -> Network:
    """Builds the network with fresh weights, drawn from the recipe's seed.

    Args:
        recipe: gives alpha and the head.
        shape: height, width and channels of the input.
        classes: outputs of the softmax.
        dropout: makes the dropout layer of a rate; Keras' own by default.
    """
    import tf_keras as keras

    keras.utils.set_random_seed(recipe.seed)
    layers = keras.layers
    pixels = layers.Input(shape, name="x_input")
    cells = keras.applications.MobileNetV2(input_tensor=pixels, alpha=recipe.alpha, include_top=False, weights=None)
    average = layers.GlobalAveragePooling2D(name="average")(cells.output)  # a name of its own, the same in every run
    backbone = keras.Model(cells.input, average, name=cells.name)
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = recipe.batch_norm_momentum  # Keras' 0.999 never arrives within a few hundred steps
    return Network(backbone, build_head(recipe, classes, dropout))


def build_head(recipe: Recipe, classes: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
    """The dense layers alone; arguments as of `build_network`."""
    import tf_keras as keras

    layers = keras.layers
    x = features = layers.Input((FEATURES,), name="features")
    for index, (units, rate) in enumerate(zip(recipe.head_units, recipe.head_dropout, strict=True), start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{index}")(x)
        x = (dropout or layers.Dropout)(rate)(x)
    x = layers.Dense(classes, activation="softmax", name="y_pred")(x)
    return keras.Model(features, x, name="head")


def as_one_model(network: Network) -> keras.Model:
    """The network as a single Keras model with an input named `x_input`, for saving.

    It is flat: Keras 3 cannot read what Keras 2 writes of models within models.
    """
    import tf_keras as keras

    x = network.backbone.output
    for layer in network.head.layers[1:]:
        x = layer(x)
    return keras.Model(network.backbone.input, x, name="ei_train")


def walk(model: keras.Model, x: tf.Tensor, compute: Callable[[keras.layers.Layer, Any], tf.Tensor]) -> tf.Tensor:
    """Runs a model layer by layer on x.

    Args:
        model: without loops or layers that are used twice.
        x: its input.
        compute: what a layer puts out, of what goes into it: a tensor, or several in a list.
    """
    import tf_keras as keras

    values: dict[str, tf.Tensor] = {}
    for layer in model.layers:
        inputs = [values[parent.layer.name] for parent in layer.inbound_nodes[0].parent_nodes]
        if isinstance(layer, keras.layers.InputLayer):
            values[layer.name] = x
        else:
            values[layer.name] = compute(layer, inputs[0] if len(inputs) == 1 else inputs)
    return values[model.layers[-1].name]


def learning_layers(backbone: keras.Model, share: float) -> list[keras.layers.Layer]:
    """The last `share` (0 to 1) of the backbone's own layers, rounded up.

    The well-known template slices the outer model instead, whose first layer is the whole backbone, and so trains none
    of it.
    """
    count = math.ceil(len(backbone.layers) * share)
    return list(backbone.layers[len(backbone.layers) - count :])


def prunable_kernels(network: Network) -> list[tf.Variable]:
    """The kernels that tfmot prunes too: convolutions and dense layers, not depthwise convolutions and not biases."""
    import tf_keras as keras

    return [
        layer.kernel
        for layer in (*network.backbone.layers, *network.head.layers)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
    ]


def all_kernels(network: Network) -> list[tf.Variable]:
    """Every kernel, the depthwise ones included."""
    return [v for v in network.variables if v.name.split("/")[-1].split(":")[0] in {"kernel", "depthwise_kernel"}]
