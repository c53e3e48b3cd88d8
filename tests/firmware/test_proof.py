"""The proof of a schedule finds every fault of the planner that is put into it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import ExportError
from firmware.compiler import compile_model, layers, lower, proof, schedule
from firmware.compiler.ctables import read_tables
from firmware.compiler.layers import Input
from tests.firmware import graphs, networks


def _gated(seed: int = 0) -> bytes:
    """A mean over height and width that multiplies what it is the mean of, and a layer behind it."""
    made = networks.Network(networks.random(seed), (1, 8, 9, 4))
    made.conv(kernel=1)
    made.gate()
    made.unary()
    return made.finish()


def _source(data: bytes) -> tuple[str, tuple[int, int]]:
    model = compile_model(data, name="m")
    return model.files["m.c"], (model.rows_arena_bytes, model.arena_bytes)


LATE = 6440  # its input is read where it lies in the arena, and the last row after other tensors have come and gone


@pytest.mark.parametrize("seed", [*range(50), *range(5000, 5030), LATE])
def test_networks_are_proved(seed: int) -> None:
    compile_model(networks.network(seed), name="m")


@pytest.mark.parametrize("before", ["nothing", "layers"])
def test_an_input_of_which_only_padding_is_seen(before: str) -> None:
    made = networks.Network(networks.random(0), (1, 3, 4, 2))
    if before == "layers":
        made.unary()
        made.gate()
    values, shape = made.w.tensor((), made.scale, made.zero, "int8", np.array(made.zero ^ 1, np.int8)), made.shape
    made.same("PADV2", [made.w.constant([(0, 0), (1, 0), (0, 0), (0, 0)]), values], (1, shape[1] + 1, *shape[2:]))
    made.same(
        "MAX_POOL_2D", [], (1, 1, 1, shape[3]), padding=1, stride_h=4, stride_w=4, filter_h=1, filter_w=1, activation=0
    )
    compile_model(made.finish(), name="m")


def test_an_operand_of_one_row_that_dies_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_model(_gated(), name="m")
    monkeypatch.setattr(
        lower._Lowering, "_operand", lambda self, index, own, shape: Input(self.planes(index, own), layers.ROW)
    )
    with pytest.raises(ExportError, match=r"wrong: eit_(add|sub|sum|mul).*, row 1 does not find row [01] of"):
        compile_model(_gated(), name="m")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["gate_relu_16x16x4", "keras_se_logits_48", "se_pointwise_16x16x4"])
def test_the_same_in_real_blocks(name: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        lower._Lowering, "_operand", lambda self, index, own, shape: Input(self.planes(index, own), layers.ROW)
    )
    with pytest.raises(ExportError, match="eit_mul, row 1 does not find row 0 of tensor"):
        compile_model((shared / f"cases/firmware/se-broadcast/{name}.tflite").read_bytes(), name="m")


def test_rows_that_the_schedule_takes_for_dead_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    record = schedule._record

    def forgetful(planes: object, layer: layers.Layer, y: int, event: int, lives: object) -> None:
        if y == 0 or all(s.rows.stride for s in layer.inputs):
            record(planes, layer, y, event, lives)  # type: ignore[arg-type]

    monkeypatch.setattr(schedule, "_record", forgetful)
    with pytest.raises(ExportError, match="schedule is wrong"):
        compile_model(_gated(), name="m")


def _changed(source: str, table: str, row: int, field: int, value: int) -> str:
    """The source with one number of one row of a table changed."""
    head, body, tail = re.split(
        rf"(static const eit_tensor {table}\[\] = \{{\n.*?\n\}};)", source, maxsplit=1, flags=re.S
    )
    lines = body.split("\n")
    numbers = lines[row + 1].split(", ")
    numbers[field] = ("    {" if field == 0 else "") + f"{value}u"
    lines[row + 1] = ", ".join(numbers)
    return head + "\n".join(lines) + tail


@pytest.mark.parametrize("number", range(7))
def test_every_tensor_at_another_tensors_place_is_found(number: int) -> None:
    source, arena = _source(graphs.graph(16))
    tensors = read_tables(source).arrays["tensors"]
    assert number < len(tensors)
    proof.prove(read_tables(source), arena, "m")
    moved = _changed(source, "tensors", number, 0, arena[1] - 1)
    with pytest.raises(ExportError, match="schedule is wrong"):
        proof.prove(read_tables(moved), arena, "m")


def test_a_ring_that_is_too_small_is_found() -> None:
    made = networks.Network(networks.random(0), (1, 12, 9, 4))
    for step in ({"kernel": 1}, {"kernel": 3, "depthwise": True}, {"kernel": 1}):
        made.conv(**step)
    source, arena = _source(made.finish())
    tensors = read_tables(source).arrays["tensors"]
    ring = next(i for i, t in enumerate(tensors) if 1 < t["ring"] < t["height"])  # type: ignore[operator]
    smaller = _changed(source, "tensors", ring, 2, int(tensors[ring]["ring"]) - 1)  # type: ignore[arg-type]
    with pytest.raises(ExportError, match="does not find row"):
        proof.prove(read_tables(smaller), arena, "m")


@pytest.mark.parametrize("less", [(8, 0), (0, 8)], ids=["rows", "whole"])
def test_an_arena_that_is_too_small_is_found(less: tuple[int, int]) -> None:
    source, arenas = _source(graphs.graph(16))
    with pytest.raises(ExportError, match="schedule is wrong"):
        proof.prove(read_tables(source), (arenas[0] - less[0], arenas[1] - less[1]), "m")
