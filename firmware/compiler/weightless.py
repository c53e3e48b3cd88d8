"""Imports of the operators without weights."""

from __future__ import annotations

import numpy as np

from firmware.compiler import lookup
from firmware.compiler.graph import (
    Binary,
    Concatenation,
    Gather,
    Lookup,
    Mean,
    Operator,
    Pad,
    Pool,
    Quantization,
    Reshape,
    Softmax,
    Tensor,
)
from firmware.compiler.place import MAX_SIDE, Place, image, window

MAX_CLASSES = 4095  # the reference adds up exponentials in 12 integer bits


def binary(place: Place) -> Operator:
    """ADD, SUB, MUL, MAXIMUM, MINIMUM and PRELU."""
    a, b, target = place.int8(place.raw(0)), place.int8(place.raw(1)), place.int8(place.raw_output())
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise place.broken(f"shapes {list(a.shape)} and {list(b.shape)} do not broadcast") from None
    if shape != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {list(shape)}")
    name = place.operator.name
    if name in ("MAXIMUM", "MINIMUM") and not a.quantization == b.quantization == target.quantization:
        raise place.refuse("operands of different scales", "inputs and output must have the same quantisation")
    if name == "PRELU" and (b.data is None or a.data is not None or a.shape != target.shape):
        raise place.refuse("slopes that are not constant", "the slopes must be constants, one for all or per channel")
    activation = place.activation(0) if name in ("ADD", "SUB", "MUL") else "none"
    return Binary(place.operator.index, name, (a.index, b.index), target.index, activation)


def pool(place: Place) -> Operator:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = image(place, source)
    out_height, out_width, out_channels = image(place, target)
    if channels != out_channels:
        raise place.broken("pooling changes the number of channels")
    if source.quantization != target.quantization:
        raise place.refuse("pooling that changes the scale", "input and output must have the same quantisation")
    padding = place.option(0, "b")
    rows = window(place, height, out_height, place.option(4, "i"), place.option(2, "i"), 1, padding)
    columns = window(place, width, out_width, place.option(3, "i"), place.option(1, "i"), 1, padding)
    return Pool(
        place.operator.index, place.operator.name, (source.index,), target.index, rows, columns, place.activation(5)
    )


def reduction(place: Place) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Input, output and axes of an operator that reduces dimensions."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    rank = len(source.shape)
    axes = tuple(sorted({a + rank if a < 0 else a for a in place.constants(1)}))
    if not axes or any(not 0 <= a < rank for a in axes):
        raise place.broken(f"axes {list(axes)}")
    keep = bool(place.operator.options.boolean(0)) if place.operator.options else False
    kept = [1 if i in axes else d for i, d in enumerate(source.shape)]
    shape = tuple(kept if keep else [d for i, d in enumerate(source.shape) if i not in axes])
    if shape != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {list(shape)}")
    reduced = tuple(a for a in axes if source.shape[a] != 1 or a == rank - 2)
    if rank - 1 in axes and not {i for i, d in enumerate(source.shape) if d != 1} <= {*axes}:
        reduced = tuple(a for a in axes if source.shape[a] != 1 or a == rank - 1)
        if reduced != (rank - 1,):
            raise place.refuse(
                f"{place.operator.name} over axes {list(axes)} of {list(source.shape)}",
                "supported: over height and width, over channels, or over all",
            )
    return source, target, reduced


def mean(place: Place) -> Operator:
    """MEAN and REDUCE_MAX."""
    source, target, axes = reduction(place)
    if place.operator.name == "REDUCE_MAX" and source.quantization != target.quantization:
        raise place.refuse("a maximum that changes the scale", "input and output must have the same quantisation")
    return Mean(place.operator.index, place.operator.name, (source.index,), target.index, axes)


def reshape(place: Place) -> Operator:
    """RESHAPE, SQUEEZE and EXPAND_DIMS."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if int(np.prod(source.shape)) != int(np.prod(target.shape)):
        raise place.broken(f"{list(source.shape)} cannot become {list(target.shape)}")
    if source.quantization != target.quantization:
        raise place.refuse("a reshape that changes the scale", "input and output must have the same quantisation")
    return Reshape(place.operator.index, place.operator.name, (source.index,), target.index)


def pad(place: Place) -> Operator:
    """PAD and PADV2."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    flat = place.constants(1)
    if len(flat) != 2 * len(source.shape) or any(not 0 <= v <= MAX_SIDE for v in flat):
        raise place.broken(f"paddings {list(flat)}")
    padding = tuple(zip(flat[::2], flat[1::2], strict=True))
    if tuple(d + a + b for d, (a, b) in zip(source.shape, padding, strict=True)) != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}")
    if source.quantization != target.quantization:
        raise place.refuse("padding that changes the scale", "input and output must have the same quantisation")
    value = source.quantization.zero_point
    if place.operator.name == "PADV2":
        constant = place.int8(place.raw(2))
        if constant.data is None or constant.data.size != 1 or constant.quantization != source.quantization:
            raise place.refuse("a padding value that is no constant of the input's scale", "use PAD")
        value = int(constant.data.reshape(-1)[0])
    return Pad(place.operator.index, place.operator.name, (source.index,), target.index, padding, value)


