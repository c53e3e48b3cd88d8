"""What models of others need: operators, ends and heads that our own training does not write."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError, ExportError, FormatError
from firmware.compiler import compile_model
from firmware.package import package
from firmware.packages.golden import Reference
from firmware.packages.spec import PackageSpec
from tests.firmware import graphs, host, operators
from tests.firmware.graphs import Maker
from tests.firmware.packages_made import SANITIZED, classifier, objects, packed, run, sources, unpacked
from tests.firmware.test_api import build
from tests.firmware.writer import Writer

PIXEL = 1 / 255


@pytest.mark.parametrize(
    "name",
    ["maximum", "resize", "pad_with", "slice", "split", "prelu", "extreme", "blocks", "shuffle", "over_channels"],
)
@pytest.mark.parametrize("seed", range(6))
def test_operator(name: str, seed: int, tmp_path: Path) -> None:
    r = np.random.default_rng(seed)
    maker = Maker(r, graphs._image(r))
    (getattr(maker, name, None) or partial(getattr(operators, name), maker))()
    maker.unary()
    assert host.mismatches(maker.finish(), tmp_path, 4)[0] == 0


@pytest.mark.parametrize("name", ["HARD_SWISH", "ABS", "NEG", "EXP", "GELU"])
@pytest.mark.parametrize("scale", [1 / 16, 0.0245, 0.1])
def test_every_value_of_a_function(name: str, scale: float, tmp_path: Path) -> None:
    maker = Maker(np.random.default_rng(4), (1, 256))
    maker.w.tensors[0]["scales"], maker.scale = [scale], scale
    out = (scale, maker.zero) if name == "NEG" else (0.0392, -100)
    maker.put(name, [maker.now], maker.shape, *out)
    data, values = maker.finish(), np.arange(-128, 128, dtype=np.int8)[None]
    assert np.array_equal(host.Host(data, tmp_path)(values), host.Reference(data)(values))


def _by_shape() -> bytes:
    """SHAPE, STRIDED_SLICE, PACK before a RESHAPE, as converters write it for a free batch."""
    w = Writer()
    given = w.tensor((1, 4, 2, 4), 0.1, 3)
    shape = w.operator("SHAPE", [given], w.tensor((4,), [], dtype="int32"), type=2)
    bounds = [w.constant(v) for v in ([0], [1], [1])]
    batch = w.operator(
        "STRIDED_SLICE", [shape, *bounds], w.tensor((), [], dtype="int32"), begin_mask=0, end_mask=0, ellipsis=0,
        new_axis=0, shrink=1,
    )  # fmt: skip
    wanted = w.operator("PACK", [batch, w.constant(32)], w.tensor((2,), [], dtype="int32"), count=2, axis=0)
    out = w.operator("RESHAPE", [given, wanted], w.tensor((1, 32), 0.1, 3))
    return w.finish([given], [out])


def test_shapes_are_folded(tmp_path: Path) -> None:
    assert host.mismatches(_by_shape(), tmp_path, 3) == (0, 96)


def _float_ends() -> bytes:
    """One dense layer between a float input and a float output."""
    r = np.random.default_rng(1)
    w = Writer()
    given, out = w.tensor((1, 12), [], dtype="float32"), w.tensor((1, 3), [], dtype="float32")
    inside = w.operator("QUANTIZE", [given], w.tensor((1, 12), 0.05, 7))
    weights = w.tensor((3, 12), 0.02, data=r.integers(-90, 90, (3, 12)).astype(np.int8))
    made = w.operator("FULLY_CONNECTED", [inside, weights, -1], w.tensor((1, 3), 0.3, -4), activation=0)
    w.operator("DEQUANTIZE", [made], out)
    return w.finish([given], [out])


def _job(data: bytes, folder: Path, count: int, **options: object) -> PackageSpec:
    path = folder / "m.tflite"
    path.write_bytes(data)
    labels = folder / "l.txt"
    labels.write_text("".join(f"class {i}\n" for i in range(count)))
    made = package(path, name="tiny", version="3", labels=labels, output=folder / "o.zip", **options)  # type: ignore[arg-type]
    assert made.checked == 7
    return made.spec


def test_float_ends_are_taken_off(tmp_path: Path) -> None:
    assert _job(_float_ends(), tmp_path, 3).model.input.dtype == "int8"


def test_an_unused_quantised_dimension_does_not_matter(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    w = Writer()
    given = w.tensor((1, 6), 0.1, 0)
    weights = w.tensor((4, 6), 0.02, data=np.arange(24, dtype=np.int8).reshape(4, 6))
    bias = w.tensor((4,), 0.002, dtype="int32", data=np.arange(4, dtype=np.int32), dimension=3)
    out = w.operator("FULLY_CONNECTED", [given, weights, bias], w.tensor((1, 4), 0.3, 0), activation=0)
    data = w.finish([given], [out])
    with pytest.raises(ValueError, match="quantized_dimension"):
        Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF).allocate_tensors()
    assert host.mismatches(data, tmp_path / "c", 3)[0] == 0
    assert Reference(data, compile_model(data, name="m"))(np.zeros((1, 6), np.int8)).size == 4
    _job(data, tmp_path, 4)


def test_several_outputs(tmp_path: Path) -> None:
    maker = Maker(np.random.default_rng(3), (1, 5, 6, 4))
    maker.conv(kernel=1)
    first = maker.now
    maker.dense()
    data = maker.w.finish([maker.first], [first, maker.now])
    assert host.mismatches(data, tmp_path / "c", 4)[0] == 0
    count = int(np.prod(maker.shape))
    job = _job(data, tmp_path, count)
    assert job.output == 1
    with pytest.raises(DataError, match=rf"outputs \[1, 5, .*, {count} outputs .*, but there are {count + 1} labels"):
        _job(data, tmp_path, count + 1)


def fomo(rows: int, columns: int, classes: int) -> bytes:
    """A head of cells right on the picture: each cell's scores are its first pixel's bytes."""
    w = Writer()
    size = (1, rows * 8, columns * 8, 3)
    given = w.tensor(size, PIXEL, -128)
    kernel = np.zeros((classes + 1, 1, 1, 3), np.int8)
    for i in range(classes):
        kernel[i + 1, 0, 0, i] = 127
    weights = w.tensor(kernel.shape, 1 / 127, data=kernel)
    bias = w.tensor((classes + 1,), PIXEL / 127, dtype="int32", data=np.zeros(classes + 1, np.int32))
    shape = (1, rows, columns, classes + 1)
    options = {"padding": 1, "stride_w": 8, "stride_h": 8, "activation": 0, "dilation_w": 1, "dilation_h": 1}
    out = w.operator("CONV_2D", [given, weights, bias], w.tensor(shape, 1 / 256, -128), **options)
    return w.finish([given], [out])


BOXES = """
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include <stdio.h>
static int pixels(size_t offset, size_t length, float *out)
{
    for (size_t i = 0; i < length; i++) {
        const size_t at = offset + i, x = at % EI_CLASSIFIER_INPUT_WIDTH / 8, y = at / EI_CLASSIFIER_INPUT_WIDTH / 8;
        const char *rows[] = {"aa.....b", ".a.....b", "........", "c..a....", "....a..."};
        const char cell = rows[y][x];
        out[i] = cell == 'a' ? 0xff0000 : cell == 'b' ? 0x00f000 : cell == 'c' ? 0x700000 : 0;
    }
    return 0;
}
int main(void)
{
    signal_t signal = {pixels, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE};
    ei_impulse_result_t result;
    if (run_classifier(&signal, &result, false) != EI_IMPULSE_OK) {
        return 1;
    }
    for (uint32_t i = 0; i < result.bounding_boxes_count; i++) {
        const ei_impulse_result_bounding_box_t *b = &result.bounding_boxes[i];
        printf("%s %u %u %u %u\\n", b->label, (unsigned)b->x, (unsigned)b->y, (unsigned)b->width, (unsigned)b->height);
    }
    return 0;
}
"""


@pytest.mark.parametrize("labels", [["red", "green"], ["background", "red", "green"]], ids=["labels", "background too"])
def test_cells_of_a_class_that_touch_are_one_object(labels: list[str], tmp_path: Path) -> None:
    folder = unpacked(packed(fomo(5, 8, 2), tmp_path, names=labels), tmp_path / "c")
    (folder / "boxes.c").write_text(BOXES)
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", *SANITIZED, "-I.", *sources(folder), "boxes.c"]
    run([*command, "-o", "boxes"], folder)
    found = run(["./boxes"], folder).decode().splitlines()
    assert found == ["red 0 0 16 16", "green 56 0 8 16", "red 24 24 16 16"]
    text = (folder / "model-parameters/model_metadata.h").read_text()
    assert "#define EI_CLASSIFIER_OBJECT_DETECTION 1\n" in text
    assert "#define EI_CLASSIFIER_LABEL_COUNT 2\n" in text


REFUSED = {
    "SVDF": r"operator 0 \(SVDF\): .*train with 1-D convolutions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": r"\(UNIDIRECTIONAL_SEQUENCE_LSTM\): .*or unroll the layer",
    "VAR_HANDLE": r"\(VAR_HANDLE\): .*keeps state between calls: export its non-streaming form",
    "SUM": r"\(SUM\): .*use MEAN",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_stays_refused_says_the_way_out(name: str) -> None:
    maker = Maker(np.random.default_rng(0), (1, 4))
    maker.put(name, [maker.now], maker.shape, 0.1, 0)
    with pytest.raises(ExportError, match=REFUSED[name]):
        compile_model(maker.finish(), name="m")


def test_a_large_multiplier_and_a_weight_zero_point_are_called_that() -> None:
    maker = Maker(np.random.default_rng(0), (1, 4))
    weights = maker.w.tensor((2, 4), 0.02, 0, "int8", np.ones((2, 4), np.int8))
    maker.w.tensors[0]["scales"] = [8.0]
    maker.put("FULLY_CONNECTED", [maker.now, weights, -1], (1, 2), 0.0003, 0, activation=0)
    with pytest.raises(ExportError, match=r"the multiplier 533\.3, which needs a left shift of 10; the engine has 7"):
        compile_model(maker.finish(), name="m")
    maker.w.tensors[weights]["zeros"] = [3]
    with pytest.raises(ExportError, match="weights with the zero point 3"):
        compile_model(maker.finish(), name="m")


def test_compiled_c_that_differs_is_not_given_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reference, "outputs_of", lambda self, values: [np.full(3, 7, np.uint8)])
    with pytest.raises(ExportError, match=r"tiny: the compiled C fails its self-test \(self-test: output 0 is"):
        packed(classifier(), tmp_path)
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.shared
@pytest.mark.parametrize("name", [
    "keras_se", "mlperf_ad01", "mlperf_kws", "tflm_hello_world", "tflm_micro_speech", "tinymaix_mnist_resnet",
    *(pytest.param(n, marks=pytest.mark.slow) for n in (
        "mlperf_resnet", "mlperf_vww", "tflm_person_detect", "tinymaix_mbnet96")),
])  # fmt: skip
def test_real_models_package_and_pass_their_self_test(name: str, shared: Path, tmp_path: Path) -> None:
    data = (shared / f"models/others/{name}.tflite").read_bytes()
    _job(data, tmp_path, int(np.prod(compile_model(data, name="m").outputs[0].shape)))


CASES = {
    "float-ends/dense_float_io": 3,
    "pixel-range/range_0_255": 3,
    "se-broadcast/gate_relu_16x16x4": 256,
    "se-broadcast/keras_se_logits_48": 3,
    "se-broadcast/se_pointwise_16x16x4": 256,
    "shape-chain/flatten_by_shape": 3,
    "unused-quantized-dimension/bias_dimension_3": 36,
}


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_case_packages(name: str, shared: Path, tmp_path: Path) -> None:
    options = {} if name.startswith(("pixel", "se-broadcast/keras")) else {"sensor": "unknown"}
    _job((shared / f"cases/firmware/{name}.tflite").read_bytes(), tmp_path, CASES[name], **options)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["leaky-relu-tie/leaky_0245_0392", "mul-float-division/mul_0245_0035_0392"])
def test_case_is_exact_for_every_value(name: str, shared: Path, tmp_path: Path) -> None:
    data = (shared / f"cases/firmware/{name}.tflite").read_bytes()
    shape = compile_model(data, name="m").input.shape
    values = np.resize(np.arange(-128, 128), (256, int(np.prod(shape)))) + np.arange(256)[:, None]
    values = values.astype(np.int8)
    assert np.array_equal(host.Host(data, tmp_path)(values), host.Reference(data)(values))


@pytest.mark.shared
def test_case_standalone_main(shared: Path, tmp_path: Path) -> None:
    folder = unpacked(packed(classifier(), tmp_path), tmp_path / "c")
    made = objects(folder)
    main = str(shared / "cases/firmware/standalone-main/main.cpp")
    run(["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-I.", main, *made, "-o", "standalone"], folder)
    assert b"Predictions:\n  class 0: 0." in run(["./standalone"], folder)


def test_a_plain_c_sketch_of_the_smallest_kind(tmp_path: Path) -> None:
    folder = unpacked(packed(classifier(), tmp_path), tmp_path / "c")
    build("plain.c", folder, objects(folder, *SANITIZED), *SANITIZED)
    assert b"class 2" in run(["./plain"], folder)


def test_more_than_one_subgraph_is_refused() -> None:
    data = bytearray(_float_ends())
    with pytest.raises(FormatError):
        compile_model(bytes(data[:40]), name="m")


CALLER = """
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "self-test/ei_self_test.h"
int @(void);
int @(void) { ei_impulse_result_t result; (void)result; return ei_self_test() == EI_IMPULSE_OK; }
"""


def test_two_packages_in_one_program(tmp_path: Path) -> None:
    made: list[str] = []
    for name, model in (("one", classifier()), ("two", classifier(channels=1))):
        (tmp_path / name).mkdir()
        folder = unpacked(packed(model, tmp_path / name, name=name), tmp_path / name / "c")
        (folder / "caller.c").write_text(CALLER.replace("@", f"{name}_works"))
        run(["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-I.", "-c", "caller.c"], folder)
        made += [*objects(folder), str(folder / "caller.o")]
    main = "int one_works(void); int two_works(void); int main(void) { return !(one_works() && two_works()); }"
    (tmp_path / "main.c").write_text(main)
    run(["gcc", "main.c", *made, "-o", "both"], tmp_path)
    assert run(["./both"], tmp_path).count(b"self-test: passed") == 2
