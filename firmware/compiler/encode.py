"""Weights as bytes: dense, or as the sparse code that the engine's kernels walk, whichever costs less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware.compiler import cost
from firmware.compiler.graph import Int8
from firmware.compiler.layers import Bytes, Conv, DepthwiseConv, Pointwise

MAX_STEP = 15
MAX_RUN = 255


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer's weights as the engine reads them.

    Args:
        encoding: "dense" or "sparse".
        data: the bytes.
        instructions: what the layer is estimated to cost on RV32IMC.
        dense_instructions: the same with every weight stored.
        dense_bytes: bytes of the dense form.
        nonzero: weights that are not zero.
        weights: all weights.
    """

    encoding: str
    data: Bytes
    instructions: int
    dense_instructions: int
    dense_bytes: int
    nonzero: int
    weights: int


def dense_code(weights: Int8, shifts: Bytes) -> Bytes:
    """Per output channel its shift and its int8 weights."""
    return np.concatenate([shifts[:, None], weights.view(np.uint8)], axis=1).reshape(-1)


def sparse_code(weights: Int8, shifts: Bytes) -> Bytes:
    """The code of `firmware/engine/eit_pointwise_sparse.c` for int8 weights [output channel, tap]."""
    code = bytearray()
    for row, shift in zip(weights, shifts.tolist(), strict=True):
        code.append(shift)
        steps: list[int] = []
        values: list[int] = []
        at = 0
        for tap in np.flatnonzero(row).tolist():
            while tap - at > MAX_STEP:
                steps.append(MAX_STEP)
                values.append(0)
                at += MAX_STEP
            steps.append(tap - at)
            values.append(int(row[tap]) & 255)
            at = tap
        if len(steps) % 2:
            steps.append(0)
            values.append(0)
        pairs = len(steps) // 2
        first = 0
        while True:
            run = min(pairs - first, MAX_RUN)
            code.append(run)
            for i in range(2 * first, 2 * (first + run), 2):
                code += bytes((steps[i] | steps[i + 1] << 4, values[i], values[i + 1]))
            first += run
            if run < MAX_RUN:
                break
    return np.frombuffer(bytes(code), np.uint8)


def sparse_pairs(weights: Int8) -> int:
    """How many pairs the code of such weights has, all channels together."""
    pairs = 0
    for row in weights:
        taps = np.flatnonzero(row)
        gaps = np.diff(taps, prepend=0)
        entries = len(taps) + int(np.maximum(gaps - 1, 0).astype(np.int64).__floordiv__(MAX_STEP).sum())
        pairs += -(-entries // 2)
    return pairs


def encode(params: Pointwise | Conv | DepthwiseConv, weights: Int8, height: int, width: int) -> Encoded:
    """Picks the encoding of a layer.

    Args:
        params: the layer.
        weights: its weights as [output channel, tap], taps in stored order.
        height: rows of the output.
        width: columns of the output.
    """
    nonzero, total = int(np.count_nonzero(weights)), weights.size
    channels, taps = weights.shape
    shifts = params.out.shift
    dense_bytes = dense_code(weights, shifts)
    if isinstance(params, DepthwiseConv):
        instructions = cost.depthwise(channels, taps, height, width)
        return Encoded("dense", dense_bytes, instructions, instructions, dense_bytes.size, nonzero, total)
    dense = cost.dense(channels, taps, height, width)
    sparse = cost.sparse(channels, sparse_pairs(weights), height, width)
    code = sparse_code(weights, shifts) if sparse < dense else None
    if code is not None and cost.prefers_sparse(dense, dense_bytes.size, sparse, code.size):
        return Encoded("sparse", code, sparse, dense, dense_bytes.size, nonzero, total)
    return Encoded("dense", dense_bytes, dense, dense, dense_bytes.size, nonzero, total)
