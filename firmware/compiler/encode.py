"""Weights as bytes: dense, dense by four channels, or as the sparse code that the engine's kernels walk."""

from __future__ import annotations

import numpy as np

from firmware.compiler.graph import Int8
from firmware.compiler.layers import Bytes, DepthwiseConv

MAX_STEP = 15
MAX_RUN = 254  # weights before another count
QUAD = 4  # channels that the engine takes together where it can
CHANNEL_WORK = 4  # what a channel costs besides its weights, in weights


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
