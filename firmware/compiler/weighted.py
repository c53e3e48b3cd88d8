"""Imports of the operators with weights."""

from __future__ import annotations

import numpy as np

from firmware.compiler.graph import Convolution, Depthwise, Int8, Int32, Operator, Tensor, Window
from firmware.compiler.place import MAX_DIMENSION, Place, image, window


def _weights(place: Place, position: int, axis: int, rank: int) -> tuple[Int8, tuple[float, ...]]:
    """A constant weight tensor and its scale per output channel."""
    tensor = place.raw(position)
    if tensor.dtype != "int8" or tensor.data is None:
        raise place.refuse(f"weights of type {tensor.dtype}", "weights must be constant int8")
    if len(tensor.shape) != rank or min(tensor.shape) < 1 or max(tensor.shape) > MAX_DIMENSION:
        raise place.broken(f"weights of shape {list(tensor.shape)}")
    channels = tensor.shape[axis]
    if any(tensor.zero_points):
        stray = next(z for z in tensor.zero_points if z)
        raise place.refuse(
            f"weights with the zero point {stray}", "int8 weights need zero point 0: convert the model again"
        )
    if len(tensor.scales) not in (1, channels):
        raise place.refuse(f"{len(tensor.scales)} weight scales", "weights need one scale or one per output channel")
    if len(tensor.scales) > 1 and tensor.quantized_dimension != axis:
        raise place.refuse(f"weights quantised along dimension {tensor.quantized_dimension}", f"supported: {axis}")
    scales = tensor.scales * channels if len(tensor.scales) == 1 else tensor.scales
    return np.frombuffer(tensor.data, np.int8).reshape(tensor.shape), scales


def _bias(place: Place, position: int, channels: int) -> Int32:
    tensor = place.optional(position)
    if tensor is None:
        return np.zeros(channels, np.int32)
    if tensor.dtype != "int32" or tensor.data is None or int(np.prod(tensor.shape)) != channels:
        raise place.refuse(f"bias of type {tensor.dtype}", "a bias must be a constant int32 vector")
    return np.frombuffer(tensor.data, "<i4").astype(np.int32)


def _multipliers(source: Tensor, scales: tuple[float, ...], target: Tensor) -> tuple[float, ...]:
    return tuple(source.quantization.scale * s / target.quantization.scale for s in scales)


def conv(place: Place) -> Operator:
    """CONV_2D."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = image(place, source)
    out_height, out_width, out_channels = image(place, target)
    weights, scales = _weights(place, 1, 0, 4)
    if weights.shape[3] != channels:
        raise place.refuse(
            f"weights for {weights.shape[3]} of {channels} input channels", "grouped convolution is not supported"
        )
    if weights.shape[0] != out_channels:
        raise place.broken("weights and output differ in their number of channels")
    padding = place.option(0, "b")
    rows = window(place, height, out_height, weights.shape[1], place.option(2, "i"), place.option(5, "i", 1), padding)
    columns = window(place, width, out_width, weights.shape[2], place.option(1, "i"), place.option(4, "i", 1), padding)
    return Convolution(
        place.operator.index, place.operator.name, (source.index,), target.index, weights,
        _bias(place, 2, out_channels), _multipliers(source, scales, target), rows, columns, place.activation(3),
    )  # fmt: skip


def depthwise(place: Place) -> Operator:
    """DEPTHWISE_CONV_2D."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = image(place, source)
    out_height, out_width, out_channels = image(place, target)
    weights, scales = _weights(place, 1, 3, 4)
    if weights.shape[0] != 1 or weights.shape[3] != out_channels or out_channels % channels:
        raise place.broken(f"weights of shape {list(weights.shape)}")
    padding = place.option(0, "b")
    rows = window(place, height, out_height, weights.shape[1], place.option(2, "i"), place.option(6, "i", 1), padding)
    columns = window(place, width, out_width, weights.shape[2], place.option(1, "i"), place.option(5, "i", 1), padding)
    return Depthwise(
        place.operator.index, place.operator.name, (source.index,), target.index, weights[0],
        _bias(place, 2, out_channels), _multipliers(source, scales, target), rows, columns, out_channels // channels,
        place.activation(4),
    )  # fmt: skip


def fully_connected(place: Place) -> Operator:
    """FULLY_CONNECTED."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    weights, scales = _weights(place, 1, 0, 2)
    if place.option(1, "b") != 0:
        raise place.refuse("shuffled weights", "supported: the default weights format")
    elements = int(np.prod(source.shape))
    if elements % weights.shape[1] or int(np.prod(target.shape)) != elements // weights.shape[1] * weights.shape[0]:
        raise place.broken(f"weights of shape {list(weights.shape)} for an input of {list(source.shape)}")
    one = Window(1)
    return Convolution(
        place.operator.index, place.operator.name, (source.index,), target.index,
        weights.reshape(weights.shape[0], 1, 1, weights.shape[1]), _bias(place, 2, weights.shape[0]),
        _multipliers(source, scales, target), one, one,
        place.activation(0),
    )  # fmt: skip
