"""Sums and differences as one linear form, where that is the same function.

The reference rounds both operands, their sum and the result. A result depends on two bytes only, so for every pair of
them (a * A + b * B + C) >> shift can be compared with it: where such constants exist, one multiplication per operand,
two additions and a shift replace all of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware.compiler.layers import Elementwise
from firmware.compiler.quantize import high_multiply, rounding_shift

Ints = npt.NDArray[np.int64]
BYTES = np.arange(256, dtype=np.int64)
SIGNS = {"ADD": (1, 1), "SUB": (1, -1), "RSUB": (-1, 1)}
NEAR = sorted(((i, j) for i in range(-4, 5) for j in range(-4, 5)), key=lambda n: abs(n[0]) + abs(n[1]))
ANY = 1 << 60
MAX_SHIFT = 23


@dataclass(frozen=True, slots=True)
class Linear:
    """A sum as (a * factors[0] + b * factors[1] + offset) >> shift, then brought into the range."""

    factors: tuple[int, int]
    offset: int
    shift: int


def reference(p: Elementwise, a: Ints, b: Ints) -> Ints:
    """The results of a sum or difference for stored bytes, as the reference computes them."""

    def scaled(value: Ints, i: int) -> Ints:
        result: Ints = rounding_shift(high_multiply((value - p.zeros[i]) << 20, p.multipliers[i]), -p.shifts[i])
        return result

    sign_a, sign_b = SIGNS[p.kind]
    total = sign_a * scaled(a, 0) + sign_b * scaled(b, 1)
    result: Ints = rounding_shift(high_multiply(total, p.multipliers[2]), -p.shifts[2]) + p.zeros[2]
    return np.clip(result, p.low, p.high)


def linear(p: Elementwise) -> Linear | None:
    """The linear form that gives the reference's result for every pair of bytes, None where none was found."""
    a = BYTES[:, None]
    b = (BYTES if p.constant is None else np.unique(p.constant).astype(np.int64))[None, :]
    wanted = reference(p, a, b)
    real = [
        sign * p.multipliers[i] * p.multipliers[2] * 2.0 ** (p.shifts[i] + p.shifts[2] + 20 - 62)
        for i, sign in enumerate(SIGNS[p.kind])
    ]
    ends = [
        sum(r * (v - z) for r, v, z in zip(real, (x, y), p.zeros, strict=False)) for x in (0, 255) for y in (0, 255)
    ]
    shift = min(MAX_SHIFT, 31 - math.ceil(math.log2(max(map(abs, ends)) + 256)))
    for near in NEAR:
        first, second = (round(r * 2.0**shift) + n for r, n in zip(real, near, strict=True))
        values = a * first + b * second
        least = int(np.where(wanted == p.low, -ANY, (wanted << shift) - values).max())
        most = int(np.where(wanted == p.high, ANY, ((wanted + 1) << shift) - 1 - values).min())
        offset = (max(least, -ANY // 2) + min(most, ANY // 2)) // 2
        sums = values + offset
        if least <= most and min(offset, int(sums.min())) >= -(1 << 31) and int(sums.max()) < 1 << 31:
            return Linear((first, second), offset, shift)
    return None
