"""Functions of one int8 value as tables of 256 int8 results, and softmax's table of exponentials.

Softmax's fixed-point exp is that of gemmlowp, which the reference kernels use; it runs here once, at compile time, in
exact integer arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firmware.compiler.graph import Activation, Int8, Int32, Quantization
from firmware.compiler.quantize import (
    activation_range,
    float32,
    high_multiply,
    multiply,
    quantize_multiplier,
    round_half_away,
    rounding_shift,
)
from firmware.compiler.swish import absolute, hard_swish, negated

ONE = (1 << 31) - 1  # 1.0 in Q0.31
NEGLIGIBLE = 1 << 11  # in Q0.31
EXP_FACTORS = ((-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242))


def _saturated_left(value: int, bits: int) -> int:
    return max(-(1 << 31), min(ONE, value << bits))


def exp_of_negative(value: int, integer_bits: int) -> int:
    """exp(value) in Q0.31 for value <= 0 in Q(integer_bits).(31 - integer_bits)."""
    if value == 0:
        return ONE
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    rest = (value & (quarter - 1)) - quarter
    x = _saturated_left(rest, integer_bits) + (1 << 28)
    x2 = high_multiply(x, x)
    x3, x4 = high_multiply(x2, x), high_multiply(x2, x2)
    tail = rounding_shift(high_multiply(rounding_shift(x4, 2) + x3, 715827883) + x2, 1)
    result: int = 1895147668 + high_multiply(1895147668, x + tail)
    remainder = rest - value
    for exponent, factor in EXP_FACTORS:
        if integer_bits > exponent and remainder >> (fraction_bits + exponent) & 1:
            result = high_multiply(result, factor)
    return result


def _input_radius(integer_bits: int, left_shift: int) -> int:
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << left_shift))


def softmax_exponentials(scale: float, beta: float) -> Int32:
    """Exp of -d steps below the maximum in Q0.31, for d from 0 to at most 255.

    The reference leaves steps beyond its radius out, and the table those that are negligible: a sum has 19 bits behind
    the point, and a result is an exponential times a factor below 2^31, shifted down by 54 bits or more, to nearest.
    """
    real = min(float32(beta) * scale * (1 << 26), float(ONE))
    if real <= 1.0:
        raise ValueError(f"input scale {scale:g} is too small for softmax")
    multiplier, shift = quantize_multiplier(real)
    radius = _input_radius(5, shift)
    values = [exp_of_negative(high_multiply(-d << shift, multiplier), 5) for d in range(min(radius, 255) + 1)]
    last = max(d for d, value in enumerate(values) if value >= NEGLIGIBLE)
    return np.array(values[: last + 1], np.int32)


def _clamped(values: list[int], low: int = -128, high: int = 127) -> Int8:
    return np.clip(np.array(values, np.int64), low, high).astype(np.int8)


def requantize(source: Quantization, target: Quantization, _alpha: float) -> Int8:
    """QUANTIZE from int8 to int8."""
    multiplier, shift = quantize_multiplier(source.scale / target.scale)
    return _clamped([multiply(q - source.zero_point, multiplier, shift) + target.zero_point for q in range(-128, 128)])


def _relu(activation: Activation) -> Callable[[Quantization, Quantization, float], Int8]:
    def table(source: Quantization, target: Quantization, _alpha: float) -> Int8:
        multiplier, shift = quantize_multiplier(float(np.float32(source.scale) / np.float32(target.scale)))
        low, high = activation_range(activation, target)
        values = [multiply(q - source.zero_point, multiplier, shift) + target.zero_point for q in range(-128, 128)]
        return _clamped(values, low, high)

    return table


def leaky_relu(source: Quantization, target: Quantization, alpha: float) -> Int8:
    """LEAKY_RELU; the reference divides the scales as float32."""
    if alpha < 0:
        raise ValueError(f"a negative slope ({alpha:g})")
    scale, out = np.float32(source.scale), np.float32(target.scale)
    identity = quantize_multiplier(float(scale / out))
    slope = quantize_multiplier(float(scale * np.float32(alpha) / out))
    values = []
    for q in range(-128, 128):
        x = q - source.zero_point
        values.append(multiply(x, *(identity if x >= 0 else slope)) + target.zero_point)
    return _clamped(values)


def _rounded(
    function: Callable[[float], float], wanted: Quantization | None = None
) -> Callable[[Quantization, Quantization, float], Int8]:
    """A real function, rounded; where converters write one output quantisation only, it must be `wanted`.

    LiteRT's kernels compute it in float32. TensorFlow Lite Micro's work in integers and differ from these by one where
    the real value lies close to the middle between two steps, as at input scales that are powers of two.
    """

    def table(source: Quantization, target: Quantization, _alpha: float) -> Int8:
        if wanted is not None and target != wanted:
            raise ValueError(f"an output scale other than 1/{1 / wanted.scale:g} from {wanted.zero_point}")
        inverse = np.float32(1) / np.float32(target.scale)
        values = []
        for q in range(-128, 128):
            x = np.float32(source.scale) * np.float32(q - source.zero_point)
            steps = min(float(np.float32(function(float(x))) * inverse), 1e9)
            values.append(round_half_away(steps) + target.zero_point)
        return _clamped(values)

    return table


def _logistic(x: float) -> float:
    return 1.0 / float(np.float32(1.0) + np.float32(math.exp(min(-x, 80.0))))


def _exp(x: float) -> float:
    return float(np.exp(np.float32(min(x, 80.0))))


def _gelu(x: float) -> float:
    return float(np.float32(0.5 * x) * np.float32(math.erfc(float(np.float32(x) * np.float32(-math.sqrt(0.5))))))


def _gelu_approximate(x: float) -> float:
    wide = np.float32(x)
    inner = np.float32(math.sqrt(2 / math.pi)) * (wide + np.float32(0.044715) * wide * wide * wide)
    return float(np.float32(0.5) * wide * (np.float32(1) + np.tanh(inner)))


FUNCTIONS: dict[str, Callable[[Quantization, Quantization, float], Int8]] = {
    "ABS": absolute,
    "EXP": _rounded(_exp),
    "GELU": _rounded(_gelu),
    "GELU approximate": _rounded(_gelu_approximate),
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": _rounded(_logistic, Quantization(1 / 256, -128)),
    "NEG": negated,
    "QUANTIZE": requantize,
    "RELU": _relu("relu"),
    "RELU6": _relu("relu6"),
    "RELU_N1_TO_1": _relu("relu_n1_to_1"),
    "TANH": _rounded(math.tanh, Quantization(1 / 128, 0)),
}
