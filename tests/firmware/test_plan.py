"""The plan: no two rows that are alive together share a byte, and the arena is small."""

from __future__ import annotations

from pathlib import Path

import graphs
import numpy as np
import pytest

from firmware.compiler import compile_model, tflite
from firmware.compiler.kernels import kernel
from firmware.compiler.layers import Program
from firmware.compiler.lower import lower
from firmware.compiler.plan import Plan, plan
from firmware.compiler.schedule import replay


def _planned(data: bytes) -> tuple[Program, Plan]:
    program = lower(tflite.read(data))
    return program, plan(program, [kernel(program, layer).scratch for layer in program.layers])


def _check(program: Program, made: Plan) -> None:
    """Replays the plan on an arena of tags: every row that is read must still hold what was written to it."""
    arena = np.full(made.arena, -1, np.int64)

    def place(plane: int, row: int) -> slice:
        p = program.planes[plane]
        start = made.offsets[plane] + row % made.rings[plane] * p.row_bytes
        assert 0 <= start <= start + p.row_bytes <= made.arena
        return slice(start, start + p.row_bytes)

    def tag(plane: int, row: int) -> int:
        return plane * 100000 + row

    for row in range(program.planes[program.input].height):
        arena[place(program.input, row)] = tag(program.input, row)
    for group in made.groups:
        events, _ = replay(program, group.stages, 0)
        for number, y in events:
            layer = program.layers[group.stages[number].layer]
            for source in layer.inputs:
                top = y * source.rows.stride - source.rows.before
                for k in range(source.rows.kernel):
                    row = top + k * source.rows.dilation
                    if 0 <= row < program.planes[source.plane].height:
                        assert (arena[place(source.plane, row)] == tag(source.plane, row)).all(), (layer.label, y, row)
            arena[place(layer.output, y)] = tag(layer.output, y)
    for row in range(program.planes[program.output].height):
        assert (arena[place(program.output, row)] == tag(program.output, row)).all()


@pytest.mark.parametrize("seed", range(3 * graphs.KINDS))
def test_rows_live_as_long_as_they_are_read(seed: int) -> None:
    _check(*_planned(graphs.graph(seed)))


@pytest.mark.shared
@pytest.mark.parametrize(("name", "limit"), [("A", 110_000), ("B", 48_000)])
def test_arena_of_real_models(name: str, limit: int, shared: Path) -> None:
    program, made = _planned((shared / f"models/{name}.tflite").read_bytes())
    _check(program, made)
    assert made.arena <= limit
    assert made.arena <= 1.05 * made.bound


def test_expanded_tensors_are_never_whole() -> None:
    program, made = _planned(graphs.graph(15))
    assert any(ring < p.height for ring, p in zip(made.rings, program.planes, strict=True))


def test_output_is_reproducible() -> None:
    data = graphs.graph(16)
    assert compile_model(data, name="m").files == compile_model(data, name="m").files
