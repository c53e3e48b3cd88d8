"""The network as the phases see it: a backbone that gives features, and a head that makes outputs of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from train.backbones import BringsHead
from train.batches import as_input
from train.graph import Graph

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras as keras

    from train.backbones import Backbone
    from train.recipe import Recipe
    from train.samples import Samples
    from train.tasks import Task
    from train.views import Views


@dataclass(frozen=True, slots=True)
class Network:
    """A network in two parts that are called one after the other.

    Attributes:
        backbone: inputs, such as pixels [N, H, W, C] in [0, 1], to features [N, D].
        head: features to the task's outputs [N, K].
    """

    backbone: keras.Model
    head: keras.Model
    _compiled: dict[Any, Callable[[np.ndarray], tf.Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __call__(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Outputs [N, K] of inputs."""
        return self.head(self.backbone(x, training=training), training=training)

    def features(self, like: Samples | Views) -> Callable[[np.ndarray], tf.Tensor]:
        """What takes a batch that looks like these to its features [N, D]; compiled once, for all that ask."""
        kind = like.signature()[0]
        if kind not in self._compiled:
            self._compiled[kind] = compiled(self.backbone, like)
        return self._compiled[kind]

    @property
    def variables(self) -> list[tf.Variable]:
        """Every weight and statistic, in a stable order."""
        return [*self.backbone.variables, *self.head.variables]


def compiled(model: keras.Model, like: Samples | Views) -> Callable[[np.ndarray], tf.Tensor]:
    """A model's inference, as a function of a batch that looks like these.

    It has been run once. Threads that run it for the first time together would each prepare it, and take twice as long.
    """
    import tensorflow as tf

    kind = like.signature()[0]
    function = tf.function(lambda x: model(as_input(x), training=False), autograph=False, input_signature=[kind])
    run: Callable[[np.ndarray], tf.Tensor] = function.get_concrete_function()
    run(tf.zeros((1, *kind.shape[1:]), kind.dtype))
    return run


def build_network(
    backbone: Backbone,
    task: Task,
    recipe: Recipe,
    shape: tuple[int, ...],
    dropout: Callable[[float], Any] | None = None,
) -> Network:
    """Builds the network with fresh weights, drawn from the recipe's seed.

    Args:
        backbone: builds the body.
        task: builds the head.
        recipe: gives what both depend on.
        shape: of one input.
        dropout: makes the dropout layer of a rate; Keras' own by default.
    """
    import tf_keras as keras

    keras.utils.set_random_seed(recipe.seed)
    body = backbone.build(recipe, shape, dropout)
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = recipe.batch_norm_momentum  # Keras' 0.999 never arrives within a few hundred steps
    builds_head = backbone if isinstance(backbone, BringsHead) else task
    return Network(body, builds_head.build_head(recipe, body.output_shape[-1], dropout))


def as_one_model(network: Network) -> keras.Model:
    """The network as a single Keras model with an input named `x_input`, for saving.

    It is flat: Keras 3 cannot read what Keras 2 writes of models within models. Dropout is Keras' own, and every layer
    is trainable, as of a fresh model; which of them learned here is no business of the file.
    """
    import tf_keras as keras

    def saved(layer: keras.layers.Layer, x: Any) -> Any:
        return (layer.plain() if hasattr(layer, "plain") else layer)(x)

    backbone = network.backbone
    features = backbone.output
    if any(hasattr(layer, "plain") for layer in backbone.layers):
        features = walk(backbone, backbone.input, saved)
    model = keras.Model(backbone.input, walk(network.head, features, saved), name="ei_train")
    model.trainable = True
    return model


def walk(model: keras.Model, x: Any, compute: Callable[[keras.layers.Layer, Any], Any]) -> Any:
    """Runs a model layer by layer on x, and lets go of each tensor once no later layer reads it.

    Args:
        model: without loops or layers that are used twice; where it is a part of another, one tensor goes into it.
        x: its input: a tensor, or whatever `compute` takes in place of one.
        compute: what a layer puts out, of what goes into it: a tensor, or several in a list.
    """
    import tf_keras as keras

    graph, values = Graph.of(model), dict[str, Any]()
    last = {parent.name: layer.name for layer in graph.layers for parent in graph.inputs[layer.name]}
    for layer in graph.layers:
        parents = [parent.name for parent in graph.inputs[layer.name]]
        inputs = [values.get(name, x) for name in parents]
        if isinstance(layer, keras.layers.InputLayer):
            values[layer.name] = x
        else:
            values[layer.name] = compute(layer, inputs[0] if len(inputs) == 1 else inputs)
        for name in parents:
            if last[name] == layer.name:
                values.pop(name, None)
    return values[graph.layers[-1].name]


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
