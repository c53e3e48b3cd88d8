"""A model's configuration, as Keras 2 and Keras 3 write it into their files, as a model of tf-keras with its weights.

Nothing of the file is executed: layers are made from a list of known kinds, each with the options that decide what it
computes, and all else is refused by name. Both versions number a layer's weights alike; what differs is how the nodes
between layers are written down, see `Node`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ei_compat.core.errors import FormatError, UsageError
from train.backbones.own_layers import ADVICE, KEPT, WITH_ACTIVATION, Step, activation_name, refused

if TYPE_CHECKING:
    import tf_keras as keras

MODELS = {"Sequential", "Functional", "Model"}
TRAINING_ONLY = re.compile(r"Random\w+|Gaussian\w+|SpatialDropout\dD|AlphaDropout|ActivityRegularization")
OPTIONS: Mapping[str, tuple[str, ...]] = {  # what decides what a layer computes
    **{kind: (*names, "data_format") for kind, names in KEPT.items()},
    "Conv2D": (*KEPT["Conv2D"], "groups", "data_format"),
    "SeparableConv2D": (*KEPT["Conv2D"], "depth_multiplier", "data_format"),
    "BatchNormalization": ("axis", "epsilon", "center", "scale"),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("alpha", "negative_slope"),
    "Concatenate": ("axis",),
    "Softmax": ("axis",),
    "Rescaling": ("scale", "offset"),
}
OF_TRAINING = re.compile(  # and what does not
    r"name|trainable|dtype|seed|\w+_(initializer|regularizer|constraint)|(batch|batch_input|input)_shape|momentum"
    r"|synchronized|quantization_config|rng_type|renorm_momentum|sparse|ragged|optional"
)
ARITHMETIC = {  # operations outside of layers, by Keras 3's class and Keras 2's function
    "TrueDivide": "divide",
    "Divide": "divide",
    "Multiply": "multiply",
    "Subtract": "subtract",
    "Add": "add",
    "math.truediv": "divide",
    "math.multiply": "multiply",
    "math.subtract": "subtract",
    "math.add": "add",
    "__operators__.add": "add",
}


class Store(Protocol):
    """The weights of a model's layers."""

    def of_layer(self, kind: str, name: str) -> Sequence[np.ndarray]:
        """Those of the next layer of a kind, in Keras' order; called for every layer, in the model's order."""
        ...

    def of_model(self, kind: str, name: str) -> Store:
        """Those of a model within the model."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """One call of a layer.

    Attributes:
        inputs: names of the layers whose outputs it reads.
        numbers: that stand among its arguments.
        number_first: whether the first argument is such a number.
    """

    inputs: tuple[str, ...]
    numbers: tuple[float, ...] = ()
    number_first: bool = False


def rebuild(document: Mapping[str, Any], store: Store) -> keras.Model:
    """The model of a configuration.

    Args:
        document: `class_name` and `config` of a Sequential or functional model.
        store: its weights.

    Raises:
        UsageError: a layer, or an option of one, is none of those that are known here.
        FormatError: the weights are not those of the configuration's layers.
        KeyError, TypeError, ValueError, IndexError, AttributeError: the configuration is damaged.
    """
    kind, config = document["class_name"], document["config"]
    if kind not in MODELS:
        raise UsageError(f"{kind} is not built of layers", fix="give a Sequential or a functional model")
    return _sequential(config, store) if kind == "Sequential" else _functional(config, store)


def _sequential(config: Mapping[str, Any], store: Store) -> keras.Model:
    import tf_keras as keras

    layers = config["layers"]
    first = layers[0]["config"]
    shape = first.get("batch_shape") or first.get("batch_input_shape") or config.get("build_input_shape")
    if shape is None and layers[0]["class_name"] in MODELS:
        inner = layers[0]["config"]["layers"][0]["config"]
        shape = inner.get("batch_shape") or inner.get("batch_input_shape")
    if shape is None:
        raise UsageError("the model has no input shape", fix="build it before it is saved")
    x = entry = keras.layers.Input(shape[1:])
    for layer in layers:
        if layer["class_name"] != "InputLayer":
            x = _called(layer, [x], store)
    return keras.Model(entry, x, name=config["name"])


def _functional(config: Mapping[str, Any], store: Store) -> keras.Model:
    import tf_keras as keras

    values: dict[str, Any] = {}
    waiting = list(config["layers"])
    made: dict[str, Sequence[np.ndarray] | Store] = {}
    for layer in waiting:  # weights go by the order of the list, calls by what reads what
        made[layer["name"]] = _weights(layer, store)
    while waiting:
        left = []
        for layer in waiting:
            name, nodes = layer["name"], [_node(node) for node in layer["inbound_nodes"]]
            if len(nodes) > 1:
                raise UsageError(
                    f"layer {name!r} ({layer['class_name']}) is used twice", fix="make a layer for each place"
                )
            if layer["class_name"] == "InputLayer":
                shape = layer["config"].get("batch_shape") or layer["config"]["batch_input_shape"]
                values[name] = keras.layers.Input(shape[1:], name=name)
            elif all(each in values for each in nodes[0].inputs):
                values[name] = _computed(layer, nodes[0], [values[each] for each in nodes[0].inputs], made[name])
            else:
                left.append(layer)
        if len(left) == len(waiting):
            raise ValueError("layers wait for each other")
        waiting = left
    ends = [[values[name] for name in _names(config[what])] for what in ("input_layers", "output_layers")]
    return keras.Model(*ends, name=config["name"])


def _names(entries: Any) -> list[str]:
    """Layers of [name, node, tensor], or of a list of those."""
    return [entries[0]] if isinstance(entries[0], str) else [entry[0] for entry in entries]


def _node(node: Any) -> Node:
    """A call as Keras 3 writes it, a mapping of arguments, or Keras 2, a list of [name, node, tensor, options]."""
    if isinstance(node, Mapping):
        arguments = node["args"]
    else:
        entries = [node] if isinstance(node[0], str) else node
        arguments = [{"config": {"keras_history": entry[:3]}} for entry in entries]
        options = entries[0][3] if len(entries[0]) > 3 else {}
        if "y" in options:
            other = options["y"]
            arguments.append({"config": {"keras_history": other}} if isinstance(other, list) else other)
    flat = [each for argument in arguments for each in (argument if isinstance(argument, list) else [argument])]
    inputs, numbers = [], []
    for each in flat:
        if isinstance(each, Mapping):
            name, _, tensor = each["config"]["keras_history"]
            if tensor:
                raise UsageError(f"layer {name!r} has several outputs", fix="use layers with one")
            inputs.append(name)
        elif isinstance(each, int | float):
            numbers.append(float(each))
    return Node(tuple(inputs), tuple(numbers), bool(flat) and not isinstance(flat[0], Mapping))


def _weights(layer: Mapping[str, Any], store: Store) -> Sequence[np.ndarray] | Store:
    kind, name = layer["class_name"], layer["config"]["name"]
    return store.of_model(kind, name) if kind in MODELS else store.of_layer(kind, name)


def _called(layer: Mapping[str, Any], inputs: list[Any], store: Store) -> Any:
    return _computed(layer, Node(("",)), inputs, _weights(layer, store))


def _computed(layer: Mapping[str, Any], node: Node, inputs: list[Any], weights: Any) -> Any:
    """What a layer puts out."""
    import tf_keras as keras

    kind, config = layer["class_name"], layer["config"]
    if kind in MODELS:
        return rebuild(layer, weights)(inputs[0])
    if TRAINING_ONLY.fullmatch(kind):
        return inputs[0]
    operation = ARITHMETIC.get(config.get("function", "") if kind == "TFOpLambda" else kind)
    outside = kind == "TFOpLambda" or set(config) == {"name"}
    if outside and operation is not None and (len(inputs), len(node.numbers)) == (1, 1):
        made = keras.layers.Rescaling(*_line(operation, node), name=_plain(config["name"]))
    elif outside and operation in {"add", "multiply"} and len(inputs) == 2:
        made = getattr(keras.layers, operation.capitalize())(name=_plain(config["name"]))
    else:
        own = str(layer.get("module", "keras")).split(".")[0] not in {"keras", "tf_keras"}
        made = _known(kind, config, own=own or outside)
    y = made(inputs if len(inputs) > 1 else inputs[0])
    wanted = [tuple(each.shape) for each in made.weights]
    if (found := [np.shape(each) for each in weights]) != wanted:
        raise FormatError(f"layer {config['name']!r} ({kind}) should have weights {wanted} but has {found}")
    made.set_weights(weights)
    return y


def _line(operation: str, node: Node) -> tuple[float, float]:
    """An operation with a number as factor and summand."""
    (number,) = node.numbers
    match operation:
        case "add":
            return 1.0, number
        case "multiply":
            return number, 0.0
        case "subtract":
            return (-1.0, number) if node.number_first else (1.0, -number)
        case _ if not node.number_first:
            return 1.0 / number, 0.0
    raise UsageError(f"the model divides {number:g} by a tensor, which has no INT8 form here")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _known(kind: str, config: Mapping[str, Any], *, own: bool) -> keras.layers.Layer:
    """The layer of tf-keras, without its weights."""
    import tf_keras as keras

    step = Step(config.get("name", "?"), kind, config, (), ())
    if own or kind not in OPTIONS:
        advice = ADVICE.get(kind, "such a model cannot be compressed; known are " + ", ".join(sorted(KEPT)))
        raise refused(step, "has no INT8 form here", advice)
    names = OPTIONS[kind]
    for name, value in config.items():
        harmless = value is None or value is False or (name == "groups" and value == 1)
        if name not in (*names, "activation") and not harmless and not OF_TRAINING.fullmatch(name):
            raise refused(step, f"has {name}={value!r}", "such an option is not known here")
    options = {name: config[name] for name in names if config.get(name) is not None}
    if kind == "LeakyReLU":
        options = {"alpha": float(options.get("negative_slope", options.get("alpha", 0.3)))}
    if kind in WITH_ACTIVATION or kind == "Activation":
        options["activation"] = activation_name(step)
    kinds: Any = keras.layers
    return kinds.__dict__[kind](**options, name=_plain(step.name))
