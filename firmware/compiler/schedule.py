"""Which row is computed when: the engine's scheduler (`eit_run`), replayed at compile time.

Groups run one after the other; in a group, stages run interleaved, each row when it is first needed. The replay gives
every row's birth and death, from which ring sizes and the arena follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware.compiler.layers import Layer, Plane, Program


@dataclass(frozen=True, slots=True)
class Stage:
    """A layer in its group.

    Args:
        layer: its number in the program.
        producers: per input, the stage of this group that makes it, or -1.
        complete: whether all its rows are wanted, not only those the group's last stage asks for.
    """

    layer: int
    producers: tuple[int, ...]
    complete: bool


@dataclass(slots=True)
class Lifetimes:
    """Births and deaths of a plane's rows as event numbers; -1: before the group; a row never made has none."""

    birth: dict[int, int]
    death: dict[int, int]


def last_readers(program: Program) -> list[int]:
    """Per plane, the last layer that reads it; the outputs are read after all layers."""
    last = [-1] * len(program.planes)
    for number, layer in enumerate(program.layers):
        for source in layer.inputs:
            last[source.plane] = number
    for output in program.outputs:
        last[output] = len(program.layers)
    return last


def stages_of(program: Program, first: int, end: int, last: Sequence[int]) -> list[Stage]:
    """The stages of the group of layers first..end-1."""
    made: dict[int, int] = {}
    stages = []
    for number in range(first, end):
        layer = program.layers[number]
        producers = tuple(made.get(source.plane, -1) for source in layer.inputs)
        made[layer.output] = number - first
        stages.append(Stage(number, producers, complete=last[layer.output] >= end))
    return stages


def replay(program: Program, stages: Sequence[Stage], start: int) -> tuple[list[tuple[int, int]], dict[int, Lifetimes]]:
    """Replays a group.

    Args:
        program: the layers and planes.
        stages: the group.
        start: the number of its first event.

    Returns:
        The events in order, as (stage, row), and the lifetimes of the rows that the group reads or writes.
    """
    layers = [program.layers[s.layer] for s in stages]
    heights = [program.planes[layer.output].height for layer in layers]
    needs = [_needs(program.planes, stage, layer) for stage, layer in zip(stages, layers, strict=True)]
    done = [0] * len(stages)
    events: list[tuple[int, int]] = []
    lives: dict[int, Lifetimes] = {}
    for target in range(len(stages) - 1, -1, -1):
        while stages[target].complete and done[target] < heights[target]:
            path = [target]  # each wants a row of the next one; only the last one's rows change
            while path:
                current = path[-1]
                y = done[current]
                for producer, stride, before, height in needs[current]:
                    if done[producer] < min(height, y * stride - before):
                        path.append(producer)
                        break
                else:
                    _record(program.planes, layers[current], y, start + len(events), lives)
                    events.append((current, y))
                    done[current] += 1
                    path.pop()
    return events, lives


def _needs(planes: Sequence[Plane], stage: Stage, layer: Layer) -> list[tuple[int, int, int, int]]:
    """Per input that a stage of the group makes: its rows before output row y are min(height, y * stride - before)."""
    return [
        (producer, s.rows.stride, s.rows.before - (s.rows.kernel - 1) * s.rows.dilation - 1, planes[s.plane].height)
        for s, producer in zip(layer.inputs, stage.producers, strict=True)
        if producer >= 0
    ]


def _record(planes: Sequence[Plane], layer: Layer, y: int, event: int, lives: dict[int, Lifetimes]) -> None:
    for source in layer.inputs:
        rows, height = source.rows, planes[source.plane].height
        top = y * rows.stride - rows.before
        inside = [r for r in range(top, top + rows.kernel * rows.dilation, rows.dilation) if 0 <= r < height]
        if inside:  # there may be none, where only padding is seen
            life = _life(source.plane, lives)
            for row in inside:
                if row not in life.birth:
                    life.birth[row] = -1
                life.death[row] = event
    life = _life(layer.output, lives)
    life.birth.setdefault(y, event)
    life.death[y] = event


def _life(plane: int, lives: dict[int, Lifetimes]) -> Lifetimes:
    life = lives.get(plane)
    if life is None:
        life = lives[plane] = Lifetimes({}, {})
    return life


def ring_rows(life: Lifetimes) -> int:
    """Slots that a ring needs so that no row is overwritten before its last reader."""
    slots = 1
    alive: list[int] = []
    for row, born in sorted(life.birth.items()):
        alive = [r for r in alive if life.death[r] >= born]
        alive.append(row)
        slots = max(slots, row - min(alive) + 1)
    return slots
