"""A training pass that takes both halves of a batch at once, and goes over memory less often than layer by layer.

The operators of so narrow a network are short, so several threads within each wait for each other: on two cores they
take a third more processor time and save little. Two halves of a batch that do not know of each other keep two threads
busy. There are always two, whatever the machine has, so the batch normalisations, which work by their half ("ghost
batch normalisation", Hoffer et al. 2017, https://arxiv.org/abs/1705.08741), see the same everywhere. Where planes are
very small, the work is in starting operators, and the whole batch goes at once. At 96 pixels the end of MobileNetV2
0.35 would take 0.83 of the time so, and 0.76 of the processor time; but normalised by whole batches `sign-digits10`
came to 0.3 points less, in the mean of fifteen runs.

Expansions are one pass (`expansions.py`), 1x1 convolutions are products of matrices (`pointwise.py`), and where a
stride of 2 asks for padding that "SAME" gives too, that is left to the convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from train.graph import Graph, largest_tensor
from train.methods.expansions import expansion, normalisation_of
from train.methods.pointwise import is_pointwise, pointwise
from train.methods.statistics import by_its_batch
from train.network import Network, walk

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

LARGEST_AT_ONCE = 8192  # values in a tensor of one picture, up to which halves save nothing


def in_halves(network: Network) -> Network:
    """The network as it trains, with the same variables, moving statistics included.

    Only convolutional backbones whose layers are all known here are changed.
    """
    backbone = network.backbone
    if not _is_known(backbone):
        return network
    made = _Pass.of(backbone)
    return Network(made.in_halves if largest_tensor(backbone) > LARGEST_AT_ONCE else made.at_once, network.head)


def _is_known(backbone: keras.Model) -> bool:
    """Whether it convolves, and no layer changes anything in training but the statistics of a normalisation."""
    import tf_keras as keras

    kinds, layers = keras.layers, backbone.layers
    known = {
        kinds.InputLayer, kinds.Conv2D, kinds.DepthwiseConv2D, kinds.ReLU, kinds.Activation, kinds.Add, kinds.Dense,
        kinds.ZeroPadding2D, kinds.GlobalAveragePooling2D, kinds.Flatten, kinds.Reshape, kinds.BatchNormalization,
    }  # fmt: skip
    norms = [layer for layer in layers if isinstance(layer, kinds.BatchNormalization)]
    plain = all(list(norm.axis) == [3] and norm.center and norm.scale for norm in norms)
    return plain and {type(layer) for layer in layers} <= known and any(type(layer) is kinds.Conv2D for layer in layers)


@dataclass(frozen=True, slots=True)
class _Pass:
    """What is to be done at which layer.

    Attributes:
        backbone: whose pass this is.
        graph: its layers.
        norms: the normalisations that learn.
        expansions: the name of each expansion's convolution, and the normalisation behind it.
        done: names of layers whose work another one does.
        padded: names of depthwise convolutions that pad on their own.
    """

    backbone: keras.Model
    graph: Graph
    norms: Sequence[keras.layers.Layer]
    expansions: dict[str, keras.layers.Layer]
    done: set[str]
    padded: set[str]

    @classmethod
    def of(cls, backbone: keras.Model) -> _Pass:
        """Of a backbone as it learns now."""
        import tf_keras as keras

        graph = Graph.of(backbone)
        norms = [layer for layer in graph.layers if isinstance(layer, keras.layers.BatchNormalization)]
        expansions = {layer.name: norm for layer in graph.layers if (norm := normalisation_of(graph, layer))}
        pads = {layer.name for layer in graph.layers if _is_same(graph, layer)}
        within = {name for norm in expansions.values() for name in (norm.name, graph.readers[norm.name][0].name)}
        padded = {graph.readers[name][0].name for name in pads}
        return cls(backbone, graph, [norm for norm in norms if norm.trainable], expansions, within | pads, padded)

    def at_once(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """The features [N, D] of a batch; in training the moving statistics follow it."""
        if not training:
            return self.backbone(x, training=False)
        values = self._values()
        features, statistics = self._rows(x, values)
        self._follow(statistics, values)
        return features

    def in_halves(self, x: tf.Tensor, *, training: bool) -> tf.Tensor:
        """The features [N, D] of a batch; in training the moving statistics follow the mean of its halves."""
        import tensorflow as tf

        if not training:
            return self.backbone(x, training=False)
        # The variables are read here, once, and the function has none: calls that might write wait for each other.
        half = tf.function(self._rows, autograph=False)
        values = self._values()
        rows = tf.shape(x)[0]
        size = (rows + 1) // 2  # of an odd number both have the one in the middle; the first says what it is
        (first, of_first), (second, of_second) = half(x[:size], values), half(x[rows - size :], values)
        self._follow((of_first + of_second) / 2, values)
        return tf.concat([first, second[2 * size - rows :]], axis=0)

    def _values(self) -> list[tf.Tensor]:
        """Of the backbone's variables."""
        return [variable.value() for variable in self.backbone.variables]

    def _known(self, values: Sequence[tf.Tensor]) -> dict[int, tf.Tensor]:
        """The same by the variables' ids."""
        return {id(variable): value for variable, value in zip(self.backbone.variables, values, strict=True)}

    def _follow(self, statistics: tf.Tensor, values: Sequence[tf.Tensor]) -> None:
        """Moves the moving statistics towards those of a batch, all at once.

        Args:
            statistics: of `_rows`.
            values: of the backbone's variables.
        """
        import tensorflow as tf

        if not self.norms:
            return
        known = self._known(values)
        moving = [(variable, 1 - n.momentum) for n in self.norms for variable in (n.moving_mean, n.moving_variance)]
        sizes = [variable.shape[0] for variable, _ in moving]
        rates = np.repeat(np.array([rate for _, rate in moving], np.float32), sizes)
        steps = (tf.concat([known[id(variable)] for variable, _ in moving], 0) - statistics) * rates
        for (variable, _), step in zip(moving, tf.split(steps, sizes), strict=True):
            variable.assign_sub(step, read_value=False)

    def _rows(self, x: tf.Tensor, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Features of some rows, and the mean and variance of each normalisation that learns, end to end.

        Args:
            x: the rows.
            values: of the backbone's variables.
        """
        import tensorflow as tf

        found: dict[str, list[tf.Tensor]] = {}
        learning = {norm.name for norm in self.norms}
        known = self._known(values)

        def compute(layer: keras.layers.Layer, x: Any) -> Any:
            if layer.name in self.done:
                return x
            own = [known[id(variable)] for variable in layer.variables]
            if (norm := self.expansions.get(layer.name)) is not None:
                gamma, beta = known[id(norm.gamma)], known[id(norm.beta)]
                y, *found[norm.name] = expansion(x, own[0], gamma, beta, norm.epsilon)
            elif layer.name in learning:
                y, *found[layer.name] = by_its_batch(x, own[0], own[1], layer.epsilon)
            else:
                y = _compute(layer, x, own, "SAME" if layer.name in self.padded else None)
            return y

        features = walk(self.backbone, x, compute)
        statistics = [statistic for norm in self.norms for statistic in found[norm.name]]
        return features, tf.concat(statistics, 0) if statistics else tf.zeros(0)


def _compute(layer: keras.layers.Layer, x: Any, own: Sequence[tf.Tensor], padding: str | None) -> tf.Tensor:
    """What a layer puts out, given the values of its variables; a convolution may pad otherwise than it says."""
    import tensorflow as tf
    import tf_keras as keras

    kinds = keras.layers
    match layer:
        case kinds.BatchNormalization():
            gamma, beta, mean, variance = own
            return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)
        case kinds.Dense():
            y = tf.matmul(x, own[0])
        case kinds.DepthwiseConv2D():
            strides = [1, *layer.strides, 1]
            y = tf.nn.depthwise_conv2d(
                x, own[0], strides, padding or layer.padding.upper(), dilations=layer.dilation_rate
            )
        case kinds.Conv2D() if is_pointwise(layer):
            y = pointwise(x, own[0])
        case kinds.Conv2D():
            y = tf.nn.conv2d(x, own[0], layer.strides, layer.padding.upper(), dilations=layer.dilation_rate)
        case _:
            return layer(x)
    return layer.activation(tf.nn.bias_add(y, own[1]) if layer.use_bias else y)


def _is_same(graph: Graph, layer: keras.layers.Layer) -> bool:
    """Whether this is padding, and a depthwise convolution that alone reads it would pad alike on its own."""
    import tf_keras as keras

    if not isinstance(layer, keras.layers.ZeroPadding2D):
        return False
    match graph.readers[layer.name]:
        case [keras.layers.DepthwiseConv2D() as reader]:
            sides = zip(layer.input_shape[1:3], reader.kernel_size, reader.strides, layer.padding, strict=True)
            alike = all(tuple(pads) == _same(*side) for *side, pads in sides)
            single = reader.depth_multiplier == 1 and reader.dilation_rate == (1, 1)
            linear = not reader.use_bias and reader.activation is keras.activations.linear
            return reader.padding == "valid" and single and linear and alike
    return False


def _same(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """What "SAME" pads before and after a side of so many pixels."""
    pads = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return pads // 2, pads - pads // 2
