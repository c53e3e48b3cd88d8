"""Measured in QEMU, the bars hold; without it, the estimate is close."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from firmware import profile, qemu
from firmware.compiler import compile_model
from firmware.profile import COUNTED, ESTIMATED, profile_model
from tests.firmware import graphs, host

MILLION = 1_000_000


@pytest.mark.qemu
@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "instructions", "flash", "rows", "whole"),
    [
        pytest.param("B", 21.5, 0.34, 18_500, 30_544, id="B"),
        pytest.param("A", 55, 0.34, 36_000, 81_488, id="A", marks=pytest.mark.slow),
        pytest.param("A_dense", 128, 0.85, 36_000, 81_488, id="A_dense", marks=pytest.mark.slow),
    ],
)
def test_bars(name: str, instructions: float, flash: float, rows: int, whole: int, shared: Path) -> None:
    """Millions of instructions, of the .tflite's bytes, and bytes of both arenas."""
    data = (shared / f"models/{name}.tflite").read_bytes()
    model = compile_model(data, name=name)
    example = np.frombuffer(profile._example(model), np.int8)
    inputs = np.stack([example, host.images(model.input.shape, 1)[0]])
    made = qemu.measure(model, [row.tobytes() for row in inputs])  # counted: the first
    assert np.array_equal(np.array(made.outputs).astype(np.uint8), host.Reference(data)(inputs))
    assert made.instructions <= instructions * MILLION
    assert made.two_workers <= 0.56 * made.instructions
    assert model.rows_arena_bytes <= rows
    assert model.arena_bytes <= whole
    assert made.text <= flash * len(data)
    assert made.stack < 2048
    assert made.data == 0
    estimate = sum(layer.instructions for layer in model.layers)
    assert abs(estimate / made.instructions - 1) < 0.1


@pytest.mark.qemu
@pytest.mark.shared
@pytest.mark.parametrize("name", [
    "keras_se", "tflm_hello_world", "tflm_micro_speech",
    *(pytest.param(n, marks=pytest.mark.slow) for n in (
        "mlperf_ad01", "mlperf_kws", "mlperf_resnet", "mlperf_vww", "tflm_person_detect", "tinymaix_mbnet96",
        "tinymaix_mnist_resnet")),
])  # fmt: skip
def test_the_estimate_is_within_15_percent_of_what_is_counted(name: str, shared: Path) -> None:
    data = (shared / f"models/others/{name}.tflite").read_bytes()
    counted, estimate = profile_model(data), profile_model(data, count=False)
    assert abs(estimate.instructions / counted.instructions - 1) < 0.15


@pytest.mark.qemu
def test_small_graphs_on_the_target() -> None:
    for seed in (15, 19):
        data = graphs.graph(seed)
        model = compile_model(data, name="model")
        inputs = host.images(model.input.shape, 2)
        made = qemu.measure(model, [row.tobytes() for row in inputs])
        assert np.array_equal(np.array(made.outputs).astype(np.uint8), host.Reference(data)(inputs))


def test_estimate_is_labelled_and_json() -> None:
    estimate = profile_model(graphs.graph(16), count=False)
    assert estimate.method == estimate.flash_method == ESTIMATED
    made = json.loads(json.dumps(estimate.as_json()))
    assert made["instructions"]["total"] == sum(layer["instructions"] for layer in made["layers"])
    assert {"arena_bytes", "flash_bytes", "tflite_bytes", "layers"} <= made.keys()
    assert all("estimate" in t["formula"] for t in made["times"].values())


@pytest.mark.qemu
def test_count_is_labelled_and_the_same_each_time() -> None:
    first, second = (profile_model(graphs.graph(16)) for _ in range(2))
    assert first == second
    assert first.method == COUNTED
