"""Quantisation-aware training: an optional last phase in which the network learns as INT8 will compute it.

Every kernel is rounded to its INT8 grid on the way forward, and every tensor that the INT8 file stores is rounded to
256 levels of its range; gradients pass through the rounding as if it were not there (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877). It begins with the network that is ready for INT8, so its first state is exactly what
is converted without it, and that state stays where no epoch is better. What is zero stays zero. As Krishnamoorthi 2018
(https://arxiv.org/abs/1806.08342) advises, the statistics of batch normalisation stay as they are.

tensorflow-model-optimization's `quantize_model` is not used: it wraps every layer of a model that is then another one,
knows no masks, folds batch normalisation only in patterns that it knows, and its ranges are moving averages where the
converter takes the extremes of the calibration pictures. Here both are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from train.graph import Graph, kernel_of, output_axes
from train.methods import finetune
from train.methods.distillation import distilling
from train.methods.int8_ready import LEVELS, snap_kernels, snap_scales
from train.methods.loop import PhasePlan, fit, make_evaluate
from train.methods.prune import Pruner
from train.methods.quantize import calibration_set
from train.methods.state import TrainState
from train.methods.trainer import Trainer, learning_rates
from train.network import Network, prunable_kernels, walk
from train.samples import Samples
from train.variables import values_of

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

PHASE, NUMBER = "qat", 3
BATCH = 50  # pictures that are measured at a time
SMALLEST_UNIT = 1e-3  # of a variable's largest


def begin(done: TrainState, chosen: np.ndarray) -> TrainState:
    """The state in which the phase begins.

    Args:
        done: of fine-tuning.
        chosen: for each validation picture [N] whether the network that fine-tuning chose is right.
    """
    return TrainState(
        PHASE, teacher=done.teacher, chosen=[chosen], history=done.history, best_epochs=done.best_epochs | {PHASE: 0}
    )


def train_aware(trainer: Trainer, state: TrainState, before: finetune.Before) -> TrainState:
    """Trains from `state` to the end of the phase and leaves the best epoch's weights, rounded, in the network.

    Args:
        trainer: the network that is ready for INT8, with the data as they are deployed.
        state: a new one, or a checkpoint's; then the network's weights do not matter.
        before: what the network before fine-tuning says.
    """
    recipe, data, simulation = trainer.recipe, trainer.data, Simulation(trainer.network)
    held = Samples(data.validation.x, data.validation.y)
    everything = [*trainer.network.variables, *simulation.variables]
    if not state.weights:
        simulation.begin()
        simulation.measure_ranges(trainer)
        scores = make_evaluate(data.task, simulation.network, held)(held, trainer.checkpointer)
        if scores is None:
            trainer.checkpointer.check()
        else:
            state.best, state.best_metric = values_of(everything), scores[1]
    passes = trainer.passes(recipe.fine_tune_epochs, recipe.min_steps)
    steps = trainer.steps(recipe.qat_epochs, passes)
    views = finetune.views_to_learn(trainer, before)
    plan = PhasePlan(
        task=data.task,
        phase=PHASE,
        number=NUMBER,
        epochs=recipe.qat_epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        beta_2=recipe.beta_2,
        rates=learning_rates(recipe.qat_learning_rate, steps, 1.0),
        forward=simulation.network,
        passes=passes,
        forward_training=distilling(trainer, simulation.network) if views.constants else None,
        label_weight=1 - recipe.soft_answers,
        trainable_variables=simulation.trainable_variables,
        variables=everything,
        global_step=trainer.global_step,
        sample_weights=trainer.sample_weights(),
        pruner=_hold_zeros(trainer, steps) if recipe.prune else None,
        workers=trainer.workers,
        before_epoch=lambda: simulation.measure_ranges(trainer),
    )
    state = fit(plan, views, held, state, trainer.checkpointer, trainer.progress, trainer.tell)
    simulation.end()
    snap_kernels(trainer.network)
    snap_scales(trainer.network)
    return state


def _hold_zeros(trainer: Trainer, steps: int) -> Pruner:
    """A pruner that is at its final sparsity from the first step on."""
    import tensorflow as tf

    kernels = prunable_kernels(trainer.network)
    masks = [tf.Variable(tf.ones_like(kernel), trainable=False) for kernel in kernels]
    sparsities = np.full(steps, trainer.recipe.final_sparsity)
    return Pruner(kernels, masks, finetune.zeros(trainer), sparsities, every=1)


class Simulation:
    """The network as INT8 computes it, in float32.

    Adam changes all weights by steps of one size. But equal ranges in the bottlenecks, and inputs such as 0..255, leave
    kernels whose input channels differ a thousandfold. So between `begin` and `end` the network's variables hold
    multiples of `units`, in which they are as large as in a network that was just drawn.

    Args:
        network: its kernels, its biases and the factors and offsets of its normalisations learn.

    Attributes:
        network: gives the task's outputs as INT8 would.
        trainable_variables: what gradients change.
        units: of each of them, of its shape or one that is broadcast to it.
        ranges: least and greatest value [2] of every tensor that INT8 stores, by layer, in the order of computation.
    """

    def __init__(self, network: Network) -> None:
        import tensorflow as tf

        self._extremes = tf.function(self._least_and_greatest, autograph=False, reduce_retracing=True)
        graphs = Graph.of(network.backbone), Graph.of(network.head)
        self._layers = [layer for graph in graphs for layer in graph.layers]
        self._plain = network
        self.network = Network(*(self._simulated(part) for part in (network.backbone, network.head)))
        learning = [pair for layer in self._layers for pair in _in_units(layer)]
        self.trainable_variables = [variable for variable, _ in learning]
        self.units = [tf.Variable(tf.ones(unit.shape), trainable=False) for _, unit in learning]
        self._unit = {id(variable): unit for variable, unit in zip(self.trainable_variables, self.units, strict=True)}
        stored = [layer.name for graph in graphs for layer in graph.layers if graph.is_stored(layer)]
        self.ranges = {name: tf.Variable(tf.zeros(2), trainable=False) for name in stored}

    @property
    def variables(self) -> list[tf.Variable]:
        """What a checkpoint must hold beside the network's own."""
        return [*self.units, *self.ranges.values()]

    def begin(self) -> None:
        """Chooses the units."""
        found = [unit for layer in self._layers for _, unit in _in_units(layer)]
        for variable, unit, value in zip(self.trainable_variables, self.units, found, strict=True):
            unit.assign(value)
            variable.assign(variable / unit)

    def end(self) -> None:
        """Gives the network's variables their own meaning back."""
        for variable, unit in zip(self.trainable_variables, self.units, strict=True):
            variable.assign(variable * unit)

    def measure_ranges(self, trainer: Trainer) -> None:
        """Sets the ranges as the converter does: to the extremes on the pictures that calibrate it, zero included.

        The output's holds what the task asks for, too.
        """
        import tensorflow as tf

        data, recipe = trainer.data, trainer.recipe
        images = calibration_set(data, recipe)
        parts = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
        seen = np.array([[pair.numpy() for pair in self._extremes(tf.constant(part))] for part in parts])
        last, least = next(reversed(self.ranges)), data.task.output_range or (0.0, 0.0)
        for (name, variable), pairs in zip(self.ranges.items(), seen.swapaxes(0, 1), strict=True):
            low, high = least if name == last else (0.0, 0.0)
            variable.assign([min(pairs[:, 0].min(), low, 0.0), max(pairs[:, 1].max(), high, 0.0)])

    def _least_and_greatest(self, x: tf.Tensor) -> list[tf.Tensor]:
        """Least and greatest value [2] of each tensor that INT8 stores, none of which is rounded."""
        import tensorflow as tf

        found: list[tf.Tensor] = []

        def note(_: str, value: tf.Tensor) -> tf.Tensor:
            found.append(tf.stack([tf.reduce_min(value), tf.reduce_max(value)]))
            return value

        features = self._run(self._plain.backbone, x, training=False, store=note)
        self._run(self._plain.head, features, training=False, store=note)
        return found

    def _simulated(self, part: keras.Model) -> Callable[..., tf.Tensor]:
        return lambda x, training: self._run(part, x, training=training, store=self._stored)

    def _stored(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """The layer's tensor as INT8 stores it."""
        import tensorflow as tf

        return tf.quantization.fake_quant_with_min_max_vars(value, *tf.unstack(self.ranges[name].read_value()))

    def _run(self, part: keras.Model, x: tf.Tensor, *, training: bool, store: Callable[..., tf.Tensor]) -> tf.Tensor:
        """Runs a part of the network on rounded kernels and passes every tensor that INT8 stores through `store`."""
        import tensorflow as tf
        import tf_keras as keras

        layers, softmax = keras.layers, keras.activations.softmax

        def compute(layer: keras.layers.Layer, x: Any) -> tf.Tensor:
            if isinstance(layer, layers.BatchNormalization):
                offset, factor = self._value(layer.beta), self._value(layer.gamma)
                statistics = layer.moving_mean.read_value(), layer.moving_variance.read_value()
                y = tf.nn.batch_normalization(x, *statistics, offset, factor, layer.epsilon)
            elif (kernel := kernel_of(layer)) is not None:
                y = _apply(layer, x, _rounded(self._value(kernel), output_axes(layer)))
                y = y + self._value(layer.bias) if layer.use_bias else y
                if layer.activation is softmax:
                    return softmax(store(layer.name, y))
                y = layer.activation(y)
            else:
                y = layer(x, training=training) if "training" in signature(layer.call).parameters else layer(x)
            return store(layer.name, y) if layer.name in self.ranges else y

        return walk(part, x, compute)

    def _value(self, variable: tf.Variable) -> tf.Tensor:
        return variable * self._unit[id(variable)]


def _in_units(layer: keras.layers.Layer) -> list[tuple[tf.Variable, np.ndarray]]:
    """What learns of a layer, each with its unit.

    A kernel's is such that the weights of each input channel have the root mean square of a fresh kernel; that of a
    normalisation's factor and offset is the size of the factor.
    """
    import tf_keras as keras

    if isinstance(layer, keras.layers.BatchNormalization):
        size = _not_zero(np.abs(layer.gamma.numpy()))
        return [(layer.gamma, size), (layer.beta, size)]
    if (kernel := kernel_of(layer)) is None:
        return []
    value, inputs = kernel.numpy(), len(kernel.shape) - 2
    others = tuple(axis for axis in range(value.ndim) if axis != inputs)
    fan_in = np.prod([value.shape[axis] for axis in output_axes(layer)])
    size = _not_zero(np.sqrt(np.square(value).mean(axis=others, keepdims=True) * fan_in))
    return [(kernel, size), *([(layer.bias, np.ones(layer.bias.shape))] if layer.use_bias else ())]


def _not_zero(sizes: np.ndarray) -> np.ndarray:
    """The same sizes, none smaller than a thousandth of the largest."""
    return np.maximum(sizes, SMALLEST_UNIT * sizes.max()) if sizes.any() else np.ones_like(sizes)


def _rounded(kernel: tf.Tensor, axes: tuple[int, ...]) -> tf.Tensor:
    """The kernel on its INT8 grid; gradients are those of the kernel itself."""
    import tensorflow as tf

    step = tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True) / LEVELS
    rounded = tf.round(tf.math.divide_no_nan(kernel, step)) * step
    return kernel + tf.stop_gradient(rounded - kernel)


def _apply(layer: keras.layers.Layer, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """What the layer makes of x with another kernel, its bias and activation left out."""
    import tensorflow as tf
    import tf_keras as keras

    if isinstance(layer, keras.layers.Dense):
        return x @ kernel
    padding = layer.padding.upper()
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return tf.nn.depthwise_conv2d(x, kernel, (1, *layer.strides, 1), padding, dilations=layer.dilation_rate)
    return tf.nn.conv2d(x, kernel, layer.strides, padding, dilations=layer.dilation_rate)
