"""The constants that turn a layer's accumulators into output bytes, proved to stay inside 32 bits.

The engine's formula and why it equals the reference's two roundings: `firmware/engine/eit_requant.h`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ei_compat.core.errors import ExportError
from firmware.compiler.graph import Activation, Int8, Int32, Quantization
from firmware.compiler.quantize import (
    activation_range,
    multiply,
    multiply_half_up,
    multiply_once,
    quantize_multiplier,
)

MAX_LEFT_SHIFT = 7
LIMIT = 1 << 31
ROUND_TWICE_POSITIVE, ROUND_TWICE, ROUND_ONCE = 0, 1, 2  # how the reference rounds a layer, see `Requantization`


@dataclass(frozen=True, slots=True)
class Requantization:
    """Per output channel: bias with the input's zero point folded in, multiplier and packed shift.

    `zero`, `low` and `high` are in stored form (0..255). `rounding` says whether the reference rounds in one step, in
    two, or in two where no result below the zero point matters.
    """

    bias: Int32
    multiplier: Int32
    shift: npt.NDArray[np.uint8]
    zero: int
    low: int
    high: int
    rounding: int


def requantization(
    weights: Int8,
    bias: Int32,
    multipliers: tuple[float, ...],
    source: Quantization,
    target: Quantization,
    activation: Activation,
    where: str,
    *,
    once: bool = False,
) -> tuple[Requantization, Int8]:
    """Folds and checks the constants of a layer.

    Args:
        weights: int8 [output channel, tap].
        bias: int32 per output channel.
        multipliers: real multiplier per output channel.
        source: the input's quantisation.
        target: the output's quantisation.
        activation: the fused activation.
        where: how an error names the layer.
        once: whether the reference rounds this layer in one step, as it does for fully connected ones.

    Returns:
        The constants, and the weights with those of constant channels zeroed: their result does not depend on them.

    Raises:
        ExportError: an accumulator could leave the engine's range.
    """
    low, high = activation_range(activation, target)
    zero = target.zero_point + 128
    weights = weights.copy()
    count = len(bias)
    scaled = multiply_once if once else multiply
    out = Requantization(
        np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.uint8), zero, low + 128, high + 128,
        ROUND_ONCE if once else ROUND_TWICE if low < target.zero_point else ROUND_TWICE_POSITIVE,
    )  # fmt: skip
    if low > high:
        raise ExportError("the activation's range is empty", where=where, fix="convert the model again")
    wide = weights.astype(np.int64)
    for channel in range(count):
        row = wide[channel]
        base = int(bias[channel]) - (source.zero_point + 128) * int(row.sum())
        least, most = base + 255 * int(row[row < 0].sum()), base + 255 * int(row[row > 0].sum())
        multiplier, shift = quantize_multiplier(multipliers[channel])
        if shift > 30:
            raise ExportError(f"output channel {channel} has the scale {multipliers[channel]:g}", where=where)
        first, last = (
            max(low, min(high, scaled(x, multiplier, shift) + target.zero_point)) + 128 for x in (least, most)
        )
        if first == last:
            weights[channel] = 0
            packed = 4 * (first - zero) - 1, 1 << 30, 1
        elif _fits(least, most, multiplier, shift, zero):
            if once:
                multiplier = _half_up(multiplier, shift, least, most, f"{where}: output channel {channel}")
            packed = base, multiplier, -shift if shift <= 0 else shift << 5
        elif shift > MAX_LEFT_SHIFT:
            raise ExportError(
                f"output channel {channel} has the multiplier {multipliers[channel]:.4g}, which needs a left shift of "
                f"{shift}; the engine has {MAX_LEFT_SHIFT}",
                where=where, fix="convert the model again: input, weights and output have scales too far apart",
            )  # fmt: skip
        else:
            packed = _one_step(base, least, most, multiplier, shift, out, first)
            moved = packed[0] - base
            if last - first != 1 or not _fits(least + moved, most + moved, packed[1], -packed[2], zero):
                raise ExportError(
                    f"output channel {channel} has the bias {int(bias[channel])}, too large for the engine",
                    where=where,
                    fix="convert the model again, with calibration data in which this channel is not constant",
                )
        out.bias[channel], out.multiplier[channel], out.shift[channel] = packed
    return out, weights


def _fits(least: int, most: int, multiplier: int, shift: int, zero: int) -> bool:
    """Whether no step of the engine's formula leaves 32 bits for accumulators least..most."""
    left, right = max(shift, 0), max(-shift, 0)
    if left > MAX_LEFT_SHIFT or right > 30 or max(abs(least), abs(most)) << (2 + left) >= LIMIT:
        return False
    rounding = (zero << (right + 1)) + (1 << right) + 1
    top = ((most << (2 + left)) * multiplier >> 32) + rounding
    return rounding < LIMIT and top < LIMIT


def _half_up(multiplier: int, shift: int, least: int, most: int, where: str) -> int:
    """A multiplier with which rounding halves up gives what rounding them away from zero does.

    A little more moves what lay in the middle off it, away from zero; it is taken only if it moves nothing else.
    """
    if not (least < 0 and _has_halves(multiplier, shift, least)):
        return multiplier
    low, high = (int(multiply_once(x, multiplier, shift)) for x in (least, most))
    results = np.arange(max(low, -256), min(high, 256), dtype=np.int64)
    first = _last_of(multiply_once, multiplier, shift, least, most, results)
    if (first != _last_of(multiply_half_up, multiplier + 1, shift, least, most, results)).any():
        raise ExportError(f"the multiplier {multiplier} cannot be rounded as the reference does", where=where)
    return multiplier + 1


def _has_halves(multiplier: int, shift: int, least: int) -> bool:
    """Whether the product of a whole number down to `least` can lie in the middle between two results."""
    zeros = (multiplier & -multiplier).bit_length() - 1
    return 30 - shift - zeros < abs(least).bit_length()


def _last_of(
    rounding: Callable[[Any, int, int], Any],
    multiplier: int,
    shift: int,
    least: int,
    most: int,
    results: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """For each result the greatest number in least..most that does not give more, by bisection."""
    low, high = np.full(len(results), least), np.full(len(results), most + 1)
    while (high - low > 1).any():
        middle = (low + high) >> 1
        below = rounding(middle, multiplier, shift) <= results
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def _one_step(
    base: int, least: int, most: int, multiplier: int, shift: int, out: Requantization, first: int
) -> tuple[int, int, int]:
    """Other constants for a channel that takes only two values, moved so that they change at the same accumulator."""
    once = out.rounding == ROUND_ONCE
    scaled = multiply_once if once else multiply

    def stored(x: int) -> int:
        return max(out.low, min(out.high, int(scaled(x, multiplier, shift)) + out.zero))

    below, above = least, most  # the step lies between: stored(below) == first < stored(above)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if stored(middle) == first else (below, middle)
    exponent = max((most - least).bit_length(), 1)
    step = first - out.zero  # the new step: from `step` to `step + 1`
    # With multiplier 2^30 the result is (x + 2^e + 1) >> (e + 1), with 2 less inside where x < 0 and ties matter.
    edge = ((step + 1) << (exponent + 1)) - (1 << exponent) - (0 if once else 1)
    if edge < 0 and out.rounding == ROUND_TWICE:
        edge += 2
    return base + edge - above, 1 << 30, exponent
