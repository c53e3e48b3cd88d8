"""What the phases have to know of a network, found from the graph of its layers and not from their names.

The models are functional Keras models in which every layer is used once; a layer's tensor is what it puts out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras


@dataclass(frozen=True, slots=True)
class Graph:
    """The layers of a model and who reads what.

    Attributes:
        layers: in the order of computation.
        inputs: for each layer's name, the layers that it reads.
        readers: for each layer's name, the layers that read it.
    """

    layers: Sequence[keras.layers.Layer]
    inputs: dict[str, list[keras.layers.Layer]]
    readers: dict[str, list[keras.layers.Layer]]

    @classmethod
    def of(cls, model: keras.Model) -> Graph:
        """The graph of a functional model."""
        layers = list(model.layers)
        inputs = {layer.name: [node.layer for node in layer.inbound_nodes[0].parent_nodes] for layer in layers}
        readers: dict[str, list[keras.layers.Layer]] = {layer.name: [] for layer in layers}
        for layer in layers:
            for parent in inputs[layer.name]:
                readers.setdefault(parent.name, []).append(layer)
        return cls(layers, inputs, readers)

    def normalisation_of(self, layer: keras.layers.Layer) -> keras.layers.Layer | None:
        """The batch normalisation that a layer's tensor goes into, where it goes nowhere else."""
        import tf_keras as keras

        match self.readers[layer.name]:
            case [keras.layers.BatchNormalization() as norm]:
                return norm
        return None

    def is_stored(self, layer: keras.layers.Layer) -> bool:
        """Whether the INT8 file stores this tensor; a convolution's is folded into a normalisation behind it."""
        import tf_keras as keras

        layers = keras.layers
        if isinstance(layer, layers.BatchNormalization) or kernel_of(layer) is not None:
            folding = layers.BatchNormalization | layers.ReLU
            return not any(isinstance(reader, folding) for reader in self.readers[layer.name])
        joins = layers.Add | layers.Multiply | layers.Concatenate
        pools = layers.GlobalAveragePooling2D | layers.AveragePooling2D
        return isinstance(layer, layers.ReLU | layers.LeakyReLU | layers.Activation | joins | pools)


def largest_tensor(model: keras.Model) -> int:
    """Values in the largest tensor that a layer makes of one sample."""
    most: int = max(math.prod(layer.output.shape[1:]) for layer in model.layers)
    return most


def kernel_of(layer: keras.layers.Layer) -> tf.Variable | None:
    """The kernel of a convolution or a dense layer, None of others."""
    import tf_keras as keras

    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return layer.depthwise_kernel  # [h, w, C, 1]
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return layer.kernel  # [h, w, in, out] and [in, out]
    return None


def output_axes(layer: keras.layers.Layer) -> tuple[int, ...]:
    """The axes of a layer's kernel over which weights belong to one output channel, and so share one INT8 grid."""
    import tf_keras as keras

    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return 0, 1
    return tuple(range(len(layer.kernel.shape) - 1))


def first_kernel(model: keras.Model) -> keras.layers.Layer:
    """The convolution or dense layer that alone reads the model's input, maybe through padding or in another shape.

    Raises:
        ValueError: there is none.
    """
    import tf_keras as keras

    graph = Graph.of(model)
    layer, kinds = graph.layers[0], keras.layers
    while isinstance(layer, kinds.InputLayer | kinds.ZeroPadding2D | kinds.Reshape | kinds.Flatten):
        if len(graph.readers[layer.name]) != 1:
            break
        layer = graph.readers[layer.name][0]
    mixes = isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    if not mixes or isinstance(layer, keras.layers.DepthwiseConv2D):
        raise ValueError(f"{layer.name} reads the model's input, and is neither a convolution nor a dense layer")
    return layer


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Linear tensors that must share their scales, because residuals add them up.

    Attributes:
        writers: the batch normalisations that write to them.
        readers: the convolutions that read them.
        tensors: the layers whose tensors those read.
    """

    writers: list[keras.layers.Layer]
    readers: list[keras.layers.Layer]
    tensors: list[keras.layers.Layer]


def bottlenecks(model: keras.Model) -> list[Bottleneck]:
    """Every linear tensor, together with those that additions join it to, that may be scaled channel by channel.

    That is so where batch normalisations alone write to them and convolutions alone read them, which absorb any factor.
    """
    graph = Graph.of(model)
    groups = [_bottleneck(graph, tensors) for tensors in _added_up(graph)]
    return [group for group in groups if group is not None]


def _added_up(graph: Graph) -> Iterator[list[keras.layers.Layer]]:
    """The tensors in groups: those that additions join, and every other one alone; in the order of computation."""
    import tf_keras as keras

    group_of: dict[str, list[keras.layers.Layer]] = {}
    for layer in graph.layers:
        group = [layer]
        if isinstance(layer, keras.layers.Add):
            parts = {id(group_of[parent.name]): group_of[parent.name] for parent in graph.inputs[layer.name]}
            group = [member for part in parts.values() for member in part] + group
        for member in group:
            group_of[member.name] = group
    return iter({id(group): group for group in group_of.values()}.values())


def _bottleneck(graph: Graph, tensors: list[keras.layers.Layer]) -> Bottleneck | None:
    import tf_keras as keras

    layers = keras.layers
    writers = [layer for layer in tensors if isinstance(layer, layers.BatchNormalization)]
    if graph.layers[-1] in tensors or len(writers) + sum(isinstance(t, layers.Add) for t in tensors) < len(tensors):
        return None
    outside = {layer.name: [r for r in graph.readers[layer.name] if not isinstance(r, layers.Add)] for layer in tensors}
    readers = list({reader.name: reader for found in outside.values() for reader in found}.values())
    absorbing = [r for r in readers if isinstance(r, layers.Conv2D) and not isinstance(r, layers.DepthwiseConv2D)]
    if not readers or len(absorbing) < len(readers):
        return None
    return Bottleneck(writers, readers, [layer for layer in tensors if outside[layer.name]])


def cut_points(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers behind which a model can be cut in two at little cost, in order.

    Everything behind comes from such a layer's tensor alone, INT8 stores it, and it is smaller than those that could be
    cut at next before and behind it: in most networks that is where a block ends.
    """
    graph = Graph.of(model)
    place = {layer.name: index for index, layer in enumerate(graph.layers)}
    needed, alone = 0, [graph.layers[0]]  # up to where a tensor from before is read; where there is none
    for index, layer in enumerate(graph.layers):
        if index and needed <= index and graph.is_stored(layer):
            alone.append(layer)
        needed = max([needed, *(place[reader.name] for reader in graph.readers[layer.name])])
    runs = [(size, list(layers)) for size, layers in groupby(alone, lambda layer: math.prod(layer.output.shape[1:]))]
    around = [-math.inf, *(size for size, _ in runs), math.inf]
    return [
        layer
        for (size, layers), before, behind in zip(runs, around, around[2:], strict=False)
        if before > size < behind
        for layer in layers
        if layer is not graph.layers[0]
    ]
