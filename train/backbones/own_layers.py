"""The layers that a network of one's own may have, each as layers that pruning, equalising and INT8 know.

A step is one layer as it was found, without Keras: tf-keras and Keras 3 give the same configuration for these. What a
layer does besides (an activation, two convolutions in one) becomes a step of its own, as `train.graph` wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import UsageError

if TYPE_CHECKING:
    import tf_keras as keras

# What of a layer's configuration decides what it computes.
KEPT: Mapping[str, tuple[str, ...]] = {
    "Conv2D": ("filters", "kernel_size", "strides", "padding", "dilation_rate", "use_bias"),
    "DepthwiseConv2D": ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", "use_bias"),
    "Dense": ("units", "use_bias"),
    "BatchNormalization": ("epsilon",),
    "ReLU": ("max_value",),
    "LeakyReLU": ("alpha",),
    "Activation": ("activation",),
    "MaxPooling2D": ("pool_size", "strides", "padding"),
    "AveragePooling2D": ("pool_size", "strides", "padding"),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "ZeroPadding2D": ("padding",),
    "Add": (),
    "Multiply": (),
    "Concatenate": (),
    "Flatten": (),
    "Reshape": ("target_shape",),
    "Dropout": ("rate",),
}
WITH_ACTIVATION = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")
ALONE = ("tanh", "sigmoid", "swish")  # activations that are an operator of their own in the INT8 file
ADVICE = {
    "Lambda": "it holds any Python code; use layers instead",
    "TFOpLambda": "it is an operation on tensors outside of any layer; use layers instead",
    "SlicingOpLambda": "it is an operation on tensors outside of any layer; use layers instead",
    "Rescaling": "leave it out: inputs are scaled already, to 0..1 or as --input-scaling says",
    "Normalization": "leave it out: inputs are scaled already, to 0..1 or as --input-scaling says",
    "RandomFlip": "leave it out: --augment flips, crops and brightens",
    "RandomRotation": "leave it out: --augment flips, crops and brightens",
    "RandomZoom": "leave it out: --augment flips, crops and brightens",
    "SpatialDropout2D": "use Dropout",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A layer and what it reads.

    Attributes:
        name: unique among the steps.
        kind: its class's name.
        config: of Keras.
        inputs: names of the steps that it reads.
        shape: of its output, without the batch.
        weights: in Keras' order.
        trainable: whether the user left it to learn.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    weights: Sequence[np.ndarray] = field(default=(), repr=False)
    trainable: bool = True


def plain_steps(step: Step) -> list[Step]:
    """The step as steps that have a layer each in `make_layer`; the last gives what it gave.

    Raises:
        UsageError: the layer, or what it is set to, has no form here.
    """
    if step.config.get("data_format") == "channels_first":
        raise refused(step, "has channels first", "use channels last, as TFLite does")
    if step.kind in WITH_ACTIVATION and (name := activation_name(step)) != "linear":
        before = plain_steps(replace(step, config={**step.config, "activation": "linear"}))
        behind = Step(f"{step.name}.{name}", "Activation", {"activation": name}, (step.name,), step.shape)
        return [*before, _activating(behind)]
    match step.kind:
        case "SeparableConv2D":
            return _separated(step)
        case "Activation" | "Softmax":
            return [_activating(step)]
        case "ReLU":
            return [_rectifying(step)]
        case "LeakyReLU":
            slope = step.config.get("alpha", step.config.get("negative_slope"))
            return [replace(step, config={"alpha": float(slope)})]
        case "BatchNormalization":
            return [_normalising(step)]
        case "Reshape":
            return [replace(step, config={"target_shape": step.shape})]
        case "Concatenate" if step.config.get("axis", -1) not in (-1, len(step.shape)):
            raise refused(step, f"joins along axis {step.config['axis']}", "join channels, axis=-1")
        case "Conv2D" if step.config.get("groups", 1) != 1:
            raise refused(step, f"has {step.config['groups']} groups", "use a DepthwiseConv2D")
        case "DepthwiseConv2D" | "Conv2D" if step.config.get("padding") == "causal":
            raise refused(step, "has causal padding", "use same or valid")
    if step.kind not in KEPT:
        raise refused(step, "has no INT8 form here", ADVICE.get(step.kind, f"use {', '.join(sorted(KEPT))}"))
    return [replace(step, config={name: step.config[name] for name in KEPT[step.kind] if name in step.config})]


def refused(step: Step, why: str, fix: str) -> UsageError:
    """What is raised where a layer has no form here: its name and class, and why."""
    return UsageError(f"layer {step.name!r} ({step.kind}) {why}", fix=fix)


def activation_name(step: Step) -> str:
    """The name of a layer's activation."""
    given = step.config.get("activation", "linear") or "linear"
    if isinstance(given, Mapping):  # as Keras saves a function, or a layer that serves as one
        inner = given.get("config")
        named = isinstance(inner, str) and given.get("class_name") == "function"
        given = inner if named else given.get("class_name", "?")
    return {"silu": "swish", "ReLU": "relu", "Softmax": "softmax"}.get(str(given), str(given))


