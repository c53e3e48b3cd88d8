"""Weights as bytes: dense, or as the sparse code that the engine's kernels walk, whichever costs less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware.compiler import cost
from firmware.compiler.graph import Int8
from firmware.compiler.layers import Bytes, Conv, DepthwiseConv, Pointwise

MAX_STEP = 15
MAX_RUN = 254  # weights before another count
QUAD = 4  # channels that the engine takes together where it can
CHANNEL_WORK = 4  # what a channel costs besides its weights, in weights


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer's weights as the engine reads them.

    Args:
        encoding: "dense" or "sparse".
        family: which of the engine's tiles read them: "dense", "quad" (dense, by four channels) or "sparse".
        data: the bytes.
        passes: how often an inference walks them.
        instructions: what the layer is estimated to cost on RV32IMC.
        dense_instructions: the same with every weight stored.
        dense_bytes: bytes of the dense form.
        nonzero: weights that are not zero.
        weights: all weights.
    """

    encoding: str
    family: str
    data: Bytes
    passes: int
    instructions: int
    dense_instructions: int
    dense_bytes: int
    nonzero: int
    weights: int


def dense_code(weights: Int8) -> Bytes:
    """Per output channel its int8 weights."""
    return np.ascontiguousarray(weights).view(np.uint8).reshape(-1)


def quad_code(weights: Int8) -> Bytes:
    """Per four output channels, tap by tap, their int8 weights."""
    channels, taps = weights.shape
    return dense_code(weights.reshape(channels // QUAD, QUAD, taps).transpose(0, 2, 1))


def sparse_code(weights: Int8) -> Bytes:
    """The code of `firmware/engine/eit_pointwise_sparse.c` for int8 weights [output channel, tap]."""
    return np.frombuffer(b"".join(map(channel_code, weights)), np.uint8)


def channel_code(row: Int8) -> bytes:
    """The code of one output channel's weights [tap]."""
    entries: list[tuple[int, int]] = []  # steps and weight
    at = 0
    for tap in np.flatnonzero(row).tolist():
        while tap - at > MAX_STEP:
            entries.append((MAX_STEP, 0))
            at += MAX_STEP
        entries.append((tap - at, int(row[tap]) & 255))
        at = tap
    alone = len(entries) % 2 == 1 and len(entries) < MAX_RUN
    if len(entries) % 2 and not alone:
        entries.append((0, 0))
    left = len(entries)
    code = bytearray((min(left, MAX_RUN),))
    if alone:
        code += bytes(entries[0])
    for number in range(int(alone), left, 2):
        if number and number % MAX_RUN == 0:
            code.append(min(left - number, MAX_RUN))
        (step, value), (second, other) = entries[number : number + 2]
        code += bytes((step | second << 4, value, other))
    if left and left % MAX_RUN == 0:
        code.append(0)
    return bytes(code)


def sparse_pairs(weights: Int8) -> float:
    """How many pairs the code of such weights has, all channels together; a weight alone is half a pair."""
    pairs = 0.0
    for row in weights:
        gaps = np.diff(np.flatnonzero(row), prepend=0)
        entries = len(gaps) + int((np.maximum(gaps - 1, 0) // MAX_STEP).sum())
        pairs += entries / 2 if entries < MAX_RUN else -(-entries // 2)
    return pairs


CODES = {"dense": dense_code, "quad": quad_code, "sparse": sparse_code}


def cut_of(weights: Int8, family: str) -> tuple[int, int]:
    """Where two workers share a layer: the second one's first channel, and the bytes of weights before it."""
    channels, taps = weights.shape
    work = np.count_nonzero(weights, axis=1) if family == "sparse" else np.full(channels, taps)
    done = np.cumsum(work + CHANNEL_WORK)
    step = QUAD if family == "quad" else 1
    cut = step * (int(np.argmin(abs(2 * done[step - 1 :: step] - done[-1]))) + 1)
    return cut, CODES[family](weights[:cut]).size


def own_kernel(params: DepthwiseConv) -> bool:
    """Whether the engine has a kernel for just this depthwise convolution."""
    c = params.columns
    nine = params.weights.shape[1:] == (3, 3) and c.dilation == 1
    return nine and c.stride in (1, 2) and params.depth_multiplier == 1


def encode(params: Pointwise | Conv | DepthwiseConv, weights: Int8, height: int, width: int) -> Encoded:
    """Picks the encoding of a layer: sparse or dense, whichever costs less, dense by four channels where they allow it.

    Args:
        params: the layer.
        weights: its weights as [output channel, tap], taps in stored order.
        height: rows of the output.
        width: columns of the output.
    """
    nonzero, total = int(np.count_nonzero(weights)), weights.size
    channels, taps = weights.shape
    family = "dense" if isinstance(params, DepthwiseConv) or channels % QUAD else "quad"
    data = CODES[family](weights)
    if isinstance(params, DepthwiseConv):
        stride = params.columns.stride if own_kernel(params) else 0
        instructions = cost.depthwise(channels, taps, height, width, stride)
        return Encoded("dense", family, data, height, instructions, instructions, data.size, nonzero, total)
    passes = cost.tiles(height, width, cost.QUADS if family == "quad" else cost.TILES)
    if family == "quad":
        dense = cost.quad(channels, taps, height, width, spatial=isinstance(params, Conv))
    else:
        dense = cost.dense(channels, taps, height, width)
    sparse = cost.sparse(channels, sparse_pairs(weights), height, width)
    code = sparse_code(weights) if sparse < dense else None
    if code is not None and cost.prefers_sparse(dense, data.size, sparse, code.size):
        return Encoded("sparse", "sparse", code, cost.tiles(height, width), sparse, dense, data.size, nonzero, total)
    return Encoded("dense", family, data, passes, dense, dense, data.size, nonzero, total)
