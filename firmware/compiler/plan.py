"""Which layers run interleaved, and where every plane lies in the arena.

The grouping is optimal for the cost it is given: dynamic programming over all ways to cut the layers into consecutive
groups, the cost of a group being the most bytes that are alive at once in it. The placement then lays out rows, not
tensors: two planes may overlap wherever no two rows that are alive together do, so an output grows into the rows of an
input that are used up. `Plan.bound` is the most row bytes alive at once, which no placement can beat.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ei_compat.errors import LimitError
from firmware.compiler.layers import Program
from firmware.compiler.schedule import Lifetimes, Stage, last_readers, replay, ring_rows, stages_of

Ints = npt.NDArray[np.int64]
MAX_GROUP = 24  # layers in one group, at most EIT_MAX_STAGES; longer ones only add rings
MAX_ROWS = 1 << 18  # of all layers together: what can be replayed in seconds
REPLAYED_ROWS = 3 << 20  # rows that the search for the best groups may replay
ALIGN = 4
REPAIRS = 24  # attempts to place better what sticks out


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that lie one after the other in the arena, each with its own lifetime, ends included."""

    row_bytes: int
    birth: Ints
    death: Ints

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return self.row_bytes * len(self.birth)


@dataclass(frozen=True, slots=True)
class Group:
    """Stages that run interleaved; `scratch` is an offset in the arena."""

    stages: tuple[Stage, ...]
    scratch: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is.

    Args:
        groups: in the order in which they run.
        rings: per plane, how many of its rows exist.
        offsets: per plane, its first row's offset.
        arena: bytes.
        bound: bytes that any placement of these groups needs at least.
    """

    groups: tuple[Group, ...]
    rings: tuple[int, ...]
    offsets: tuple[int, ...]
    arena: int
    bound: int


def plan(program: Program, scratch: Sequence[int]) -> Plan:
    """Plans a program.

    Args:
        program: layers and planes, padding settled.
        scratch: bytes of scratch per layer and worker; there may be two workers.

    Raises:
        LimitError: there are too many rows.
    """
    if sum(program.planes[layer.output].height for layer in program.layers) > MAX_ROWS:
        raise LimitError(f"more than {MAX_ROWS} rows to compute", where="plan", fix="use a smaller input")
    last = last_readers(program)
    cuts = _cuts(program, scratch, last)
    grouped = [stages_of(program, a, b, last) for a, b in pairwise(cuts)]
    rings, lives, spans = _replay_all(program, grouped, last)
    blocks = {p: _block(program, p, lives[p], rings[p]) for p in lives}
    scratches: list[int] = []
    for (start, end), stages in zip(spans, grouped, strict=True):
        size = 2 * max(whole_words(scratch[s.layer]) for s in stages)
        blocks[-1 - len(scratches)] = Block(size, np.array([start]), np.array([end]))
        scratches.append(size)
    aligned = {-1 - i for i in range(len(scratches))}
    places = _place(blocks, aligned)
    arena = max(places[b] + blocks[b].size for b in blocks)
    groups = tuple(Group(tuple(s), places[-1 - i]) for i, s in enumerate(grouped))
    offsets = tuple(places.get(p, 0) for p in range(len(program.planes)))
    arena += -arena % ALIGN
    return Plan(groups, tuple(rings), offsets, arena, _bound(blocks.values(), spans[-1][1] + 1))


def whole_words(size: int) -> int:
    """The size up to the next multiple of ALIGN."""
    return size + -size % ALIGN


def _cuts(program: Program, scratch: Sequence[int], last: Sequence[int]) -> list[int]:
    """Where groups start and end, so that the most bytes alive at once are least."""
    count = len(program.layers)
    born = {program.input: -1} | {layer.output: n for n, layer in reversed(list(enumerate(program.layers)))}
    rows = sum(program.planes[layer.output].height for layer in program.layers)
    longest = max(1, min(MAX_GROUP, math.isqrt(2 * REPLAYED_ROWS // max(rows, 1))))
    best: list[tuple[int, int]] = [(0, 0)]
    previous = [0]
    for end in range(1, count + 1):
        options = []
        for first in range(max(0, end - longest), end):
            peak = _peak(program, scratch, last, born, first, end)
            options.append((max(best[first][0], peak), best[first][1] + peak, first))
        peak, total, first = min(options)
        best.append((peak, total))
        previous.append(first)
    cuts = [count]
    while cuts[-1]:
        cuts.append(previous[cuts[-1]])
    return cuts[::-1]


def _peak(
    program: Program, scratch: Sequence[int], last: Sequence[int], born: dict[int, int], first: int, end: int
) -> int:
    """The most bytes alive at once while the group first..end-1 runs."""
    planes = program.planes
    stages = stages_of(program, first, end, last)
    events, lives = replay(program, stages, 0)
    steady = 2 * max(map(whole_words, scratch[first:end]))
    change = np.zeros(len(events) + 2, np.int64)
    for number, plane in enumerate(planes):
        if number not in lives:
            if born.get(number, end) < first and last[number] >= end:
                steady += plane.height * plane.row_bytes
            continue
        life = lives[number]
        inside = born[number] >= first and last[number] < end
        if inside:
            rows = plane.height if plane.fixed else ring_rows(life)
            change[min(life.birth.values())] += rows * plane.row_bytes
            change[max(life.death.values()) + 1] -= rows * plane.row_bytes
            continue
        for row in range(plane.height):
            if row in life.birth or (born[number] < first and last[number] >= end):
                change[max(life.birth.get(row, 0), 0)] += plane.row_bytes
                if last[number] < end:
                    change[life.death[row] + 1] -= plane.row_bytes
    return steady + int(np.cumsum(change).max())


def _replay_all(
    program: Program, grouped: list[list[Stage]], last: Sequence[int]
) -> tuple[list[int], dict[int, Lifetimes], list[tuple[int, int]]]:
    """Rings, lifetimes over all groups, and each group's first and last event."""
    lives: dict[int, Lifetimes] = {}
    spans = []
    start = 0
    inner: set[int] = set()
    for stages in grouped:
        events, found = replay(program, stages, start)
        end = stages[-1].layer + 1
        made = {program.layers[s.layer].output for s in stages}
        for number, life in found.items():
            if number in made and number not in lives and last[number] < end:
                inner.add(number)
            known = lives.setdefault(number, Lifetimes({}, {}))
            for row, birth in life.birth.items():
                known.birth.setdefault(row, birth)
            known.death.update({r: max(d, known.death.get(r, d)) for r, d in life.death.items()})
        spans.append((start, start + max(len(events), 1) - 1))
        start += max(len(events), 1)
    for number in (program.input, *program.outputs):
        life = lives.setdefault(number, Lifetimes({}, {}))
        for row in range(program.planes[number].height):
            life.birth.setdefault(row, -1)
            life.death.setdefault(row, -1)
            if number in program.outputs:
                life.death[row] = start
    rings = [p.height for p in program.planes]
    for number in inner:
        if not program.planes[number].fixed:
            rings[number] = min(rings[number], ring_rows(lives[number]))
    return rings, lives, spans


