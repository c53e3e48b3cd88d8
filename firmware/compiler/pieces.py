"""Imports of the operators that cut tensors up, put them together or change their size."""

from __future__ import annotations

import math

import numpy as np

from firmware.compiler.graph import Concatenation, Gather, Operator, Resize, Tensor
from firmware.compiler.place import MAX_SIDE, Place, image


def _row_major(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def _part(place: Place, source: Tensor, output: int, begin: list[int], sizes: list[int], drop: int = -1) -> Operator:
    """The part of a tensor that starts at `begin`; dimension `drop` vanishes."""
    target = place.int8(place.model.tensors[output])
    strides = _row_major(source.shape)
    wanted = tuple(s for i, s in enumerate(sizes) if i != drop)
    if any(b < 0 or s < 1 or b + s > d for b, s, d in zip(begin, sizes, source.shape, strict=True)):
        raise place.broken(f"a part of {sizes} from {begin} on of {list(source.shape)}")
    if wanted != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {list(wanted)}")
    if source.quantization != target.quantization:
        raise place.refuse("a copy that changes the scale", "input and output must have the same quantisation")
    start = sum(b * s for b, s in zip(begin, strides, strict=True))
    steps = tuple(s for i, s in enumerate(strides) if i != drop)
    return Gather(place.operator.index, place.operator.name, (source.index,), target.index, start, steps)


def _axis(place: Place, axis: int, rank: int) -> int:
    axis = axis + rank if axis < 0 else axis
    if not 0 <= axis < rank:
        raise place.broken(f"axis {axis} of {rank} dimensions")
    return axis


def _cut(place: Place, source: Tensor, axis: int, sizes: list[int], *, drop: bool = False) -> tuple[Operator, ...]:
    """Neighbouring parts along one dimension, one for each output."""
    if sum(sizes) != source.shape[axis] or len(sizes) != len(place.operator.outputs):
        raise place.broken(f"parts of {sizes} along dimension {axis} of {list(source.shape)}")
    parts, at = [], 0
    for size, output in zip(sizes, place.operator.outputs, strict=True):
        begin, lengths = [0] * len(source.shape), list(source.shape)
        begin[axis], lengths[axis] = at, size
        parts.append(_part(place, source, output, begin, lengths, axis if drop else -1))
        at += size
    return tuple(parts)


def split(place: Place) -> tuple[Operator, ...]:
    """SPLIT."""
    source = place.int8(place.raw(1))
    axis = _axis(place, place.constants(0)[0], len(source.shape))
    count = len(place.operator.outputs)
    if not count or source.shape[axis] % count:
        raise place.broken(f"{count} equal parts of {source.shape[axis]}")
    return _cut(place, source, axis, [source.shape[axis] // count] * count)


def split_v(place: Place) -> tuple[Operator, ...]:
    """SPLIT_V."""
    source = place.int8(place.raw(0))
    axis = _axis(place, place.constants(2)[0], len(source.shape))
    sizes = list(place.constants(1))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(s for s in sizes if s != -1)
    return _cut(place, source, axis, sizes)


def unpack(place: Place) -> tuple[Operator, ...]:
    """UNPACK."""
    source = place.int8(place.raw(0))
    axis = _axis(place, place.option(1, "i"), len(source.shape))
    return _cut(place, source, axis, [1] * source.shape[axis], drop=True)


def slice_(place: Place) -> Operator:
    """SLICE."""
    source = place.int8(place.raw(0))
    begin, sizes = list(place.constants(1)), list(place.constants(2))
    if not len(begin) == len(sizes) == len(source.shape):
        raise place.broken(f"{len(begin)} begins for {len(source.shape)} dimensions")
    place.raw_output()
    lengths = [d - b if s == -1 else s for s, b, d in zip(sizes, begin, source.shape, strict=True)]
    return _part(place, source, place.operator.outputs[0], begin, lengths)


def pack(place: Place) -> Operator:
    """PACK: tensors side by side along a new dimension."""
    sources = [place.int8(place.raw(i)) for i in range(len(place.operator.inputs))]
    target = place.int8(place.raw_output())
    axis = _axis(place, place.option(1, "i"), len(target.shape))
    for source in sources:
        if (*source.shape[:axis], len(sources), *source.shape[axis:]) != target.shape:
            raise place.broken(f"an input of shape {list(source.shape)} for an output of {list(target.shape)}")
        if source.quantization != target.quantization:
            raise place.refuse("inputs of different scales", "inputs and output must have the same quantisation")
        if source.data is not None:
            raise place.refuse("a constant input", "inputs must be activations")
    inputs = tuple(s.index for s in sources)
    return Concatenation(place.operator.index, place.operator.name, inputs, target.index, axis)


def depth_to_space(place: Place) -> Operator:
    """DEPTH_TO_SPACE: blocks of channels become blocks of pixels."""
    source, target, block = _blocks(place, deep=0)
    _, height, width, channels = source.shape
    row = channels // block  # of a block: its pixels lie beside each other in both
    sizes, strides = (height, block, width, row), (width * channels, row, channels, 1)
    return Gather(place.operator.index, place.operator.name, (source.index,), target.index, 0, strides, sizes)


def space_to_depth(place: Place) -> Operator:
    """SPACE_TO_DEPTH: blocks of pixels become blocks of channels."""
    source, target, block = _blocks(place, deep=1)
    _, height, width, channels = source.shape
    row = block * channels
    sizes, strides = (height // block, width // block, block, row), (block * width * channels, row, width * channels, 1)
    return Gather(place.operator.index, place.operator.name, (source.index,), target.index, 0, strides, sizes)


def _blocks(place: Place, *, deep: int) -> tuple[Tensor, Tensor, int]:
    """Input, output and the side of a block; the input (0) or the output (1) is the one with more channels."""
    ends = place.int8(place.raw(0)), place.int8(place.raw_output())
    block = place.option(0, "i")
    few, many = image(place, ends[1 - deep]), image(place, ends[deep])
    if block < 1 or few != (many[0] * block, many[1] * block, many[2] // (block * block)) or many[2] % block**2:
        raise place.broken(f"blocks of {block} from {list(ends[0].shape)} to {list(ends[1].shape)}")
    if ends[0].quantization != ends[1].quantization:
        raise place.refuse("a copy that changes the scale", "input and output must have the same quantisation")
    return *ends, block


def resize(place: Place) -> Operator:
    """RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = image(place, source)
    out_height, out_width, out_channels = image(place, target)
    if place.constants(1) != (out_height, out_width) or channels != out_channels or out_width > MAX_SIDE:
        raise place.broken(f"an output of shape {list(target.shape)}")
    if source.quantization != target.quantization:
        raise place.refuse("resizing that changes the scale", "input and output must have the same quantisation")
    bilinear = place.operator.name == "RESIZE_BILINEAR"
    options = place.operator.options
    first = 2 if bilinear else 0  # bilinear's two first fields are out of use
    corners, centers = (options.boolean(first + i) if options else False for i in (0, 1))
    if corners and centers:
        raise place.broken("aligned corners and half pixel centers at once")
    taps = _weighted if bilinear else _nearest
    return Resize(
        place.operator.index, place.operator.name, (source.index,), target.index,
        taps(height, out_height, corners, centers), taps(width, out_width, corners, centers),
    )  # fmt: skip


def _nearest(size: int, out: int, corners: bool, centers: bool) -> tuple[tuple[int, int, int], ...]:
    """For each output element the input element, in float32 as the reference computes it; no second one."""
    scale = np.float32(size - 1) / np.float32(out - 1) if corners and out > 1 else np.float32(size) / np.float32(out)
    taps = []
    for i in range(out):
        at = float((np.float32(i) + np.float32(0.5 if centers else 0)) * scale)
        nearest = max(0, min(math.floor(at + 0.5) if corners else math.floor(at), size - 1))
        taps.append((nearest, nearest, 0))
    return tuple(taps)


def _weighted(size: int, out: int, corners: bool, centers: bool) -> tuple[tuple[int, int, int], ...]:
    """For each output element two input elements and the second one's weight in 1/1024."""
    scale = (1024 * size + out // 2) // out
    if corners and out > 1:
        scale = (1024 * (size - 1) + (out - 1) // 2) // (out - 1)
    taps = []
    for i in range(out):
        at = i * scale + (scale // 2 - 512 if centers else 0)
        lower = min(max(math.trunc(at / 1024), 0), size - 1)
        upper = min(math.trunc((at + 1023) / 1024), size - 1)
        taps.append((lower, upper, 0 if lower == upper else at - 1024 * lower))
    return tuple(taps)
