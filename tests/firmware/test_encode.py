"""The sparse code holds exactly the weights that are not zero, and the narrowing formula is the reference's."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.compiler.encode import sparse_code, sparse_pairs
from firmware.compiler.graph import Activation, Quantization
from firmware.compiler.quantize import multiply, multiply_once, quantize_multiplier
from firmware.compiler.requantize import ROUND_ONCE, ROUND_TWICE, Requantization, requantization


def _decoded(code: bytes, channels: int, taps: int) -> tuple[np.ndarray, int]:
    """What the engine's kernels read."""
    weights = np.zeros((channels, taps), np.int64)
    at = pairs = 0
    for channel in range(channels):
        at += 1  # shift
        tap, run = 0, 255
        while run == 255:
            run = code[at]
            at += 1
            pairs += run
            for _ in range(run):
                for step, value in ((code[at] & 15, code[at + 1]), (code[at] >> 4, code[at + 2])):
                    tap += step
                    assert tap < taps
                    weights[channel, tap] += value - 256 if value > 127 else value
                at += 3
    assert at == len(code)
    return weights, pairs


@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("taps", [1, 16, 17, 600, 2000])
def test_sparse_code_round_trip(density: float, taps: int) -> None:
    rng = np.random.default_rng(taps)
    weights = np.where(rng.random((5, taps)) < density, rng.integers(-127, 128, (5, taps)), 0).astype(np.int8)
    decoded, pairs = _decoded(bytes(sparse_code(weights, np.zeros(5, np.uint8))), 5, taps)
    assert np.array_equal(decoded, weights)
    assert pairs == sparse_pairs(weights)


def _narrow(x: int, out: Requantization) -> int:
    """`eit_narrow` and `eit_raise` in Python, with 32-bit checks."""
    right, left = int(out.shift[0]) & 31, int(out.shift[0]) >> 5
    shifted = x << (2 + left)
    assert abs(shifted) < 1 << 31
    h = shifted * int(out.multiplier[0]) >> 32
    if out.rounding == ROUND_TWICE and right and h < 0:
        h -= 2
    h += ((2 * out.zero + 1) << right) + (1 if right and out.rounding != ROUND_ONCE else 0)
    assert abs(h) < 1 << 31
    return max(out.low, min(out.high, max(0, h >> (right + 1))))


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "relu_n1_to_1"])
def test_narrowing_is_the_references(activation: Activation, once: bool) -> None:
    rng = np.random.default_rng(7)
    scaled = multiply_once if once else multiply
    source = Quantization(1.0, -128)
    for _ in range(150):
        target = Quantization(float(np.float32(2.0 ** rng.uniform(-6, 0))), int(rng.choice([-128, 127, -3, 60])))
        real = float(2.0 ** rng.uniform(-14, 2))
        weights = rng.integers(-127, 128, (1, 9)).astype(np.int8)
        bias = np.array([rng.integers(-3000, 3000)], np.int32)
        out, kept = requantization(weights, bias, (real,), source, target, activation, "here", once=once)
        m, s = quantize_multiplier(real)
        spread = np.unique(np.concatenate([rng.integers(-3000, 3000, 300), np.arange(-300, 300)]))
        least = int(bias[0] + 255 * weights[weights < 0].astype(int).sum())
        most = int(bias[0] + 255 * weights[weights > 0].astype(int).sum())
        for x in spread[(spread >= least) & (spread <= most)].tolist():
            expected = max(out.low, min(out.high, int(scaled(x, m, s)) + out.zero))
            accumulator = x - int(bias[0]) + int(out.bias[0]) if kept.any() else int(out.bias[0])
            assert _narrow(accumulator, out) == expected, (x, real, target)