def _block(program: Program, number: int, life: Lifetimes, ring: int) -> Block:
    plane = program.planes[number]
    if ring < plane.height:
        birth, death = min(life.birth.values()), max(life.death.values())
        return Block(plane.row_bytes, np.full(ring, birth), np.full(ring, death))
    first = min(life.birth.values())
    births = [life.birth.get(r, first) for r in range(plane.height)]
    deaths = [life.death.get(r, births[r]) for r in range(plane.height)]
    return Block(plane.row_bytes, np.array(births), np.array(deaths))


def _forbidden(a: Block, b: Block) -> Ints:
    """Intervals (open ends, merged) in which a's offset minus b's must not lie."""
    together = (a.birth[:, None] <= b.death[None, :]) & (b.birth[None, :] <= a.death[:, None])
    rows_a, rows_b = np.nonzero(together)
    if not rows_a.size or not a.size or not b.size:
        return np.zeros((0, 2), np.int64)
    lows = np.unique(rows_b * b.row_bytes - rows_a * a.row_bytes) - a.row_bytes
    highs = lows + a.row_bytes + b.row_bytes
    gaps = np.flatnonzero(lows[1:] >= highs[:-1])
    return np.stack([lows[np.append(0, gaps + 1)], highs[np.append(gaps, len(lows) - 1)]], axis=1)


def _place(blocks: dict[int, Block], aligned: set[int]) -> dict[int, int]:
    """Offsets by first fit, in the best of several orders."""
    pairs: dict[tuple[int, int], Ints] = {}
    spans = {n: (int(b.birth.min()), int(b.death.max())) for n, b in blocks.items()}

    def forbidden(a: int, b: int) -> Ints:
        if (a, b) not in pairs:
            pairs[a, b] = _forbidden(blocks[a], blocks[b])
        return pairs[a, b]

    def first_fit(order: list[int]) -> dict[int, int]:
        places: dict[int, int] = {}
        for number in order:
            born, dead = spans[number]
            near = [(o, at) for o, at in places.items() if spans[o][0] <= dead and born <= spans[o][1]]
            taken = np.concatenate([np.zeros((0, 2), np.int64), *(forbidden(number, o) + at for o, at in near)])
            offset = 0
            for low, high in taken[np.argsort(taken[:, 0], kind="stable")].tolist():
                if low >= offset:
                    break
                if high > offset:
                    offset = high + (-high % ALIGN if number in aligned else 0)
            places[number] = offset
        return places

    by_size = sorted(blocks, key=lambda b: (-blocks[b].size, b))
    by_birth = sorted(blocks, key=lambda b: (int(blocks[b].birth.min()), -blocks[b].size, b))
    by_area = sorted(
        blocks, key=lambda b: (-blocks[b].size * (1 + int(blocks[b].death.max() - blocks[b].birth.min())), b)
    )

    def height(places: dict[int, int]) -> int:
        return max(at + blocks[b].size for b, at in places.items())

    best = min((first_fit(order) for order in (by_size, by_birth, by_area)), key=height)
    order = sorted(blocks, key=lambda b: (best[b], b))
    for _ in range(REPAIRS):  # what sticks out at the top goes first
        places = first_fit(order)
        if height(places) < height(best):
            best = places
        top = height(places)
        worst = [b for b in order if places[b] + blocks[b].size == top]
        order = worst + [b for b in order if b not in worst]
    return best


def _bound(blocks: Iterable[Block], events: int) -> int:
    """The most bytes of rows alive at once."""
    change = np.zeros(events + 3, np.int64)
    for block in blocks:
        np.add.at(change, np.maximum(block.birth, 0), block.row_bytes)
        np.add.at(change, block.death + 1, -block.row_bytes)
    return int(np.cumsum(change).max())