def _activating(step: Step) -> Step:
    name = "softmax" if step.kind == "Softmax" else activation_name(step)
    match name:
        case "relu" | "relu6":
            return replace(step, kind="ReLU", config={"max_value": 6.0 if name == "relu6" else None})
        case "leaky_relu":
            return replace(step, kind="LeakyReLU", config={"alpha": 0.2})
        case "softmax":
            if step.kind == "Softmax" and step.config.get("axis", -1) != -1:
                raise refused(step, "is not over the last axis", "use axis=-1")
            return replace(step, kind="Activation", config={"activation": name})
        case _ if name in (*ALONE, "linear"):
            return replace(step, kind="Activation", config={"activation": name})
    raise refused(step, f"is {name}, which has no INT8 form here", f"use relu, relu6, leaky_relu, {', '.join(ALONE)}")


def _rectifying(step: Step) -> Step:
    config = step.config
    most, slope = config.get("max_value"), config.get("negative_slope", 0.0)
    if config.get("threshold", 0.0) or most not in (None, 6, 6.0) or (slope and most is not None):
        raise refused(step, "is neither ReLU nor ReLU6", "use ReLU(), ReLU(6.0) or LeakyReLU()")
    if slope:
        return replace(step, kind="LeakyReLU", config={"alpha": float(slope)})
    return replace(step, config={"max_value": most})


def _normalising(step: Step) -> Step:
    """With a factor and an offset, whether it had them or not."""
    axis = step.config.get("axis", -1)
    if (axis[0] if isinstance(axis, list | tuple) else axis) not in (-1, len(step.shape)):
        raise refused(step, "does not normalise channels", "use axis=-1")
    left, channels = list(step.weights), step.shape[-1]
    gamma = left.pop(0) if step.config.get("scale", True) else np.ones(channels, np.float32)
    beta = left.pop(0) if step.config.get("center", True) else np.zeros(channels, np.float32)
    return replace(step, config={"epsilon": step.config["epsilon"]}, weights=[gamma, beta, *left])


def _separated(step: Step) -> list[Step]:
    """A depthwise convolution and one of 1x1."""
    config, (depthwise, pointwise, *bias) = step.config, step.weights
    before = {name: config[name] for name in KEPT["DepthwiseConv2D"] if name in config} | {"use_bias": False}
    behind = {"filters": pointwise.shape[-1], "kernel_size": (1, 1), "padding": "valid", "use_bias": bool(bias)}
    name = f"{step.name}.depthwise"
    return [
        Step(name, "DepthwiseConv2D", before, step.inputs, (), [depthwise], step.trainable),
        replace(step, kind="Conv2D", config=behind, inputs=(name,), weights=[pointwise, *bias]),
    ]


def make_layer(step: Step, dropout: Callable[[float], Any] | None) -> keras.layers.Layer:
    """The step's layer, without its weights.

    Args:
        step: from `plain_steps`.
        dropout: makes the dropout layer of a rate; Keras' own by default.
    """
    import tf_keras as keras

    if step.kind == "Dropout" and dropout is not None:
        return dropout(step.config["rate"])
    kinds: Any = keras.layers
    return getattr(kinds, step.kind)(**step.config, name=step.name)
