"""Which of the engine's tile functions walk a layer's weights, and which of them a model is better off without.

A function makes a tile of one width with one form of weights, and is linked only if some layer names it. One that few
layers use may cost more flash than it saves instructions; then they do without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from firmware.compiler import cost
from firmware.compiler.encode import CODES, QUAD, dense_code, own_kernel, sparse_code, sparse_pairs
from firmware.compiler.graph import Int8
from firmware.compiler.layers import Bytes, DepthwiseConv

Function = tuple[str, int]  # a family of tile functions in C and the pixels of a tile
Without = frozenset[Function]
ANY = "_any"  # how a family's name ends whose pixels may be any number of bytes apart
ALL: Without = frozenset()


@dataclass(frozen=True, slots=True)
class Walk:
    """One way to walk a layer's weights.

    Args:
        form: "dense", "quad" (dense, by four channels) or "sparse".
        family: of tile functions, as C names it but for the width.
        tiles: how a row is cut: widths, and how many of each.
        passes: how often an inference walks the weights.
        instructions: what the layer is estimated to cost on RV32IMC.
        bytes: of the weights in this form.
    """

    form: str
    family: str
    tiles: tuple[tuple[int, int], ...]
    passes: int
    instructions: int
    bytes: int

    @property
    def functions(self) -> set[Function]:
        """The tile functions that it calls."""
        return {(self.family, width) for width, _ in self.tiles}

    def cost(self, worth: int) -> int:
        """Instructions and the weights' flash, a byte of which is worth so many."""
        return self.instructions + worth * self.bytes