def concatenation(place: Place) -> Operator:
    """CONCATENATION."""
    sources = [place.int8(place.raw(i)) for i in range(len(place.operator.inputs))]
    target = place.int8(place.raw_output())
    rank = len(target.shape)
    axis = place.option(0, "i")
    axis = axis + rank if axis < 0 else axis
    if not sources or not 0 <= axis < rank or any(len(s.shape) != rank for s in sources):
        raise place.broken(f"axis {axis} of {rank} dimensions")
    shape = list(target.shape)
    for source in sources:
        if [d for i, d in enumerate(source.shape) if i != axis] != [d for i, d in enumerate(shape) if i != axis]:
            raise place.broken(f"an input of shape {list(source.shape)} for an output of {shape}")
        if source.quantization != target.quantization:
            raise place.refuse("inputs of different scales", "inputs and output must have the same quantisation")
        if source.data is not None:
            raise place.refuse("a constant input", "inputs must be activations")
    if sum(s.shape[axis] for s in sources) != shape[axis]:
        raise place.broken("the inputs do not add up to the output")
    if place.activation(1) != "none":
        raise place.refuse("a fused activation", "supported: none")
    inputs = tuple(s.index for s in sources)
    return Concatenation(place.operator.index, place.operator.name, inputs, target.index, axis)


def softmax(place: Place) -> Operator:
    """SOFTMAX."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if source.shape != target.shape or not source.shape:
        raise place.broken("softmax changes the shape")
    if source.shape[-1] > MAX_CLASSES:
        raise place.refuse(f"{source.shape[-1]} classes", f"at most {MAX_CLASSES} are supported")
    if target.quantization != Quantization(1 / 256, -128):
        raise place.refuse("an output scale other than 1/256 from -128", "supported: the scale that converters write")
    beta = place.operator.options.real(0) if place.operator.options else 1.0
    if not 0 < beta < 1e6:
        raise place.broken(f"beta {beta}")
    return Softmax(place.operator.index, place.operator.name, (source.index,), target.index, beta)


def function(place: Place) -> Operator:
    """The functions of one value."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if source.shape != target.shape:
        raise place.broken(f"{place.operator.name} changes the shape")
    name, options = place.operator.name, place.operator.options
    function = lookup.FUNCTIONS[f"{name} approximate" if name == "GELU" and options and options.boolean(0) else name]
    alpha = options.real(0) if options and name == "LEAKY_RELU" else 0.0
    try:
        table = function(source.quantization, target.quantization, alpha)
    except ValueError as error:
        raise place.refuse(str(error), "convert the model again") from error
    return Lookup(place.operator.index, place.operator.name, (source.index,), target.index, table)


def _row_major(shape: tuple[int, ...]) -> list[int]:
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return strides


def _gathered(place: Place, source: Tensor, target: Tensor, start: int, strides: list[int]) -> Operator:
    if source.quantization != target.quantization:
        raise place.refuse("a copy that changes the scale", "input and output must have the same quantisation")
    name = place.operator.name
    return Gather(place.operator.index, name, (source.index,), target.index, start, tuple(strides))


def transpose(place: Place) -> Operator:
    """TRANSPOSE."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    order = place.constants(1)
    if sorted(order) != list(range(len(source.shape))) or tuple(source.shape[i] for i in order) != target.shape:
        raise place.broken(f"permutation {list(order)}")
    strides = _row_major(source.shape)
    return _gathered(place, source, target, 0, [strides[i] for i in order])


def strided_slice(place: Place) -> Operator:
    """STRIDED_SLICE."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    begin, end, step = (place.constants(i) for i in (1, 2, 3))
    rank = len(source.shape)
    if not len(begin) == len(end) == len(step) or len(begin) > rank:
        raise place.broken(f"{len(begin)} begins for {rank} dimensions")
    if place.option(2, "i") or place.option(3, "i") or (place.operator.options and place.operator.options.boolean(5)):
        raise place.refuse("ellipsis, new axis or offset", "supported: begin, end, stride and shrunk axes")
    begin_mask, end_mask, shrink = place.option(0, "i"), place.option(1, "i"), place.option(4, "i")
    start, strides, shape = 0, [], []
    for axis, (size, stride) in enumerate(zip(source.shape, _row_major(source.shape), strict=True)):
        if axis >= len(begin):
            picked, one = range(size), False
        else:
            first = None if begin_mask >> axis & 1 else begin[axis]
            last = None if end_mask >> axis & 1 else end[axis]
            one = bool(shrink >> axis & 1)
            if step[axis] == 0 or (first is not None and one and not -size <= first < size):
                raise place.broken(f"stride {step[axis]} in dimension {axis}")
            picked = range(size)[slice(first, last, step[axis])]
            if one:
                picked = range(size)[(first or 0) % size :][:1]
        if not picked:
            raise place.broken(f"nothing is left of dimension {axis}")
        start += picked[0] * stride
        if not one:
            strides.append(stride * picked.step)
            shape.append(len(picked))
    if tuple(shape) != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {shape}")
    return _gathered(place, source, target, start, strides)
