"""The plan: the arena is small. That no row is lost, every compilation proves (`test_proof.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.compiler import compile_model, tflite
from firmware.compiler.kernels import kernels
from firmware.compiler.layers import Program
from firmware.compiler.lower import lower
from firmware.compiler.plan import Plan, plans
from tests.firmware import graphs


def _planned(data: bytes) -> tuple[Program, Plan, Plan]:
    program = lower(tflite.read(data))
    return program, *plans(program, [kernel.scratch for kernel in kernels(program)])


@pytest.mark.shared
@pytest.mark.parametrize(("name", "whole", "rows"), [("A", 81_488, 36_000), ("B", 30_544, 18_500)])
def test_arena_of_real_models(name: str, whole: int, rows: int, shared: Path) -> None:
    _, *both = _planned((shared / f"models/{name}.tflite").read_bytes())
    for made, limit in zip(both, (whole, rows), strict=True):
        assert made.arena <= limit
        assert made.arena <= 1.05 * made.bound


def test_expanded_tensors_are_never_whole() -> None:
    program, whole, rows = _planned(graphs.graph(15))
    assert any(ring < p.height for ring, p in zip(whole.rings, program.planes, strict=True))
    assert rows.arena <= whole.arena


def test_output_is_reproducible() -> None:
    data = graphs.graph(16)
    assert compile_model(data, name="m").files == compile_model(data, name="m").files
