"""A network of one's own as one flat list of layers: models within models are inlined, and their weights stay.

Works on models of tf-keras and of Keras 3, whose nodes have the same parts under other names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ei_compat.core.errors import UsageError
from train.backbones.own_layers import Step, make_layer, plain_steps

if TYPE_CHECKING:
    import tf_keras as keras

ENTRY = "x_input"
RESERVED = {ENTRY, "features", "cells"}  # names of steps that are added here
UNUSED = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
OF_HEADS = {"Dense", "Dropout", "Flatten", "Reshape", "ReLU", "LeakyReLU", "Activation"}


@dataclass(frozen=True, slots=True)
class FlatNetwork:
    """A network in two parts, as steps in the order of computation.

    Attributes:
        shape: of one input.
        body: inputs to features [N, D].
        head: a chain of layers that makes outputs [N, K] of features, up to the last dense layer.
        activation: what follows it, by Keras' name.
        unused: names of layers with regularizers or constraints, which training here has not.
    """

    shape: tuple[int, ...]
    body: Sequence[Step]
    head: Sequence[Step]
    activation: str
    unused: Sequence[str] = ()

    @property
    def frozen(self) -> list[Step]:
        """What of the body has weights and was frozen."""
        return [step for step in self.body if step.weights and not step.trainable]


@dataclass(frozen=True, slots=True)
class FlatLayers:
    """All layers of a model in one list, as they were found.

    Attributes:
        steps: in the order of computation.
        last: the name of the step that gives the output.
        shape: of one input.
        unused: names of layers with regularizers or constraints, which training here has not.
    """

    steps: Sequence[Step]
    last: str
    shape: tuple[int, ...]
    unused: Sequence[str] = ()


def flat(model: Any) -> FlatNetwork:
    """Flattens a Keras model and splits it before its dense layers.

    Raises:
        UsageError: it cannot be trained here; the message says which layer is why.
    """
    return split(inlined(model))


def inlined(model: Any) -> FlatLayers:
    """All layers of a Keras model and of the models in it; raises what `flat` does."""
    model = _functional(model)
    if not getattr(model, "inputs", None) or not hasattr(model, "_nodes_by_depth"):
        raise UsageError(
            f"{type(model).__name__} is not built of layers", fix="return a Sequential or a functional Model"
        )
    for what, found in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(found) != 1:
            raise UsageError(f"the model has {len(found)} {what}", fix="a network here has one input and one output")
    shape = tuple(model.inputs[0].shape[1:])
    inlining = _Inlining()
    last = inlining.inline(model, [ENTRY], trainable=True)[0]
    return FlatLayers(inlining.steps, last, shape, inlining.unused)


def split(layers: FlatLayers) -> FlatNetwork:
    """The network of these layers, in two parts before its dense ones; raises what `flat` does."""
    body, head, activation = _split(_plain(layers.steps, layers.last), layers.shape)
    return FlatNetwork(layers.shape, body, head, activation, layers.unused)


def _functional(model: Any) -> Any:
    """The model itself, or what a Sequential of Keras 3 has in it."""
    return getattr(model, "_functional", None) or model


class _Inlining:
    """Steps of a model, and of all models in it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.unused: list[str] = []
        self._seen: set[int] = set()
        self._names = set(RESERVED)

    def inline(self, model: Any, given: Sequence[str], *, trainable: bool) -> list[str]:
        """Adds the model's layers; returns the names of the steps that give its outputs."""
        values = {id(tensor): name for tensor, name in zip(model.inputs, given, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                layer = getattr(node, "layer", None) or node.operation
                outputs = _listed(node.outputs if hasattr(node, "keras_inputs") else node.output_tensors)
                if all(id(tensor) in values for tensor in outputs):
                    continue  # an input of the model
                inputs = _listed(node.keras_inputs if hasattr(node, "keras_inputs") else node.input_tensors)
                if type(layer).__name__ == "InputLayer":
                    raise UsageError(f"the model needs the input {layer.name!r} as well", fix="give it one input")
                found = self._add(layer, [values[id(tensor)] for tensor in inputs], outputs, trainable)
                values |= {id(tensor): name for tensor, name in zip(outputs, found, strict=True)}
        return [values[id(tensor)] for tensor in model.outputs]

    def _add(self, layer: Any, inputs: list[str], outputs: Sequence[Any], trainable: bool) -> list[str]:
        kind, called = type(layer).__name__, getattr(layer, "name", "?")
        if id(layer) in self._seen:
            raise UsageError(f"layer {called!r} ({kind}) is used twice", fix="make a layer for each place")
        self._seen.add(id(layer))
        trainable = trainable and getattr(layer, "trainable", True)
        if hasattr(inner := _functional(layer), "_nodes_by_depth"):
            if not getattr(inner, "inputs", None):
                raise UsageError(f"the model {called!r} within the model has no input shape", fix="give it an Input")
            return self.inline(inner, inputs, trainable=trainable)
        own = type(layer).__module__.split(".")[0] not in {"keras", "tf_keras"}
        if own or not hasattr(layer, "get_weights") or len(outputs) != 1:
            raise UsageError(
                f"layer {called!r} ({kind}) is not one of Keras' own layers, and has no INT8 form here",
                fix="build the network of Keras' layers",
            )
        config, name = layer.get_config(), free_name(layer.name, self._names)
        if any(config.get(each) for each in UNUSED):
            self.unused.append(layer.name)
        shape = tuple(outputs[0].shape[1:])
        if None in shape:
            raise UsageError(f"layer {called!r} ({kind}) has an open shape {shape}", fix="give build's input_shape on")
        self.steps.append(Step(name, kind, config, tuple(inputs), shape, layer.get_weights(), trainable))
        return [name]


def free_name(wanted: str, taken: set[str]) -> str:
    """A name that no other layer has, nor one of the dropout layers, which are numbered; adds it to those taken."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)
    plain = f"own_{plain}" if re.fullmatch(r"dropout(_\d+)?|y_pred", plain) else plain
    name, number = plain, 1
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name


def _listed(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _plain(steps: Sequence[Step], last: str) -> list[Step]:
    """The steps as plain ones, without those that do nothing, up to the one that gives the output."""
    instead: dict[str, str] = {}  # of what gave a tensor before
    kept: list[Step] = []
    for step in steps:
        for plain in plain_steps(step):
            given = replace(plain, inputs=tuple(instead.get(name, name) for name in plain.inputs))
            idle = plain.kind == "Activation" and plain.config["activation"] == "linear"
            if not idle:
                kept.append(given)
            now = given.inputs[0] if idle else plain.name
        instead[step.name] = now
    if not kept or kept[-1].name != instead.get(last, last):
        raise UsageError("the model does nothing" if not kept else "the model has layers behind its output")
    return kept


def _split(steps: Sequence[Step], shape: tuple[int, ...]) -> tuple[list[Step], list[Step], str]:
    """The body, the chain of layers behind it from its first dense layer or dropout on, and the last activation."""
    activation, steps = "linear", list(steps)
    if steps[-1].kind == "Activation":
        activation = steps.pop().config["activation"]
    if not steps or steps[-1].kind != "Dense":
        found = f"{steps[-1].name!r} ({steps[-1].kind})" if steps else "nothing"
        raise UsageError(f"the network ends with {found}", fix="let it end with a Dense layer, one unit a class")
    readers = {name: sum(name in step.inputs for step in steps) for step in steps for name in step.inputs}
    first = len(steps) - 1
    while first and steps[first - 1].kind in OF_HEADS and steps[first].inputs == (steps[first - 1].name,):
        if readers[steps[first - 1].name] != 1:
            break
        first -= 1
    while steps[first].kind not in {"Dense", "Dropout"}:
        first += 1
    body, head = steps[:first], steps[first:]
    entry = body[-1].shape if body else shape
    while body and body[-1].kind in {"Flatten", "Reshape"} and len(entry) != 1:
        body.pop()
    before = body[-1].name if body else ENTRY
    if len(entry) != 1:
        body.append(Step("features", "Flatten", {}, (before,), (math.prod(entry),)))
        head.insert(0, Step("cells", "Reshape", {"target_shape": entry}, (ENTRY,), entry))
    chain = [replace(step, inputs=(head[i - 1].name if i else ENTRY,)) for i, step in enumerate(head)]
    return body, [*chain[:-1], replace(chain[-1], name="y_pred")], activation


def assemble(
    steps: Sequence[Step],
    shape: tuple[int, ...],
    *,
    entry: str,
    name: str,
    dropout: Callable[[float], Any] | None = None,
) -> keras.Model:
    """The steps as a functional model of layers with their weights, each frozen where the user froze it.

    Args:
        steps: a body or a head.
        shape: of one input.
        entry: name of the input.
        name: of the model.
        dropout: makes the dropout layer of a rate; Keras' own by default.
    """
    import tf_keras as keras

    x = first = keras.layers.Input(shape, name=entry)
    values: dict[str, Any] = {ENTRY: first}
    for step in steps:
        layer = make_layer(step, dropout)
        read = [values[each] for each in step.inputs]
        x = values[step.name] = layer(read if len(read) > 1 else read[0])
        if step.weights:
            layer.set_weights(step.weights)
        layer.trainable = step.trainable
    return keras.Model(first, x, name=name)
