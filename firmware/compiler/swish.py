"""HARD_SWISH, ABS and NEG as tables, computed as LiteRT's integer reference kernels do."""

from __future__ import annotations

import numpy as np

from firmware.compiler.graph import Int8, Quantization
from firmware.compiler.quantize import multiply, quantize_multiplier, rounding_shift

LOW, HIGH = -(1 << 15), (1 << 15) - 1  # of an int16


def _int16_multiplier(real: float) -> tuple[int, int]:
    """A multiplier of 15 bits and its exponent."""
    multiplier, shift = quantize_multiplier(real)
    return min((multiplier + (1 << 15)) >> 16, HIGH), shift


def _toward_zero(value: int, bits: int) -> int:
    return value >> bits if value >= 0 else -(-value >> bits)


def _rounded_high(a: int, b: int) -> int:
    """Doubling high product of int16 values, rounded."""
    product = a * b
    return min(_toward_zero(product + ((1 << 14) if product >= 0 else 1 - (1 << 14)), 15), HIGH)


def _shifted_left(value: int, bits: int) -> int:
    return max(LOW, min(HIGH, value << bits))


def hard_swish(source: Quantization, target: Quantization, _alpha: float) -> Int8:
    """HARD_SWISH: x * relu6(x + 3) / 6 with products of 16 bits."""
    fine = np.float32(1 / 128) * np.float32(source.scale)
    out, out_shift = _int16_multiplier(float(fine / np.float32(target.scale)))
    gate, gate_shift = _int16_multiplier(float(fine / np.float32(3 / 32768)))
    if out_shift > 0:
        raise ValueError(f"an output scale of {target.scale:g} for an input scale of {source.scale:g}")
    values = []
    for q in range(-128, 128):
        x = (q - source.zero_point) << 7
        relu = _shifted_left(x, gate_shift - 1) if gate_shift > 0 else x
        relu = _rounded_high(relu, gate)
        if gate_shift > 0:
            relu = _shifted_left(relu, 1)
        elif gate_shift < 0:
            relu = rounding_shift(relu, -gate_shift)
        relu = (relu + (1 << 15)) >> 1
        y = rounding_shift(_toward_zero(relu * _rounded_high(x, out), 15), -out_shift)
        values.append(max(-128, min(127, int(y) + target.zero_point)))
    return np.array(values, np.int8)


def absolute(source: Quantization, target: Quantization, _alpha: float) -> Int8:
    """ABS: the reference divides the scales as float32."""
    multiplier, shift = quantize_multiplier(float(np.float32(source.scale) / np.float32(target.scale)))
    x = np.abs(np.arange(-128, 128) - source.zero_point)
    y = x if source.scale == target.scale else np.array([multiply(int(v), multiplier, shift) for v in x])
    result: Int8 = np.clip(y + target.zero_point, -128, 127).astype(np.int8)
    return result


def negated(source: Quantization, target: Quantization, _alpha: float) -> Int8:
    """NEG of the bytes themselves, whatever the zero points are: all that LiteRT's kernel does."""
    if source.scale != target.scale:
        raise ValueError("a negation that changes the scale")
    return (-np.arange(-128, 128)).astype(np.int8)