class Weights:
    """A convolution's weights, and the ways in which the engine could walk them.

    Args:
        values: int8 [output channel, tap], taps in stored order.
        rows: of the output.
        columns: of the output.
        kind: "pointwise", or "conv" where taps have a kernel's places.
        steps: how the names of families end that take its pixels' distance.
    """

    def __init__(self, values: Int8, rows: int, columns: int, kind: str, steps: tuple[str, ...] = ("",)) -> None:
        self.values = values
        self.rows, self.columns = rows, columns
        self.kind, self.steps = kind, steps

    @cached_property
    def sparse(self) -> Bytes:
        """The sparse code."""
        return sparse_code(self.values)

    @cached_property
    def _pairs(self) -> float:
        return sparse_pairs(self.values)

    def walks(self, without: Without = ALL) -> Iterator[Walk]:
        """What there is besides the functions in `without`."""
        channels, taps = self.values.shape
        pixels = self.rows * self.columns
        fastest: int | None = None
        for form, step in itertools.product(("quad", "dense", "sparse"), self.steps):
            family = f"eit_{self.kind}_{form}{step}"
            widths = cost.QUADS if form == "quad" else cost.TILES
            tiles = cut(self.columns, tuple(n for n in widths if (family, n) not in without))
            if not tiles or (form == "quad" and channels % QUAD):
                continue
            passes = self.rows * sum(count for _, count in tiles)
            size = self.values.size
            if form == "quad":
                instructions = cost.quad(channels, taps, pixels, passes, spatial=self.kind == "conv")
            elif form == "dense":
                instructions = cost.dense(channels, taps, pixels, passes)
            else:
                instructions = cost.sparse(channels, self._pairs, pixels, passes)
            if step == ANY:
                loads = 2 * self._pairs / channels if form == "sparse" else taps
                instructions += cost.any_step(channels // QUAD if form == "quad" else channels, loads, pixels)
            if form == "sparse":
                if fastest is not None and instructions >= fastest:  # zeros do not pay here
                    continue
                size = self.sparse.size
            else:
                fastest = instructions if fastest is None else min(fastest, instructions)
            yield Walk(form, family, tiles, passes, instructions, size)

    def best(self, without: Without, worth: int) -> Walk | None:
        """The walk that costs least; None where no tiles are left that fill a row."""
        return min(self.walks(without), key=lambda walk: walk.cost(worth), default=None)


@lru_cache(maxsize=4096)
def cut(columns: int, widths: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """A row in as few tiles as can be, the widest first: widths, and how many of each; empty where they do not fill it.

    Args:
        columns: of the row.
        widths: that a tile may have, from the widest on.
    """
    never = columns + 1
    fewest = [0] + [never] * columns
    for length in range(1, columns + 1):
        fewest[length] = min((fewest[length - n] + 1 for n in widths if n <= length), default=never)
    if fewest[columns] >= never:
        return ()
    counts = dict.fromkeys(widths, 0)
    while columns:
        width = next(n for n in widths if n <= columns and fewest[columns - n] == fewest[columns] - 1)
        counts[width] += 1
        columns -= width
    return tuple((n, count) for n, count in counts.items() if count)


def chosen(layers: Sequence[Weights]) -> list[Walk]:
    """How each of a model's layers is walked, so that all together cost least, the tile functions' flash included."""
    worth = cost.flash_instructions(sum(layer.values.size for layer in layers))
    without = _unwanted(layers, worth)
    return [walk for layer in layers if (walk := layer.best(without, worth)) is not None]


def _unwanted(layers: Sequence[Weights], worth: int) -> Without:
    """The tile functions that cost a model of these layers more than they save it.

    They are dropped one by one, or a family at a time, while that makes the model cheaper; begun with all of them, and
    without some kinds, because what a layer takes instead may be there for others anyway.
    """
    everything = {f for layer in layers for walk in layer.walks() for f in _all_widths(walk.family)}
    one_distance = {f for f in everything if "_conv_" in f[0] and not f[0].endswith(ANY)}
    kinds = [one_distance, *({f for f in everything if form in f[0]} for form in ("dense", "sparse"))]
    ends = []
    for some in itertools.product((False, True), repeat=len(kinds)):
        start = frozenset[Function]().union(*itertools.compress(kinds, some))
        ends.append(_fewer(layers, start, worth))
    return min((end for end in ends if end is not None), key=lambda end: (end[0], sorted(end[1])))[1]


def _all_widths(family: str) -> set[Function]:
    return {(family, width) for width in cost.TILES}


def _fewer(layers: Sequence[Weights], without: Without, worth: int) -> tuple[int, Without] | None:
    """Drops functions from those that are left; what it costs then. None where too few are left to begin with."""
    best = _cost(layers, without, worth)
    while best is not None:
        used = _functions(layers, without, worth)
        sets = [{function} for function in used] + [_all_widths(family) for family in {family for family, _ in used}]
        tried = [(_cost(layers, without | more, worth), sorted(more)) for more in sets]
        total, more = min((t for t in tried if t[0] is not None), default=(None, []))
        if total is None or total >= best:
            return best, without
        without, best = without | {*more}, total
    return None


def _functions(layers: Sequence[Weights], without: Without, worth: int) -> set[Function]:
    walks = (layer.best(without, worth) for layer in layers)
    return {function for walk in walks if walk is not None for function in walk.functions}


def _cost(layers: Sequence[Weights], without: Without, worth: int) -> int | None:
    """Of all layers and the functions that they call; None where a row cannot be filled."""
    total, functions = 0, set[Function]()
    for layer in layers:
        walk = layer.best(without, worth)
        if walk is None:
            return None
        total += walk.cost(worth)
        functions |= walk.functions
    return total + worth * sum(cost.tile_bytes(*function) for function in functions)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer's weights as the engine reads them.

    Args:
        form: "dense", "quad" (dense, by four channels) or "sparse".
        walk: the tile functions that read them; None of a depthwise convolution.
        data: the bytes.
        passes: how often an inference walks them.
        instructions: what the layer is estimated to cost on RV32IMC.
        dense_instructions: the same with every weight stored.
        nonzero: weights that are not zero.
        weights: all weights.
    """

    form: str
    walk: Walk | None
    data: Bytes
    passes: int
    instructions: int
    dense_instructions: int
    nonzero: int
    weights: int

    @property
    def encoding(self) -> str:
        """Whether every weight is stored: "dense", or "sparse"."""
        return "sparse" if self.form == "sparse" else "dense"


def encode(weights: Weights, walk: Walk) -> Encoded:
    """A convolution's weights as `walk` has them."""
    values = weights.values
    data = weights.sparse if walk.form == "sparse" else CODES[walk.form](values)
    dense = next(weights.walks())
    return Encoded(
        walk.form, walk, data, walk.passes, walk.instructions, dense.instructions, int(np.count_nonzero(values)),
        values.size,
    )  # fmt: skip


def encode_depthwise(params: DepthwiseConv, values: Int8, height: int, width: int) -> Encoded:
    """The weights [output channel, tap] of a depthwise convolution, of an output of so many rows and columns."""
    channels, taps = values.shape
    stride = params.columns.stride if own_kernel(params) else 0
    instructions = cost.depthwise(channels, taps, height, width, stride)
    nonzero = int(np.count_nonzero(values))
    return Encoded("dense", None, dense_code(values), height, instructions, instructions, nonzero, values.size)
