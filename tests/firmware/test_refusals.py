"""What the compiler cannot do, it refuses by name and place; what is broken, it refuses at all."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

from ei_compat.core.errors import EiTrainError, ExportError, FormatError, LimitError, UsageError
from firmware.compiler import compile_model
from tests.firmware import graphs
from tests.firmware.graphs import Maker
from tests.firmware.writer import Writer


def _maker(shape: tuple[int, ...] = (1, 4, 4, 2)) -> Maker:
    return Maker(np.random.default_rng(0), shape)


def _unknown_operator() -> bytes:
    maker = _maker()
    maker.same("GATHER", [], maker.shape)
    return maker.finish()


def _float_model() -> bytes:
    writer = Writer()
    a, b = writer.tensor((1, 4), [], dtype="float32"), writer.tensor((1, 4), [], dtype="float32")
    writer.operator("RELU", [a], b)
    return writer.finish([a], [b])


def _tanh_activation() -> bytes:
    maker = _maker()
    maker.put("ADD", [maker.now, maker.now], maker.shape, 0.1, 0, activation=4)
    return maker.finish()


def _grouped() -> bytes:
    maker = _maker()
    weights = maker.w.tensor((2, 1, 1, 1), [0.1, 0.1], 0, "int8", np.ones((2, 1, 1, 1), np.int8), 0)
    maker.put("CONV_2D", [maker.now, weights], maker.shape, 0.1, 0, padding=0, stride_h=1, stride_w=1)
    return maker.finish()


def _two_inputs() -> bytes:
    writer = Writer()
    a, b, c = (writer.tensor((1, 4)) for _ in range(3))
    writer.operator("ADD", [a, b], c, activation=0)
    return writer.finish([a, b], [c])


def _batch() -> bytes:
    maker = _maker((2, 4, 4, 2))
    maker.unary()
    return maker.finish()


def _tiny_softmax() -> bytes:
    maker = _maker((1, 4))
    maker.w.tensors[maker.first]["scales"] = [1e-12]
    maker.softmax()
    return maker.finish()


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        pytest.param(_unknown_operator(), ExportError, ["operator 0 (GATHER)", "supported:", "CONV_2D"], id="operator"),
        pytest.param(_float_model(), ExportError, ["float32", "int8"], id="float"),
        pytest.param(_tanh_activation(), ExportError, ["operator 0 (ADD)", "activation 4", "RELU6"], id="activation"),
        pytest.param(_grouped(), ExportError, ["operator 0 (CONV_2D)", "grouped"], id="grouped"),
        pytest.param(_two_inputs(), ExportError, ["2 inputs", "one input"], id="inputs"),
        pytest.param(_batch(), ExportError, ["batch 1"], id="batch"),
        pytest.param(_tiny_softmax(), ExportError, ["operator 0 (SOFTMAX)", "too small"], id="softmax"),
        pytest.param(b"", FormatError, ["not a .tflite file"], id="empty"),
        pytest.param(b"PK\x03\x04" * 10, FormatError, ["not a .tflite file"], id="zip"),
        pytest.param(graphs.graph(0)[:200], FormatError, ["at byte"], id="truncated"),
    ],
)
def test_refusal_names_what_and_where(data: bytes, error: type[EiTrainError], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        compile_model(data, name="model", file="some.tflite")
    line = str(caught.value)
    assert "some.tflite" in line
    assert "\n" not in line
    for word in words:
        assert word in line


def test_huge_dimensions_are_refused() -> None:
    writer = Writer()
    a, b = writer.tensor((1, 60000, 60000, 1)), writer.tensor((1, 60000, 60000, 1))
    writer.operator("RELU", [a], b)
    with pytest.raises((ExportError, FormatError, LimitError)):
        compile_model(writer.finish([a], [b]), name="model")


@pytest.mark.parametrize("name", ["", "---", "é"])
def test_name_without_letters(name: str) -> None:
    with pytest.raises(UsageError):
        compile_model(graphs.graph(0), name=name)


def test_damaged_files_never_crash_the_compiler() -> None:
    r = random.Random(3)
    seeds = [graphs.graph(i) for i in (0, 3, 15)]
    for _ in range(300):
        data = bytearray(r.choice(seeds))
        for _ in range(r.choice((1, 3))):
            at = r.randrange(len(data) // 4) * 4
            data[at : at + 4] = r.choice((0, 1, 255, 1 << 31, r.randrange(1 << 32))).to_bytes(4, "little")
        with contextlib.suppress(EiTrainError):
            compile_model(bytes(data), name="model")
