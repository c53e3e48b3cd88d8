"""TensorFlow Lite's fixed-point arithmetic, exactly as its reference kernels compute it.

Source: the published quantisation specification and the behaviour of the reference kernels. All functions take and give
Python or numpy 64-bit integers, which hold every intermediate value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firmware.compiler.graph import Activation, Quantization


def float32(value: float) -> float:
    """The nearest float32."""
    return float(np.float32(value))


def round_half_away(value: float) -> int:
    """C's round(): halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier as (multiplier, shift): multiplier / 2^31 * 2^shift, multiplier in 2^30..2^31-1, or (0, 0).

    Args:
        real: 0 or more.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    fixed = round_half_away(fraction * (1 << 31))
    if fixed == 1 << 31:
        fixed //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return fixed, shift


def mean_multiplier(real: float, count: int) -> tuple[int, int]:
    """The multiplier of a mean: the quotient of the scales, divided by the number of values in integers."""
    multiplier, shift = quantize_multiplier(real)
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << bits) // count, shift - bits


def wrap32(value: Any) -> Any:
    """The low 32 bits as a signed number."""
    return ((value + (1 << 31)) & ((1 << 32) - 1)) - (1 << 31)


def high_multiply(a: Any, b: Any) -> Any:
    """Saturating rounding doubling high multiply, for operands that are not both -2^31."""
    return (a * b + (1 << 30)) >> 31


def rounding_shift(value: Any, exponent: int) -> Any:
    """Value / 2^exponent, halves away from zero."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (value < 0)
    return (value >> exponent) + ((value & mask) > threshold)


def multiply(value: Any, multiplier: int, shift: int) -> Any:
    """MultiplyByQuantizedMultiplier with its two roundings."""
    left, right = max(shift, 0), max(-shift, 0)
    return rounding_shift(high_multiply(wrap32(value << left), multiplier), right)


def multiply_once(value: Any, multiplier: int, shift: int) -> Any:
    """The same with one rounding, halves away from zero, as LiteRT's reference fully connected kernels do."""
    product = value * multiplier
    return (product + (1 << (30 - shift)) - (product < 0)) >> (31 - shift)


def multiply_half_up(value: Any, multiplier: int, shift: int) -> Any:
    """The same with one rounding, halves up, as the engine does."""
    return (value * multiplier + (1 << (30 - shift))) >> (31 - shift)


def activation_range(activation: Activation, output: Quantization) -> tuple[int, int]:
    """The least and the greatest int8 output value under a fused activation."""

    def quantized(real: float) -> int:
        return output.zero_point + round_half_away(float(np.float32(real) / np.float32(output.scale)))

    if activation == "relu":
        return max(-128, quantized(0.0)), 127
    if activation == "relu6":
        return max(-128, quantized(0.0)), min(127, quantized(6.0))
    if activation == "relu_n1_to_1":
        return max(-128, quantized(-1.0)), min(127, quantized(1.0))
    return -128, 127
