"""A finished model in a SavedModel: layers are read from the operations of its serving signature.

Keras 3 exports nothing else, and Keras 2 writes the same operations beside its own notes, so there is one way for both
and for models of other makers. What Keras made of one layer is put together again: a bias goes back to its convolution,
and a normalisation that is spelled out (`tf.nn.batch_normalization`) gets its statistics back.
"""

from __future__ import annotations

import graphlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import FormatError, UsageError
from train.backbones.flat import ENTRY, RESERVED, FlatLayers, free_name
from train.backbones.own_layers import Step, refused

if TYPE_CHECKING:
    import tensorflow as tf

SERVING = "serving_default"
SAME_VALUE = {"Identity", "IdentityN", "StopGradient", "PreventGradient", "ReadVariableOp", "Cast"}
ACTIVATIONS = {"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax"}
WEIGHTED = {"Conv2D", "DepthwiseConv2D", "Dense"}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a SavedModel computes.

    Attributes:
        layers: what it is made of.
        run: inputs [N, ...] to outputs [N, K], by TensorFlow itself.
    """

    layers: FlatLayers
    run: Callable[[np.ndarray], np.ndarray]


def read_saved_model(path: Path) -> Signature:
    """The serving signature of a SavedModel.

    Raises:
        FormatError: the folder holds none, or it is damaged.
        UsageError: it has not one float input and one output, or holds an operation without a form here.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    if not (path / "saved_model.pb").is_file():
        raise FormatError("holds no saved_model.pb", where=path, fix="give the folder of a SavedModel, or a Keras file")
    try:
        loaded = tf.saved_model.load(str(path))
        signatures = dict(loaded.signatures)
    except Exception as error:  # TensorFlow raises what its protocol buffers, files or graphs raise
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise FormatError(
            f"cannot be loaded ({type(error).__name__}: {reason})", where=path, fix="save it again"
        ) from error
    found = signatures.get(SERVING) or (signatures.popitem()[1] if len(signatures) == 1 else None)
    if found is None:
        raise UsageError(f"has no signature {SERVING}", where=path, fix="save it with one")
    try:
        frozen = convert_variables_to_constants_v2(found)
    except ValueError as error:
        raise UsageError(
            "changes variables when it is called, as random layers of Keras 3 do", where=path, fix="give a .keras file"
        ) from error
    entries, ends = [each for each in frozen.inputs if each.dtype != tf.resource], frozen.outputs
    for what, tensors in (("inputs", entries), ("outputs", ends)):
        if len(tensors) != 1:
            raise UsageError(f"the model has {len(tensors)} {what}", where=path, fix="give one with one of each")
    shape = entries[0].shape
    if entries[0].dtype != tf.float32 or shape.rank is None or None in tuple(shape[1:]):
        raise UsageError(
            f"the input is {entries[0].dtype.name} {shape}", where=path, fix="give a model of float32 with a set shape"
        )
    reading = _Reading({entries[0].name: ENTRY}, {ENTRY: tuple(shape[1:])})
    reading.read(frozen.graph, entries[0], ends[0])
    (name,), (output,) = found.structured_input_signature[1], found.structured_outputs

    def run(x: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = found(**{name: tf.constant(x)})[output].numpy()
        return outputs

    return Signature(FlatLayers(reading.steps, reading.steps[-1].name, tuple(shape[1:])), run)


@dataclass(slots=True)
class _Reading:
    """Operations that became steps so far.

    Attributes:
        values: names of tensors to the steps that give them.
        shapes: of what those give, without the batch.
        steps: in order.
        names: that are taken.
    """

    values: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    steps: list[Step] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: set(RESERVED))

    def read(self, graph: tf.Graph, entry: tf.Tensor, end: tf.Tensor) -> None:
        """Goes through the operations between the two, in order."""
        needed = {end.op.name: end.op}
        waiting = [end.op]
        while waiting:
            for tensor in waiting.pop().inputs:
                if tensor.op.name not in needed:
                    needed[tensor.op.name] = tensor.op
                    waiting.append(tensor.op)
        order = graphlib.TopologicalSorter(
            {name: [tensor.op.name for tensor in op.inputs] for name, op in needed.items()}
        ).static_order()
        for name in order:
            op = needed[name]
            data = [self.values[tensor.name] for tensor in op.inputs if tensor.name in self.values]
            if data and op.outputs and op.outputs[0].dtype.is_floating:
                self._take(op, data)
        if not self.steps or self.values.get(end.name) != self.steps[-1].name:
            raise UsageError("the model does nothing" if not self.steps else "the model has layers behind its output")

    def _take(self, op: tf.Operation, data: list[str]) -> None:
        """One operation on tensors that come from the input."""
        if op.type in {"Transpose", "Reshape"} and "Tensordot" in op.name.split("/"):
            self.values[op.outputs[0].name] = data[0]  # a dense layer on cells: to the batch and back
            return
        if op.type in SAME_VALUE:
            for given, tensor in zip(op.inputs, op.outputs, strict=True):
                if given.name in self.values:
                    self.values[tensor.name] = self.values[given.name]
            return
        numbers = [constant(tensor) for tensor in op.inputs if tensor.name not in self.values]
        match op.type:
            case "BiasAdd" | "AddV2" | "Add" | "Sub" | "Mul" | "RealDiv" if len(data) == 1:
                self._with_constant(op, data[0])
            case "AddV2" | "Add" | "Mul" if len(data) == 2:
                self._add(op, "Multiply" if op.type == "Mul" else "Add", {}, data)
            case "Reshape" | "Squeeze" | "ExpandDims":
                self._reshape(op, data[0])
            case "Conv2D" | "DepthwiseConv2dNative":
                self._convolution(op, data[0], _known(op, numbers[0]))
            case "MatMul" if not (op.get_attr("transpose_a") or op.get_attr("transpose_b")):
                kernel = _known(op, numbers[0])
                shape = (*self.shapes[data[0]][:-1], kernel.shape[1])
                self._add(op, "Dense", {"units": kernel.shape[1], "use_bias": False}, data, [kernel], shape)
            case "FusedBatchNormV3" if not op.get_attr("is_training"):
                weights = [_known(op, each) for each in numbers]
                self._add(op, "BatchNormalization", {"epsilon": op.get_attr("epsilon")}, data, weights)
            case "MaxPool" | "AvgPool":
                config = _windows(op) | {"pool_size": tuple(op.get_attr("ksize")[1:3])}
                self._add(op, "MaxPooling2D" if op.type == "MaxPool" else "AveragePooling2D", config, data)
            case "Mean" | "Max" if sorted(np.ravel(_known(op, numbers[0])) % 4) == [1, 2]:
                kind = "GlobalAveragePooling2D" if op.type == "Mean" else "GlobalMaxPooling2D"
                self._add(op, kind, {"keepdims": bool(op.get_attr("keep_dims"))}, data)
            case "Pad" if not np.any((pads := _known(op, numbers[0]))[[0, -1]]) and len(pads) == 4:
                self._add(op, "ZeroPadding2D", {"padding": tuple(tuple(map(int, side)) for side in pads[1:3])}, data)
            case "ConcatV2" if len(data) == len(op.inputs) - 1:
                self._add(op, "Concatenate", {"axis": int(_known(op, numbers[0]))}, data)
            case "LeakyRelu":
                self._add(op, "LeakyReLU", {"alpha": float(op.get_attr("alpha"))}, data, shape=self.shapes[data[0]])
            case kind if kind in ACTIVATIONS:
                self._add(op, "Activation", {"activation": ACTIVATIONS[kind]}, data, shape=self.shapes[data[0]])
            case _:
                raise _refused(op)

    def _add(
        self,
        op: tf.Operation,
        kind: str,
        config: dict[str, Any],
        data: Sequence[str],
        weights: Sequence[np.ndarray] = (),
        shape: tuple[int, ...] | None = None,
    ) -> None:
        shape = tuple(op.outputs[0].shape[1:]) if shape is None else shape
        if None in shape:
            raise UsageError(
                f"operation {op.name!r} ({op.type}) has an open shape {shape}", fix="save it with a set one"
            )
        name = self._name(op)
        self.steps.append(Step(name, kind, config, tuple(data), shape, list(weights)))
        self.values[op.outputs[0].name], self.shapes[name] = name, shape

    def _name(self, op: tf.Operation) -> str:
        """That of the layer, which is the innermost scope, or else of the operation."""
        scopes = op.name.split("/")
        return free_name(scopes[-2] if len(scopes) > 2 else scopes[-1], self.names)

    def _convolution(self, op: tf.Operation, data: str, kernel: np.ndarray) -> None:
        config = _windows(op) | {
            "kernel_size": kernel.shape[:2],
            "dilation_rate": tuple(op.get_attr("dilations")[1:3]),
            "use_bias": False,
        }
        if op.type == "Conv2D":
            config |= {"filters": kernel.shape[3], "groups": self.shapes[data][-1] // kernel.shape[2]}
            self._add(op, "Conv2D", config, [data], [kernel])
        else:
            self._add(op, "DepthwiseConv2D", config | {"depth_multiplier": kernel.shape[3]}, [data], [kernel])

    def _reshape(self, op: tf.Operation, data: str) -> None:
        """Another shape."""
        had, has = self.shapes[data], tuple(op.outputs[0].shape[1:])
        if has.count(None) == 1 and len(has) > 1:  # of a shape that was written with -1
            known = math.prod(each for each in has if each is not None)
            has = tuple(math.prod(had) // known if each is None else each for each in has)
        if has == had:
            self.values[op.outputs[0].name] = data
        elif None in has or math.prod(had) != math.prod(has):
            raise _refused(op)
        else:
            self._add(op, "Reshape", {"target_shape": has}, [data], shape=has)

    def _with_constant(self, op: tf.Operation, data: str) -> None:
        """A bias, one half of a normalisation that is spelled out, or numbers that scale everything."""
        first, last = op.inputs[0], next((step for step in self.steps if step.name == data), None)
        given = op.inputs[1] if first.name in self.values else first
        value = constant(given)
        adds = op.type in {"BiasAdd", "AddV2", "Add"}
        if adds and value is not None and last is not None and self._takes_bias(last, value):
            known = replace(last, config={**last.config, "use_bias": True}, weights=[*last.weights, value.ravel()])
        elif adds and last is not None and last.kind == "BatchNormalization" and len(last.weights) == 2:
            gamma, variance = last.weights
            beta, mean = _shift(op, given)
            known = replace(last, weights=[gamma, beta, mean, variance])
        elif op.type == "Mul" and (normalised := _factor(given)) is not None:
            gamma, variance, epsilon = normalised
            self._add(op, "BatchNormalization", {"epsilon": epsilon}, [data], [gamma, variance], self.shapes[data])
            return
        elif value is not None and value.size == 1:
            self._add(op, "Rescaling", _line(op, float(value.ravel()[0]), number_first=first is given), [data])
            return
        else:
            raise _refused(op)
        self.steps[self.steps.index(last)] = known
        self.values[op.outputs[0].name] = data

    def _takes_bias(self, step: Step, value: np.ndarray) -> bool:
        """Whether the step has no bias yet, has this many channels, and nothing else reads it."""
        fits = value.size == step.shape[-1] and step.kind in WEIGHTED and not step.config["use_bias"]
        return fits and not any(step.name in other.inputs for other in self.steps)


def constant(tensor: tf.Tensor) -> np.ndarray | None:
    """The tensor's value where it is stored, or a stored one in another shape."""
    import tensorflow as tf

    op = tensor.op
    if op.type == "Const":
        value: np.ndarray = tf.make_ndarray(op.get_attr("value"))
        return value
    if op.type in SAME_VALUE or op.type in {"Reshape", "Squeeze", "ExpandDims", "Neg"}:
        inner = constant(op.inputs[0])
        if inner is None or op.type in SAME_VALUE:
            return inner
        return -inner if op.type == "Neg" else inner.reshape(tuple(tensor.shape))
    return None


def _known(op: tf.Operation, value: np.ndarray | None) -> np.ndarray:
    if value is None:
        raise UsageError(f"operation {op.name!r} ({op.type}) computes its weights, which has no INT8 form here")
    return value


def _refused(op: tf.Operation) -> UsageError:
    return refused(Step(op.name, op.type, {}, (), ()), "has no INT8 form here", "such a model cannot be compressed")


def _windows(op: tf.Operation) -> dict[str, Any]:
    """Strides and padding."""
    padding, order = op.get_attr("padding").decode().lower(), op.get_attr("data_format").decode()
    if order != "NHWC":
        raise _refused(op)
    if padding == "explicit":
        raise _refused(op)
    return {"strides": tuple(op.get_attr("strides")[1:3]), "padding": padding}


def _line(op: tf.Operation, number: float, *, number_first: bool) -> dict[str, float]:
    """An operation with one number as a factor and a summand."""
    match op.type:
        case "Mul":
            return {"scale": number, "offset": 0.0}
        case "Sub":
            return {"scale": -1.0, "offset": number} if number_first else {"scale": 1.0, "offset": -number}
        case "RealDiv" if not number_first:
            return {"scale": 1.0 / number, "offset": 0.0}
        case "AddV2" | "Add" | "BiasAdd":
            return {"scale": 1.0, "offset": number}
    raise _refused(op)


def _source(tensor: tf.Tensor) -> tf.Operation:
    """What computes a tensor, behind what leaves its value alone."""
    op = tensor.op
    while op.type in SAME_VALUE | {"Reshape"}:
        op = op.inputs[0].op
    return op


def _factor(tensor: tf.Tensor) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Gamma, variance and epsilon of gamma / sqrt(variance + epsilon), or None where it is no such thing."""
    op, gamma = _source(tensor), None
    if op.type == "Mul":
        values = [constant(each) for each in op.inputs]
        gamma = next((value for value in values if value is not None), None)
        roots = [source for each in op.inputs if (source := _source(each)).type == "Rsqrt"]
        if gamma is None or not roots:
            return None
        op = roots[0]
    if op.type != "Rsqrt" or (total := _source(op.inputs[0])).type not in {"AddV2", "Add"}:
        return None
    variance, epsilon = (constant(each) for each in total.inputs)
    if variance is None or epsilon is None or epsilon.size != 1:
        return None
    gamma = np.ones_like(variance) if gamma is None else gamma
    return gamma.ravel(), variance.ravel(), float(epsilon.ravel()[0])


def _shift(op: tf.Operation, tensor: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Beta and mean of beta - mean * factor."""
    source, beta = _source(tensor), None
    if source.type == "Sub":
        beta, source = constant(source.inputs[0]), _source(source.inputs[1])
        sign = 1.0
    else:
        sign = -1.0  # without a beta it is -mean * factor
    means = [value for each in source.inputs if (value := constant(each)) is not None] if source.type == "Mul" else []
    if len(means) != 1 or (sign > 0 and beta is None):
        raise _refused(op)
    mean = sign * means[0].ravel()
    return np.zeros_like(mean) if beta is None else beta.ravel(), mean
