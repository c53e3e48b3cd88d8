"""The plan: the arena is small. That no row is lost, every compilation proves (`test_proof.py`)."""

from __future__ import annotations

from pathlib import Path

import graphs
import pytest

from firmware.compiler import compile_model, tflite
from firmware.compiler.kernels import kernel
from firmware.compiler.layers import Program
from firmware.compiler.lower import lower
from firmware.compiler.plan import Plan, plan


def _planned(data: bytes) -> tuple[Program, Plan]:
    program = lower(tflite.read(data))
    return program, plan(program, [kernel(program, layer).scratch for layer in program.layers])


@pytest.mark.shared
@pytest.mark.parametrize(("name", "limit"), [("A", 110_000), ("B", 48_000)])
def test_arena_of_real_models(name: str, limit: int, shared: Path) -> None:
    _, made = _planned((shared / f"models/{name}.tflite").read_bytes())
    assert made.arena <= limit
    assert made.arena <= 1.05 * made.bound


def test_expanded_tensors_are_never_whole() -> None:
    program, made = _planned(graphs.graph(15))
    assert any(ring < p.height for ring, p in zip(made.rings, program.planes, strict=True))


def test_output_is_reproducible() -> None:
    data = graphs.graph(16)
    assert compile_model(data, name="m").files == compile_model(data, name="m").files
