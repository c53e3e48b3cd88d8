"""Which layers run interleaved, and where every plane lies in the arena.

The grouping is optimal for the cost it is given: dynamic programming over all ways to cut the layers into consecutive
groups, the cost of a group being the most bytes that are alive at once in it. The placement then lays out rows, not
tensors: two planes may overlap wherever no two rows that are alive together do, so an output grows into the rows of an
input that are used up. `Plan.bound` is the most row bytes alive at once, which no placement can beat.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ei_compat.core.errors import LimitError
from firmware.compiler.layers import Program
from firmware.compiler.schedule import Lifetimes, Stage, last_readers, replay, ring_rows, stages_of

Ints = npt.NDArray[np.int64]
Event = tuple[int, int, int]  # its number, the stage of its group, the row
MAX_GROUP = 24  # layers in one group; longer ones only add rings
MAX_ROWS = 1 << 18  # of all layers together: what can be replayed in seconds
REPLAYED_ROWS = 3 << 20  # rows that the search for the best groups may replay
ALIGN = 4
REPAIRS = 24  # attempts to place better what sticks out
IMAGE = 1 << 30  # the whole input among the blocks


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
class Scratch:
    """What a layer's kernel needs besides its rows: bytes at any time, and a row for what lies beyond the edges."""

    bytes: int = 0
    blank: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Stages that run interleaved; `scratch` is an offset in the arena, and `blanks` has one per stage."""

    stages: tuple[Stage, ...]
    scratch: int
    blanks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is.

    Args:
        groups: in the order in which they run.
        rings: per plane, how many of its rows exist.
        offsets: per plane, its first row's offset.
        image: where the whole input lies; 0 where it comes row by row.
        arena: bytes.
        second: bytes behind the arena that a second worker needs.
        bound: bytes that any placement of these groups needs at least.
    """

    groups: tuple[Group, ...]
    rings: tuple[int, ...]
    offsets: tuple[int, ...]
    image: int
    arena: int
    second: int
    bound: int


def plans(program: Program, scratch: Sequence[Scratch]) -> tuple[Plan, Plan]:
    """Plans a program, with the whole input in the arena, and with the input's rows coming when they are needed.

    Args:
        program: layers and planes, padding settled.
        scratch: of each layer.

    Raises:
        LimitError: there are too many rows.
    """
    if sum(program.planes[layer.output].height for layer in program.layers) > MAX_ROWS:
        raise LimitError(f"more than {MAX_ROWS} rows to compute", where="plan", fix="use a smaller input")
    last = last_readers(program)
    peaks = _peaks(program, scratch, last)
    whole, rows = (
        _plan(program, scratch, last, _cuts({k: p[i] for k, p in peaks.items()}, len(program.layers)), i == 0)
        for i in (0, 1)
    )
    return whole, rows


