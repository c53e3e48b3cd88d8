"""Functions of one int8 value as tables of 256 int8 results, and the constants of softmax."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firmware.compiler.graph import Activation, Int8, Quantization
from firmware.compiler.quantize import (
    activation_range,
    float32,
    multiply,
    quantize_multiplier,
    round_half_away,
)
from firmware.compiler.swish import absolute, hard_swish, negated


def _input_radius(integer_bits: int, left_shift: int) -> int:
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << left_shift))


def softmax_steps(scale: float, beta: float) -> tuple[int, int, int]:
    """How steps below the maximum become exp's argument in Q5.26: multiplier, left shift, and the last that counts.

    Raises:
        ValueError: the input's scale is too small.
    """
    real = min(float32(beta) * scale * (1 << 26), float((1 << 31) - 1))
    if real <= 1.0:
        raise ValueError(f"input scale {scale:g} is too small for softmax")
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, min(_input_radius(5, shift), 255)


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
