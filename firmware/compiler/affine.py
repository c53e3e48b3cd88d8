"""How a layer's biases and multipliers are stored: in the cheapest form that is proved to be exact.

`Requantization` holds what the reference computes with. A result only rises with its accumulator, so a smaller form is
the same function if and only if each of its at most 255 steps lies at the same accumulator; that is checked here for
every channel, over all accumulators that the weights allow. A layer where it fails keeps its exact constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware.compiler import cost
from firmware.compiler.graph import Int8
from firmware.compiler.requantize import ROUND_ONCE, ROUND_TWICE, Requantization

Ints = npt.NDArray[np.int64]
Constants = npt.NDArray[np.int32] | npt.NDArray[np.uint32]

STEPS = np.arange(1, 256)[None, :]
MAX_EXPONENT = 22  # of a right shift, so that steps fit 64 bits
NEIGHBOURS = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6)  # multipliers tried, in order
MANTISSA_BITS = 8
MAX_HIGH = 8  # of a packed bias's bits beyond 16
NEAR = 20  # how far from the likely factor others are tried
CLOSE = 2.0**-21  # how close to a snapped multiplier a multiplier must be to be tried


@dataclass(frozen=True, slots=True)
class Affine:
    """A layer's constants as the engine reads them, see `eit_requant` in `firmware/engine/eit_engine.h`.

    Args:
        form: "merged", "exact", "snapped" or "packed".
        channels: int32 [channel, 2], or uint32 [channel] in snapped and packed form.
        more: [channel], uint8 shifts where the multipliers are exact, uint16 in packed form, else None.
        factor: of snapped multipliers; in packed form how many of a bias's bits are in its word; else 0.
        down: the least shift in snapped and packed form.
    """

    form: str
    channels: Constants
    more: npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None = None
    factor: int = 0
    down: int = 0

    @property
    def bytes(self) -> int:
        """What they take."""
        return self.channels.nbytes + (0 if self.more is None else self.more.nbytes)


def affine(out: Requantization, weights: Int8, loads: int) -> Affine:
    """The cheapest form that is exact, flash and instructions taken together.

    Args:
        out: the layer's constants.
        weights: int8 [output channel, tap], which bound the accumulators.
        loads: how often an inference reads a channel's constants.
    """
    bias, multiplier = out.bias.astype(np.int64), out.multiplier.astype(np.int64)
    exponent, left = out.shift.astype(np.int64) & 31, out.shift.astype(np.int64) >> 5
    exact = Affine("exact", np.stack([out.bias, out.multiplier], axis=1), out.shift)
    if left.any() or exponent.min() < 1 or exponent.max() > MAX_EXPONENT:
        return exact
    proof = _Proof(out, weights, exponent)
    for form in sorted(cost.CHANNEL_FORMS, key=lambda form: cost.constants(form, loads)):
        made = exact if form == "exact" else SMALLER[form](proof, bias, multiplier, exponent)
        if made is not None:
            return made
    raise AssertionError(out)  # the exact form always is


class _Proof:
    """The accumulators at which a layer's results change, and whether other constants change there too."""

    def __init__(self, out: Requantization, weights: Int8, exponent: Ints) -> None:
        wide = weights.astype(np.int64)
        bias, multiplier = out.bias.astype(np.int64), out.multiplier.astype(np.int64)[:, None]
        self.out = out
        self.least = (bias + 255 * np.minimum(wide, 0).sum(axis=1))[:, None]
        self.most = (bias + 255 * np.maximum(wide, 0).sum(axis=1))[:, None]
        e = exponent[:, None]
        level = STEPS - out.zero
        if out.rounding == ROUND_ONCE:  # (x * m + 2^(30 + e)) >> (31 + e) >= level
            product = (level << (31 + e)) - (1 << (30 + e))
        else:  # y = (x * m + 2^30) >> 31, then y / 2^e rounded half away from zero
            product = (((level << e) - (1 << (e - 1)) + (level <= 0)) << 31) - (1 << 30)
        steps = -(-product // multiplier)  # the least accumulator that reaches the level
        self.never = steps > self.most
        self.always = steps <= self.least
        self.steps = np.clip(steps, self.least, self.most)

    def holds(self, multiplier: Ints, down: Ints) -> npt.NDArray[np.bool_]:
        """Per channel whether `eit_narrow` with these constants is the reference."""
        m, s = multiplier[:, None], down[:, None]
        at, before, least, most = (
            self._narrow(x, m, s) >> s for x in (self.steps, self.steps - 1, self.least, self.most)
        )
        same = np.where(
            self.always, least >= STEPS, np.where(self.never, most < STEPS, (at >= STEPS) & (before < STEPS))
        )
        ends = np.maximum(abs(self._narrow(self.least, m, s)), abs(self._narrow(self.most, m, s)))[:, 0]
        shifted = np.maximum(abs(self.least), abs(self.most))[:, 0] << 2
        inside = (multiplier > 0) & (np.maximum(np.maximum(ends, shifted), multiplier) < 1 << 31)
        result: npt.NDArray[np.bool_] = same.all(axis=1) & inside
        return result

    def _narrow(self, x: Ints, m: Ints, s: Ints) -> Ints:
        """`eit_narrow` before its last shift."""
        h = ((x << 2) * m) >> 32
        if self.out.rounding == ROUND_TWICE:
            h = h - 2 * (h < 0)
        return h + ((2 * self.out.zero + 1) << (s - 1)) + (self.out.rounding != ROUND_ONCE)


def _merged(proof: _Proof, bias: Ints, multiplier: Ints, exponent: Ints) -> Affine | None:
    """The shift in the multiplier's low five bits; None where some channel finds no such multiplier."""
    down = exponent + 1
    found = np.zeros_like(multiplier)
    for near in NEIGHBOURS:
        tried = ((multiplier - down + 16) // 32 + near) * 32 + down
        found = np.where((found == 0) & proof.holds(tried, down), tried, found)
        if found.all():
            return Affine("merged", np.stack([bias, found], axis=1).astype(np.int32))
    return None


def _snapped(proof: _Proof, bias: Ints, multiplier: Ints, exponent: Ints) -> Affine | None:
    """Multipliers of eight bits with a common factor, as scales that were snapped give, or a single scale."""
    live = (proof.least < proof.most)[:, 0]  # others are constant, whatever their multiplier
    if not live.any():
        return None
    one, top = multiplier[int(np.argmax(live))], 1 << MANTISSA_BITS
    for mantissa in range(top // 2, top):
        ratio = multiplier * mantissa / one
        ratio = np.where(ratio < top / 2 - 0.25, ratio * 2, np.where(ratio > top - 0.25, ratio / 2, ratio))
        mantissas = np.rint(ratio).clip(top // 2, top - 1)
        if np.abs(ratio / mantissas - 1)[live].max() > CLOSE:
            continue
        factors = multiplier * top / mantissas
        factors *= 2 ** np.rint(np.log2(one * top / mantissa / factors))
        middle = float(np.median(factors[live]))
        middle *= 2.0 ** (31 - math.floor(math.log2(middle + NEAR)))  # from about 2^31 to 2^32
        for near in range(-NEAR, NEAR + 1):
            made = _snapped_with(proof, (bias, multiplier, exponent), mantissas.astype(np.int64), round(middle) + near)
            if made is not None:
                return made
        return None
    return None


def snapped_multiplier(factor: int, mantissas: Ints) -> Ints:
    """What the engine makes of a factor and mantissas of 128 to 255: below 2^31."""
    wide = (factor * mantissas) >> MANTISSA_BITS
    return wide >> (wide >> 31)


def _snapped_with(proof: _Proof, constants: tuple[Ints, Ints, Ints], mantissas: Ints, factor: int) -> Affine | None:
    bias, multiplier, exponent = constants
    if not 0 < factor < 1 << 32 or (abs(bias) >= 1 << 20).any():
        return None
    made = snapped_multiplier(factor, mantissas)
    down = exponent + 1 + np.rint(np.log2(made / multiplier)).astype(np.int64)
    least = int(down.min())
    if least < 1 or int(down.max()) - least > 15 or not proof.holds(made, down).all():
        return None
    words = (bias << 11) | ((mantissas & 127) << 4) | (down - least)
    return Affine("snapped", (words & 0xFFFFFFFF).astype(np.uint32), None, factor, least)


def _packed(proof: _Proof, bias: Ints, multiplier: Ints, exponent: Ints) -> Affine | None:
    """A word and a half: the bias where it is short, the shift, and as much of the multiplier as there is room for."""
    down = exponent + 1
    least = int(down.min())
    high = max(1, int(max(bias.max(), ~bias.min())).bit_length() - 15)  # a bias's bits above its low 16, its sign too
    if high > MAX_HIGH or int(down.max()) - least > 15:
        return None
    rest = (down - least) | ((bias >> 16) << (32 - high))
    unit = 1 << (2 + high)
    words = np.zeros_like(multiplier)
    found = np.zeros(len(multiplier), np.bool_)
    for near in NEIGHBOURS:
        mantissa = np.clip(((multiplier - (1 << 30)) + unit // 2) // unit + near, 0, (1 << (28 - high)) - 1)
        tried = (rest | (mantissa << 4)) & 0xFFFFFFFF
        holds = proof.holds((((tried << high) & 0xFFFFFFFF) >> 2) | 1 << 30, down)
        words = np.where(found, words, tried)
        found |= holds
        if found.all():
            return Affine("packed", words.astype(np.uint32), (bias & 0xFFFF).astype(np.uint16), high, least)
    return None


SMALLER = {"merged": _merged, "snapped": _snapped, "packed": _packed}
