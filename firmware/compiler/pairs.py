"""The reference's constants of operators on two tensors: ADD, SUB, MUL, MAXIMUM, MINIMUM, PRELU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ei_compat.core.errors import ExportError
from firmware.compiler import layers as ly
from firmware.compiler.graph import Binary, Tensor
from firmware.compiler.quantize import activation_range, quantize_multiplier

MAX_PRODUCT_SHIFT = 14  # left shift of a product of 17 bits
MAX_SUM_SHIFT = 28  # right shift of a sum, so that its rounding stays inside 32 bits


def elementwise(op: Binary, a: Tensor, b: Tensor, target: Tensor, where: str) -> ly.Elementwise:
    """The reference's constants of an operator on two tensors."""
    low, high = activation_range(op.activation, target.quantization)
    zeros = tuple(t.quantization.zero_point + 128 for t in (a, b, target))
    scale_a, scale_b, scale_out = (t.quantization.scale for t in (a, b, target))
    if op.kind == "MUL":
        pairs = [
            (0, 0),
            (0, 0),
            quantize_multiplier(float(np.float32(scale_a) * np.float32(scale_b) / np.float32(scale_out))),
        ]
    elif op.kind == "PRELU":  # from 0 on, unused, below
        pairs = [
            quantize_multiplier(float(np.float32(scale_a) / np.float32(scale_out))),
            (0, 0),
            quantize_multiplier(float(np.float32(scale_a) * np.float32(scale_b) / np.float32(scale_out))),
        ]
    elif op.kind in ("MAXIMUM", "MINIMUM"):
        pairs = [(0, 0)] * 3
    else:
        twice = 2.0 * max(scale_a, scale_b)
        pairs = [quantize_multiplier(s) for s in (scale_a / twice, scale_b / twice, twice / ((1 << 20) * scale_out))]
        if not -MAX_SUM_SHIFT <= pairs[2][1] <= -1 or min(p[1] for p in pairs[:2]) < -30:
            raise ExportError(
                "operands and result have scales too far apart", where=where, fix="convert the model again"
            )
    if op.kind in ("MUL", "PRELU") and max(pairs[0][1], pairs[2][1]) > MAX_PRODUCT_SHIFT:
        raise ExportError("operands and result have scales too far apart", where=where, fix="convert the model again")
    multipliers, shifts = zip(*pairs, strict=True)
    return ly.Elementwise(op.kind, zeros, multipliers, shifts, low + 128, high + 128)  # type: ignore[arg-type]


def swapped(params: ly.Elementwise) -> ly.Elementwise:
    """The same with its operands turned around; RSUB is b - a."""
    kind = "RSUB" if params.kind == "SUB" else params.kind

    def turned(values: tuple[int, int, int]) -> tuple[int, int, int]:
        return values[1], values[0], values[2]

    return replace(
        params,
        kind=kind,
        zeros=turned(params.zeros),
        multipliers=turned(params.multipliers),
        shifts=turned(params.shifts),
    )