def _plan(program: Program, scratch: Sequence[Scratch], last: Sequence[int], cuts: Sequence[int], whole: bool) -> Plan:
    grouped = [stages_of(program, a, b, last) for a, b in pairwise(cuts)]
    rings, lives, replays = _replay_all(program, grouped, last)
    blocks = {p: _block(program, p, lives[p], rings[p]) for p in lives}
    names = itertools.count(len(program.planes))
    aligned: dict[int, int] = {}
    blanks: dict[int, int] = {}
    for index, (stages, events) in enumerate(zip(grouped, replays, strict=True)):
        ends = np.array([events[0][0]]), np.array([events[-1][0]])
        size = max(_common(program, s.layer, scratch[s.layer]) for s in stages)
        aligned[index] = next(names)
        blocks[aligned[index]] = Block(size, *ends)
        for number, stage in enumerate(stages):
            if scratch[stage.layer].blank and (seen := _beyond(program, stage, number, {e[1:]: e[0] for e in events})):
                blanks[stage.layer] = next(names)
                blocks[blanks[stage.layer]] = Block(scratch[stage.layer].blank, np.array(seen[:1]), np.array(seen[-1:]))
    image = _image(program, replays, grouped) if whole else None
    same = whole and program.input in lives and _in_place(program, rings)
    if same:  # the whole input is there from the start, in the rows that its reader fills one by one
        blocks[program.input] = replace(blocks[program.input], birth=np.full(rings[program.input], -1))
    elif image is not None:
        blocks[IMAGE] = image
    fixed: dict[int, int] = {}
    low = 0
    for number in program.outputs:  # at the same place in every plan
        fixed[number] = low
        low += blocks[number].size
    bound = _bound(blocks.values(), replays[-1][-1][0] + 1)
    places = _place(blocks, {*aligned.values(), program.input, IMAGE}, fixed, bound)
    groups = []
    for index, stages in enumerate(grouped):
        at = places[aligned[index]]
        alone = (places[blanks[s.layer]] if s.layer in blanks else at + scratch[s.layer].bytes for s in stages)
        groups.append(Group(tuple(stages), at, tuple(alone)))
    offsets = tuple(places.get(p, 0) for p in range(len(program.planes)))
    arena = whole_words(max(places[b] + blocks[b].size for b in blocks))
    second = max(whole_words(s.bytes + s.blank) for s in scratch)
    start = offsets[program.input] if same else places.get(IMAGE, 0)
    return Plan(tuple(groups), tuple(rings), offsets, start, arena, second, bound)


def _edges(program: Program, layer: int) -> tuple[bool, bool]:
    """Whether a layer's rows see rows above the first and below the last one of its input."""
    rows, target = program.layers[layer].inputs[0].rows, program.planes[program.layers[layer].output]
    height = program.planes[program.layers[layer].inputs[0].plane].height
    last = (target.height - 1) * rows.stride - rows.before + (rows.kernel - 1) * rows.dilation
    return rows.before > 0, last >= height


def _common(program: Program, layer: int, scratch: Scratch) -> int:
    """Bytes of scratch that a layer needs all the time: where it sees both edges, its blank row too."""
    return whole_words(scratch.bytes + (scratch.blank if scratch.blank and all(_edges(program, layer)) else 0))


def _beyond(program: Program, stage: Stage, number: int, times: dict[tuple[int, int], int]) -> list[int]:
    """When a layer that sees one edge does so, by the times at which stages make rows."""
    above, below = _edges(program, stage.layer)
    if above == below:
        return []
    layer = program.layers[stage.layer]
    rows, height = layer.inputs[0].rows, program.planes[layer.inputs[0].plane].height
    seen = []
    for y in range(program.planes[layer.output].height):
        top = y * rows.stride - rows.before
        if (top < 0 or top + (rows.kernel - 1) * rows.dilation >= height) and (number, y) in times:
            seen.append(times[number, y])
    return seen


def _image(program: Program, replays: Sequence[Sequence[Event]], grouped: Sequence[Sequence[Stage]]) -> Block:
    """The whole input in memory: a row of it is used up when the schedule reads it, or at once if it never does."""
    plane = program.planes[program.input]
    death = np.full(plane.height, -1)
    for stages, events in zip(grouped, replays, strict=True):
        for number, stage, y in events:
            if stage >= 0 and program.layers[stages[stage].layer].output == program.input:
                death[y] = number
    return Block(plane.width * plane.channels, np.full(plane.height, -1), death)


def _in_place(program: Program, rings: Sequence[int]) -> bool:
    """Whether the input's rows may be read from where they are written: all there, and without padding."""
    plane = program.planes[program.input]
    return rings[program.input] == plane.height and plane.stride == plane.width


def whole_words(size: int) -> int:
    """The size up to the next multiple of ALIGN."""
    return size + -size % ALIGN


Peaks = dict[tuple[int, int], tuple[int, int]]


