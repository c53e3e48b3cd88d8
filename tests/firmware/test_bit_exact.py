"""Compiled models compute the reference interpreter's bytes. The long run is `bench/firmware_exact.py`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import graphs
import host
import numpy as np
import pytest
from graphs import Maker

from firmware.compiler import ENGINE, compile_model

SAMPLES = "data/ei-samples/python-sdk/sample_models"


@pytest.mark.parametrize("seed", range(graphs.KINDS))
def test_random_graph_of_each_kind(seed: int, tmp_path: Path) -> None:
    wrong, total = host.mismatches(graphs.graph(seed), tmp_path, 4)
    assert (wrong, total > 0) == (0, True)


@pytest.mark.parametrize("seed", [16, 18])
def test_chains_under_the_sanitizers(seed: int, tmp_path: Path) -> None:
    wrong, _ = host.mismatches(graphs.graph(seed), tmp_path, 4, host.SANITIZED)
    assert wrong == 0


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param(f"{SAMPLES}/gestures-i8.lite", 200, id="gestures"),
        pytest.param(f"{SAMPLES}/fomo.96x96.i8q.lite", 2, id="fomo"),
        pytest.param("data/ei-samples/singtown-rubbish4/trained.tflite", 2, id="rubbish4"),
        pytest.param("models/B.tflite", 2, id="B"),
        pytest.param("models/B_dense.tflite", 2, id="B_dense"),
        pytest.param("models/A.tflite", 1, id="A", marks=pytest.mark.slow),
        pytest.param("models/A_dense.tflite", 1, id="A_dense", marks=pytest.mark.slow),
    ],
)
def test_real_model(model: str, inputs: int, shared: Path, tmp_path: Path) -> None:
    wrong, _ = host.mismatches((shared / model).read_bytes(), tmp_path, inputs)
    assert wrong == 0


def test_every_value_of_every_function(tmp_path: Path) -> None:
    cases = [
        ("LOGISTIC", 1 / 256, -128),
        ("TANH", 1 / 128, 0),
        ("RELU", 0.07, -20),
        ("RELU6", 0.03, -128),
        ("QUANTIZE", 0.2, 5),
    ]
    for number, (name, scale, zero) in enumerate(cases):
        maker = Maker(np.random.default_rng(number), (1, 1, 256))
        maker.put(name, [maker.now], maker.shape, scale, zero)
        data = maker.finish()
        values = np.arange(-128, 128, dtype=np.int8)[None]
        made = host.Host(data, tmp_path / name)(values)
        assert np.array_equal(made, host.Reference(data)(values)), name


@pytest.mark.parametrize(
    ("arena", "size", "status"),
    [("0", "MODEL_ARENA_BYTES", 1), ("memory", "MODEL_ARENA_BYTES - 1", 2), ("memory + 1", "MODEL_ARENA_BYTES", 3)],
    ids=["null", "small", "unaligned"],
)
def test_arena_is_checked(arena: str, size: str, status: int, tmp_path: Path) -> None:
    model = compile_model(graphs.graph(0), name="model")
    sources = host.write(model, tmp_path)
    main = tmp_path / "main.c"
    call = f"model_invoke({arena}, {size})"
    main.write_text(
        '#include "model.h"\nstatic uint32_t words[MODEL_ARENA_BYTES / 4 + 1];\n'
        f"int main(void) {{ char *memory = (char *)words; return memory ? (int){call} : 9; }}\n"
    )
    command = ["gcc", *host.WARNINGS, f"-I{ENGINE}", f"-I{tmp_path}", *sources, str(main), "-o", str(tmp_path / "m")]
    subprocess.run(command, check=True)
    assert subprocess.run([str(tmp_path / "m")], check=False).returncode == status
