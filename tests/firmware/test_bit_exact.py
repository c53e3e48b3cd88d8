"""Compiled models compute the reference interpreter's bytes. The long run is `bench/firmware_exact.py`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware.compiler import ENGINE, compile_model
from tests.firmware import graphs, host, networks
from tests.firmware.graphs import Maker
from tests.firmware.writer import Writer

SAMPLES = "data/ei-samples/python-sdk/sample_models"


@pytest.mark.parametrize("seed", range(graphs.KINDS))
def test_random_graph_of_each_kind(seed: int, tmp_path: Path) -> None:
    wrong, total = host.mismatches(graphs.graph(seed), tmp_path, 4)
    assert (wrong, total > 0) == (0, True)


@pytest.mark.parametrize("seed", range(16))
def test_random_network(seed: int, tmp_path: Path) -> None:
    wrong, total = host.mismatches(networks.network(seed), tmp_path, 4)
    assert (wrong, total > 0) == (0, True)


@pytest.mark.parametrize("seed", range(4))
def test_random_network_under_the_sanitizers(seed: int, tmp_path: Path) -> None:
    wrong, _ = host.mismatches(networks.network(100 + seed), tmp_path, 4, host.SANITIZED)
    assert wrong == 0


@pytest.mark.parametrize("seed", [16, 18, 20])
def test_two_workers_make_the_same_bytes_and_never_race(seed: int, tmp_path: Path) -> None:
    wrong, _ = host.mismatches(graphs.graph(seed), tmp_path, 4, host.THREADS)
    assert wrong == 0


def test_two_workers_as_tasks_of_freertos(tmp_path: Path) -> None:
    esp = Path(__file__).with_name("esp")
    tasks = ("-DESP_PLATFORM", f"-I{esp / 'idf'}", str(esp / "freertos.c"))
    wrong, _ = host.mismatches(graphs.graph(16), tmp_path, 4, (*host.THREADS, *tasks))
    assert wrong == 0


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_an_operand_of_one_row_lives_as_long_as_the_rows_it_meets(name: str, tmp_path: Path) -> None:
    """A gate, then another layer of the same group; a gate as last layer is right by luck."""
    maker = networks.Network(networks.random(0), (1, 16, 16, 4))
    maker.conv(kernel=3)
    maker.as_image()
    gated = maker.remember()
    maker.mean(True, (1, 2))
    maker.put("LOGISTIC", [maker.now], maker.shape, 1 / 256, -128)
    maker.put(name, [gated.index, maker.now], gated.shape, gated.scale, 0, activation=0)
    maker.unary()
    maker.conv(kernel=1)
    assert host.mismatches(maker.finish(), tmp_path, 8)[0] == 0


def test_a_dense_layer_and_a_padded_convolution_read_the_same_tensor(tmp_path: Path) -> None:
    maker = networks.Network(networks.random(1), (1, 6, 7, 3))
    maker.conv(kernel=1)
    both = maker.remember()
    maker.pad()
    maker.conv(kernel=3, depthwise=True)
    end = maker.remember()
    maker.go(both)
    maker.dense()
    maker.join([end, maker.remember()])
    assert host.mismatches(maker.finish(), tmp_path, 8)[0] == 0


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


VALUES = np.arange(-128, 128, dtype=np.int8)


@pytest.mark.parametrize(
    ("name", "scale", "out", "options"),
    [
        ("LOGISTIC", 2.0**-8, (1 / 256, -128), {}),
        ("LOGISTIC", 2.0**-7, (1 / 256, -128), {}),
        ("TANH", 2.0**-8, (1 / 128, 0), {}),
        ("LEAKY_RELU", 0.0245, (0.0392, -127), {"alpha": 0.2}),
        ("LEAKY_RELU", 0.05, (0.02, 3), {"alpha": 0.1}),
        ("QUANTIZE", 0.0245, (0.0392, -128), {}),
        ("RELU6", 0.035, (6 / 255, -128), {}),
    ],
)  # random scales do not meet the ties
def test_functions_at_round_scales(
    name: str, scale: float, out: tuple[float, int], options: dict[str, float], tmp_path: Path
) -> None:
    w = Writer()
    source, target = w.tensor((1, 256), scale, 1), w.tensor((1, 256), *out)
    w.operator(name, [source], target, **options)
    data = w.finish([source], [target])
    assert np.array_equal(host.Host(data, tmp_path)(VALUES[None]), host.Reference(data)(VALUES[None]))


@pytest.mark.parametrize(
    ("a", "b", "out"),
    [(0.0245, 0.035, 0.0392), (0.02, 0.05, 0.1), (0.5, 0.1, 0.2), (0.023489, 0.031237, 0.039113)],
    ids=["mixed", "tenths", "halves", "learned"],
)
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_all_pairs_of_operands(name: str, a: float, b: float, out: float, tmp_path: Path) -> None:
    w = Writer()
    source, target = w.tensor((1, 256, 1), a, 5), w.tensor((1, 256, 256), out, -20)
    w.operator(name, [source, w.tensor((1, 1, 256), b, -7, "int8", VALUES[None, None])], target, activation=0)
    data = w.finish([source], [target])
    compiled = host.Host(data, tmp_path)
    learned = out == 0.039113  # at round scales results lie between two bytes, where no linear form rounds as is right
    assert ("eit_sum.c" in compiled.model.engine_sources) == (learned and name != "MUL")
    assert np.array_equal(compiled(VALUES[None]), host.Reference(data)(VALUES[None]))


@pytest.mark.parametrize("scale", [0.02, 0.06, 0.1, 0.3, 1.5])
def test_softmax_of_values_far_apart_and_alike(scale: float, tmp_path: Path) -> None:
    w = Writer()
    source, target = w.tensor((1, 40, 5), scale, 3), w.tensor((1, 40, 5), 1 / 256, -128)
    w.operator("SOFTMAX", [source], target, beta=1.0)
    data = w.finish([source], [target])
    values = np.random.default_rng(5).integers(-128, 128, (20, 200)).astype(np.int8)
    values[10:, ::5] = 127  # far above the others, and all alike
    values[15:] = 127
    assert np.array_equal(host.Host(data, tmp_path)(values), host.Reference(data)(values))


@pytest.mark.parametrize(
    ("scale", "zero", "weight", "out"),
    [(0.025, 5, 0.5, 1.6), (0.0078125, 127, 6 / 255, 6 / 255), (0.05, -128, 0.0078125, 0.1), (0.1, 0, 0.05, 0.6)],
)
def test_dense_layers_round_halves_as_the_reference_does(
    scale: float, zero: int, weight: float, out: float, tmp_path: Path
) -> None:
    """Every product of an input and a weight, at multipliers that are powers of two or nearly so."""
    w = Writer()
    source, target = w.tensor((256, 1), scale, zero), w.tensor((256, 255), out, -5)
    weights = w.tensor((255, 1), weight, 0, "int8", VALUES[1:, None])
    w.operator("FULLY_CONNECTED", [source, weights, -1], target, activation=0)
    data = w.finish([source], [target])
    assert np.array_equal(host.Host(data, tmp_path)(VALUES[None]), host.Reference(data)(VALUES[None]))


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