def _peaks(program: Program, scratch: Sequence[Scratch], last: Sequence[int]) -> Peaks:
    """Per group first..end-1 the most bytes alive at once, with the whole input in the arena and in rows."""
    count = len(program.layers)
    born = {layer.output: n for n, layer in reversed(list(enumerate(program.layers)))}
    rows = sum(program.planes[layer.output].height for layer in program.layers)
    longest = max(1, min(MAX_GROUP, math.isqrt(2 * REPLAYED_ROWS // max(rows, 1))))
    return {
        (first, end): _peak(program, scratch, last, born, first, end)
        for end in range(1, count + 1)
        for first in range(max(0, end - longest), end)
    }


def _cuts(peaks: dict[tuple[int, int], int], count: int) -> list[int]:
    """Where groups start and end, so that the most bytes alive at once are least."""
    best: list[tuple[int, int]] = [(0, 0)]
    previous = [0]
    for end in range(1, count + 1):
        options = []
        for first in range(end):
            if (first, end) in peaks:
                peak = peaks[first, end]
                options.append((max(best[first][0], peak), best[first][1] + peak, first))
        peak, total, first = min(options)
        best.append((peak, total))
        previous.append(first)
    cuts = [count]
    while cuts[-1]:
        cuts.append(previous[cuts[-1]])
    return cuts[::-1]


def _peak(
    program: Program,
    scratch: Sequence[Scratch],
    last: Sequence[int],
    born: dict[int, int],
    first: int,
    end: int,
) -> tuple[int, int]:
    """The most bytes alive at once while the group first..end-1 runs."""
    planes = program.planes
    stages = stages_of(program, first, end, last)
    replayed, lives = replay(program, stages, 0)
    times = {event: n for n, event in enumerate(replayed)}
    steady = max(_common(program, n, scratch[n]) for n in range(first, end))
    change = np.zeros(len(replayed) + 2, np.int64)
    for number in range(first, end):
        if scratch[number].blank and (seen := _beyond(program, stages[number - first], number - first, times)):
            change[seen[0]] += scratch[number].blank
            change[seen[-1] + 1] -= scratch[number].blank
    image = np.zeros_like(change)
    source = planes[program.input]
    kept = last[program.input] >= end or (program.input in lives and ring_rows(lives[program.input]) == source.height)
    if born[program.input] >= first:
        block = _image(program, [[(n, *event) for event, n in times.items()]], [stages])
        image[0] += block.size
        gone = block.death + (0 if kept and source.stride == source.width else 1)  # in place: counted below
        np.subtract.at(image, np.maximum(gone, 0), block.row_bytes)
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
    return steady + int(np.cumsum(change + image).max()), steady + int(np.cumsum(change).max())


def _replay_all(
    program: Program, grouped: list[list[Stage]], last: Sequence[int]
) -> tuple[list[int], dict[int, Lifetimes], list[list[Event]]]:
    """Rings, lifetimes over all groups, and each group's events; one that has none gets an event of no stage."""
    lives: dict[int, Lifetimes] = {}
    replays: list[list[Event]] = []
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
        replays.append([(start + n, *e) for n, e in enumerate(events)] or [(start, -1, -1)])
        start += len(replays[-1])
    for number in program.outputs:
        life = lives.setdefault(number, Lifetimes({}, {}))
        for row in range(program.planes[number].height):
            life.birth.setdefault(row, -1)
            life.death[row] = start
    rings = [p.height for p in program.planes]
    for number in inner:
        if not program.planes[number].fixed:
            rings[number] = min(rings[number], ring_rows(lives[number]))
    return rings, lives, replays


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


def _place(blocks: dict[int, Block], aligned: set[int], fixed: dict[int, int], bound: int) -> dict[int, int]:
    """Offsets by first fit, in the best of several orders; those in `fixed` lie where it says. None beats `bound`."""
    pairs: dict[tuple[int, int], Ints] = {}
    spans = {n: (int(b.birth.min()), int(b.death.max())) for n, b in blocks.items()}

    def forbidden(a: int, b: int) -> Ints:
        if (a, b) not in pairs:
            pairs[a, b] = _forbidden(blocks[a], blocks[b])
        return pairs[a, b]

    def first_fit(order: list[int]) -> dict[int, int]:
        places = dict(fixed)
        for number in order:
            if number in fixed:
                continue
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
        if height(best) == bound:
            break
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
