"""The sparse code holds exactly the weights that are not zero, and the narrowing formula is the reference's."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.compiler.affine import affine
from firmware.compiler.encode import cut_of, quad_code, sparse_code, sparse_pairs
from firmware.compiler.graph import Activation, Quantization
from firmware.compiler.quantize import multiply, multiply_once, quantize_multiplier
from firmware.compiler.requantize import ROUND_ONCE, ROUND_TWICE, Requantization, requantization


def _decoded(code: bytes, channels: int, taps: int) -> tuple[np.ndarray, float]:
    """What the engine's kernels read."""
    weights = np.zeros((channels, taps), np.int64)
    at = 0
    pairs = 0.0

    def signed(byte: int) -> int:
        return byte - 256 if byte > 127 else byte

    for channel in range(channels):
        run = code[at]
        at += 1
        tap = 0
        if run % 2:
            tap = code[at]
            weights[channel, tap] = signed(code[at + 1])
            at += 2
            pairs += 0.5
        while True:
            for _ in range(run // 2):
                for step, value in ((code[at] & 15, code[at + 1]), (code[at] >> 4, code[at + 2])):
                    tap += step
                    assert tap < taps
                    weights[channel, tap] += signed(value)
                at += 3
            pairs += run // 2
            if run != 254:
                break
            run = code[at]
            at += 1
            assert run % 2 == 0
    assert at == len(code)
    return weights, pairs


@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("taps", [1, 16, 17, 253, 254, 255, 508, 600, 2000])
def test_sparse_code_round_trip(density: float, taps: int) -> None:
    rng = np.random.default_rng(taps)
    weights = np.where(rng.random((5, taps)) < density, rng.integers(-127, 128, (5, taps)), 0).astype(np.int8)
    decoded, pairs = _decoded(bytes(sparse_code(weights)), 5, taps)
    assert np.array_equal(decoded, weights)
    assert pairs == sparse_pairs(weights)


def test_quads_lie_tap_by_tap_and_are_never_cut() -> None:
    weights = np.random.default_rng(1).integers(-127, 128, (12, 5)).astype(np.int8)
    code = quad_code(weights).view(np.int8).reshape(3, 5, 4)
    assert all(code[c // 4, tap, c % 4] == weights[c, tap] for c in range(12) for tap in range(5))
    assert cut_of(weights, "quad") == (4, 20)
    assert cut_of(weights[:4], "quad") == (4, 20)


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


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("activation", ["none", "relu"])
@pytest.mark.parametrize(("snapped", "loads"), [(False, 1000), (False, 1), (True, 1)])
def test_every_form_of_the_constants_is_the_reference(
    activation: Activation, once: bool, snapped: bool, loads: int
) -> None:
    rng = np.random.default_rng(11)
    scaled = multiply_once if once else multiply
    forms = set()
    for _ in range(12):
        channels, base = 6, 2.0 ** rng.uniform(-12, -7)
        parts = rng.integers(128, 256, channels) / 256 if snapped else rng.uniform(0.5, 1, channels)
        reals = tuple(float(base * p * 2.0 ** -rng.integers(0, 4)) for p in parts)
        weights = rng.integers(-127, 128, (channels, 9)).astype(np.int8)
        bias = rng.integers(-3000, 3000, channels).astype(np.int32)
        target = Quantization(1.0, -128 if activation == "relu" else int(rng.integers(-128, 128)))
        out, kept = requantization(weights, bias, reals, Quantization(1.0, -128), target, activation, "here", once=once)
        made = affine(out, kept, loads)
        forms.add(made.form)
        for channel in range(channels):
            words = made.channels[channel]
            if made.form == "snapped":
                word = int(words)
                start = (word >> 11) - (1 << 21 if word >> 31 else 0)
                m, down = made.factor * ((word >> 4 & 127) | 128) >> 8, made.down + (word & 15)
                m >>= m >> 31
            elif made.form == "packed":
                word, high = int(words), made.factor
                start = (word >> (32 - high) << 16 | int(made.more[channel])) - (word >> 31 << (16 + high))
                m, down = ((word << high) & 0xFFFFFFFF) >> 2 | 1 << 30, made.down + (word & 15)
            else:
                start, m = int(words[0]), int(words[1])
                down = m & 31 if made.form == "merged" else (int(out.shift[channel]) & 31) + 1
            row = kept[channel].astype(int)
            least, most = 255 * row[row < 0].sum(), 255 * row[row > 0].sum()
            for x in np.unique(rng.integers(least, most + 1, 400)).tolist():
                h = (4 * (start + x) * m) >> 32
                h = (h - 2 if h < 0 and out.rounding == ROUND_TWICE else h) + ((2 * out.zero + 1) << (down - 1))
                mine = max(out.low, min(out.high, (h + (not once)) >> down))
                shift = -(int(out.shift[channel]) & 31)
                theirs = int(scaled(int(out.bias[channel]) + x, int(out.multiplier[channel]), shift)) + out.zero
                assert mine == max(out.low, min(out.high, theirs)), (made.form, channel, x)
    assert (forms == {"snapped"}) == snapped
