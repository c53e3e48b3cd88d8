"""The run_classifier interface: input bytes, errors, and sketches in C++."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made import SANITIZED, WARNINGS, classifier, identity, objects, packed, run, unpacked
from PIL import Image

from ei_compat.images import PictureSpec, fit

# Reads floats from stdin, classifies them, writes error code and output bytes.
ECHO = r"""
#include <stdio.h>
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
static float values[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];
static int get_data(size_t offset, size_t length, float *out)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = values[offset + i];
    }
    return 0;
}
int main(void)
{
    ei_impulse_result_t result;
    while (fread(values, sizeof values, 1, stdin) == 1) {
        signal_t signal;
        signal.total_length = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE;
        signal.get_data = get_data;
        signed char error = (signed char)run_classifier(&signal, &result, false);
        fwrite(&error, 1, 1, stdout);
        fwrite(ei_classifier_output(), 1, EI_CLASSIFIER_NN_OUTPUT_COUNT, stdout);
    }
    return 0;
}
"""


def echo(model: bytes, folder: Path, outputs: int, values: np.ndarray, **options: object) -> tuple[int, np.ndarray]:
    """The status and output bytes of one run of an identity model, through C."""
    unpacked(packed(model, folder, outputs, names=[str(i) for i in range(outputs)], **options), folder)
    (folder / "echo.c").write_text(ECHO)
    run(["gcc", "-std=c99", *WARNINGS, *SANITIZED, "-I.", "echo.c", *objects(folder, *SANITIZED), "-o", "echo"], folder)
    answer = run(["./echo"], folder, values.astype(np.float32).tobytes())
    return int(np.int8(answer[0] - 256 if answer[0] > 127 else answer[0])), np.frombuffer(answer[1:], np.int8)


def rgb(pixels: np.ndarray) -> np.ndarray:
    """Pixels [H, W, 3] as a signal."""
    wide = pixels.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


@pytest.fixture(scope="module")
def every_byte() -> np.ndarray:
    """A 16x16 picture in which each channel has every value from 0 to 255."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    return np.stack([ramp, ramp[::-1], ramp.T], axis=-1)


def test_a_pixel_is_its_byte_less_128(tmp_path: Path, every_byte: np.ndarray) -> None:
    error, output = echo(identity((1, 16, 16, 3)), tmp_path, 768, rgb(every_byte))
    assert error == 0
    assert np.array_equal(output, every_byte.reshape(-1).astype(np.int16) - 128)


def test_gray_stays_gray_and_colour_becomes_luma(tmp_path: Path, every_byte: np.ndarray) -> None:
    _, output = echo(identity((1, 16, 16, 1)), tmp_path, 256, rgb(np.repeat(every_byte[..., :1], 3, axis=-1)))
    assert np.array_equal(output, every_byte[..., 0].reshape(-1).astype(np.int16) - 128)
    colours = np.asarray(Image.fromarray(every_byte).convert("L")).reshape(-1)
    answer = run(["./echo"], tmp_path, rgb(every_byte).astype(np.float32).tobytes())
    assert np.array_equal(np.frombuffer(answer[1:], np.int8), colours.astype(np.int16) - 128)


@pytest.mark.parametrize(("scale", "zero"), [(0.0078, -3), (0.0039, -128), (1.0, 0), (0.003, 5)])
def test_another_scale_rounds_as_the_reference(tmp_path: Path, every_byte: np.ndarray, scale: float, zero: int) -> None:
    error, output = echo(identity((1, 16, 16, 3), scale, zero), tmp_path, 768, rgb(every_byte))
    steps = every_byte.reshape(-1).astype(np.float32) / np.float32(255) / np.float32(scale)
    expected = np.clip(np.floor(np.abs(steps) + np.float32(0.5)) + zero, -128, 127)
    assert error == 0
    assert np.array_equal(output, expected)


def test_features_are_real_values(tmp_path: Path) -> None:
    values = np.array([0.0, 0.04, 0.06, -0.06, 0.15, -0.15, 12.7, 1e9, -1e9, np.inf, -np.inf, 3.14])
    error, output = echo(identity((1, 12), 0.1, 7), tmp_path, 12, values)
    assert error == 0
    assert output.tolist() == [7, 7, 8, 6, 9, 5, 127, 127, -128, 127, -128, 38]
    broken = np.where(np.arange(12) == 5, np.nan, values)
    assert run(["./echo"], tmp_path, broken.astype(np.float32).tobytes())[0] == 256 - 5


def test_an_input_like_a_picture_can_be_features(tmp_path: Path) -> None:
    error, output = echo(identity((1, 4, 3, 1), 0.5, 0), tmp_path, 12, np.arange(12) / 2, features=True)
    assert error == 0
    assert output.tolist() == list(range(12))


@pytest.mark.parametrize("value", [-1.0, 16777216.0, np.nan, np.inf], ids=str)
def test_a_pixel_out_of_range_is_an_error(tmp_path: Path, value: float) -> None:
    values = np.zeros(16)
    values[9] = value
    assert echo(identity((1, 4, 4, 3)), tmp_path, 48, values)[0] == -5


# What people write: std::function with a capture, both names of signal_t, aggregate initialisers, own porting functions.
SKETCH = r"""
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
#include "edge-impulse-sdk/dsp/image/image.hpp"
#include "edge-impulse-sdk/dsp/numpy.hpp"

#if !defined(EI_CLASSIFIER_SENSOR) || EI_CLASSIFIER_SENSOR != EI_CLASSIFIER_SENSOR_CAMERA
#error "Invalid model for current sensor"
#endif

static float features[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];
static bool stop = false;
static int printed = 0;

void ei_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printed += vprintf(format, arguments);
    va_end(arguments);
}

EI_IMPULSE_ERROR ei_run_impulse_check_canceled()
{
    return stop ? EI_IMPULSE_CANCELED : EI_IMPULSE_OK;
}

static int raw_feature_get_data(size_t offset, size_t length, float *out_ptr)
{
    memcpy(out_ptr, features + offset, length * sizeof(float));
    return 0;
}

void print_inference_result(ei_impulse_result_t result)
{
    ei_printf("Timing: DSP %d ms, inference %d ms, anomaly %d ms\r\n", result.timing.dsp, result.timing.classification,
              result.timing.anomaly);
#if EI_CLASSIFIER_OBJECT_DETECTION == 1
    for (uint32_t i = 0; i < result.bounding_boxes_count; i++) {
        ei_impulse_result_bounding_box_t bb = result.bounding_boxes[i];
        ei_printf("%s %u\r\n", bb.label, bb.x);
    }
#else
    for (uint16_t i = 0; i < EI_CLASSIFIER_LABEL_COUNT; i++) {
        ei_printf("  %s: ", ei_classifier_inferencing_categories[i]);
        ei_printf("%.5f\r\n", result.classification[i].value);
    }
#endif
#if EI_CLASSIFIER_HAS_ANOMALY == 1
    ei_printf("Anomaly prediction: %.3f\r\n", result.anomaly);
#endif
}

#define CHECK(condition) do { if (!(condition)) { printf("failed: %s\n", #condition); return 1; } } while (0)

int main()
{
    ei_impulse_result_t result = { nullptr };
    ei_impulse_result_t zeroed = { 0 };
    std::vector<uint8_t> frame(40 * 30 * 3, 200);
    CHECK(ei::image::processing::crop_and_interpolate_rgb888(
              frame.data(), 40, 30, frame.data(), EI_CLASSIFIER_INPUT_WIDTH, EI_CLASSIFIER_INPUT_HEIGHT) == 0);
    for (size_t i = 0; i < EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE; i++) {
        features[i] = (frame[3 * i] << 16) + (frame[3 * i + 1] << 8) + frame[3 * i + 2];
        CHECK(features[i] == 0xc8c8c8);
    }

    signal_t features_signal;
    features_signal.total_length = sizeof(features) / sizeof(features[0]);
    features_signal.get_data = &raw_feature_get_data;
    run_classifier_init();
    EI_IMPULSE_ERROR res = run_classifier(&features_signal, &result, false);
    CHECK(res == EI_IMPULSE_OK);
    print_inference_result(result);
    CHECK(printed > 0);

#if !defined(EIDSP_SIGNAL_C_FN_POINTER)
    ei::signal_t signal;
    int calls = 0;
    signal.total_length = EI_CLASSIFIER_INPUT_WIDTH * EI_CLASSIFIER_INPUT_HEIGHT;
    signal.get_data = [&calls](size_t offset, size_t length, float *out) {
        calls++;
        return raw_feature_get_data(offset, length, out);
    };
    CHECK(run_classifier(&signal, &zeroed) == EI_IMPULSE_OK);
    CHECK(calls > 0);
    CHECK(zeroed.classification[1].value == result.classification[1].value);
    CHECK(numpy::signal_from_buffer(features, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE, &signal) == 0);
    CHECK(run_classifier(&signal, &zeroed, true) == EI_IMPULSE_OK);
    CHECK(strcmp(zeroed.classification[0].label, "class 0") == 0);
    signal.get_data = nullptr;
    CHECK(run_classifier(&signal, &zeroed) == EI_IMPULSE_INPUT_TENSOR_WAS_NULL);
#else
    (void)zeroed;
#endif

    stop = true;
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_CANCELED);
    stop = false;
    features_signal.total_length--;
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_ERROR_SHAPES_DONT_MATCH);
    CHECK(run_classifier(nullptr, &result, false) == EI_IMPULSE_INPUT_TENSOR_WAS_NULL);
    features_signal.total_length++;
    features_signal.get_data = [](size_t, size_t, float *) { return -1; };
    CHECK(run_classifier(&features_signal, &result, false) == EI_IMPULSE_DSP_ERROR);
    run_classifier_deinit();
    return 0;
}
"""

# An application whose memory is full.
NO_MEMORY = r"""
#include "edge-impulse-sdk/classifier/ei_run_classifier.h"
static int given;
void *ei_malloc(size_t size) { (void)size; given++; return 0; }
static int get_data(size_t offset, size_t length, float *out) { (void)offset; (void)length; out[0] = 0; return 0; }
int main(void)
{
    ei_impulse_result_t result;
    signal_t signal = {get_data, EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE};
    run_classifier_init();
    return run_classifier(&signal, &result, false) == EI_IMPULSE_TFLITE_ARENA_ALLOC_FAILED && given == 2 ? 0 : 1;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ESP-IDF package of a small classifier, unpacked."""
    folder = tmp_path_factory.mktemp("library")
    return unpacked(packed(classifier(), folder), folder / "lib")


@pytest.mark.parametrize(
    "flags",
    [("-std=c++11",), ("-std=c++17",), ("-std=c++17", "-DEI_CLASSIFIER_ALLOCATION_HEAP"),
     ("-std=c++11", "-DEIDSP_SIGNAL_C_FN_POINTER=1")],
    ids=["C++11", "C++17", "heap", "function pointer"],
)  # fmt: skip
def test_a_sketch_for_an_edge_impulse_library_runs_unchanged(library: Path, flags: tuple[str, ...]) -> None:
    (library / "sketch.cpp").write_text(SKETCH)
    defines = [flag for flag in flags if flag.endswith("HEAP")]  # the library itself is the same for any signal_t
    made = objects(library, *SANITIZED, *defines)
    run(["g++", *flags, "-Wall", "-Werror", *SANITIZED, "-I.", "sketch.cpp", *made, "-o", "sketch"], library)
    assert b"class 2" in run(["./sketch"], library)


def test_no_memory_for_the_arena_is_an_error(library: Path) -> None:
    (library / "full.c").write_text(NO_MEMORY)
    made = objects(library, "-DEI_CLASSIFIER_ALLOCATION_HEAP")
    run(["gcc", "-std=c99", *WARNINGS, "-I.", "full.c", *made, "-o", "full"], library)
    run(["./full"], library)


def test_every_header_stands_alone_in_c_and_cpp(library: Path) -> None:
    headers = [p.relative_to(library).as_posix() for p in sorted(library.rglob("*.h*")) if p.suffix in {".h", ".hpp"}]
    assert len(headers) > 15
    for header in headers:
        if header == "self-test/ei_golden.h":  # arrays for one source file
            continue
        source = f'#include "{header}"\n#include "{header}"\nextern int nothing;\n'.encode()
        if header.endswith(".h"):
            run(["gcc", "-std=c99", *WARNINGS, "-Wpedantic", "-I.", "-fsyntax-only", "-xc", "-"], library, source)
        run(["g++", "-std=c++11", *WARNINGS, "-I.", "-fsyntax-only", "-xc++", "-"], library, source)


RESIZE = r"""
#include <stdio.h>
#include <string.h>
#include "edge-impulse-sdk/dsp/image/eit_picture.h"
static unsigned char pixels[4096 * 64];
int main(void)
{
    unsigned size[5];
    while (fread(size, sizeof size, 1, stdin) == 1 && fread(pixels, size[0] * size[1] * size[4], 1, stdin) == 1) {
        const eit_crop crop = eit_fit_shortest(pixels, size[0], size[1], size[2], size[3]);
        static unsigned char apart[4096 * 64];
        eit_resize(&crop, apart, size[2], size[3], size[4]);
        if (size[2] <= size[0] && size[3] <= size[1] && crop.width >= size[2] && crop.height >= size[3]) {
            eit_resize(&crop, pixels, size[2], size[3], size[4]); /* in place gives the same */
            if (memcmp(pixels, apart, size[2] * size[3] * size[4]) != 0) {
                return 1;
            }
        }
        fwrite(&crop.x, 4, 4, stdout);
        fwrite(apart, size[2] * size[3] * size[4], 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize(
    "sizes", [(40, 30, 12, 9), (64, 48, 32, 32), (31, 47, 13, 17), (20, 20, 20, 20), (8, 6, 16, 12), (1, 9, 3, 3)], ids=str
)
def test_resizing_means_over_areas(library: Path, sizes: tuple[int, int, int, int]) -> None:
    width, height, to_width, to_height = sizes
    (library / "resize.c").write_text(RESIZE)
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    source = "edge-impulse-sdk/dsp/image/eit_picture.c"
    run(["gcc", "-std=c99", *WARNINGS, *SANITIZED, "-I.", "resize.c", source, "-o", "resize"], library)
    answer = run(["./resize"], library, np.array([*sizes, 3], np.uint32).tobytes() + picture.tobytes())
    x, y, w, h = np.frombuffer(answer[:16], np.uint32).tolist()
    box, _ = fit((width, height), PictureSpec(to_width, to_height))
    assert np.allclose((x, y, w, h), box, atol=1)
    columns, rows = _areas(w, to_width), _areas(h, to_height)
    expected = np.einsum("yv,xu,vuc->yxc", rows, columns, picture[y : y + h, x : x + w].astype(np.float64))
    resized = np.frombuffer(answer[16:], np.uint8).reshape(to_height, to_width, 3)
    assert np.abs(resized - expected).max() <= 0.5 + 1e-9


def _areas(source: int, target: int) -> np.ndarray:
    """The share of each source pixel in each target pixel of a line."""
    edges = np.arange(target + 1) * source / target
    left, right = np.maximum(edges[:-1, None], np.arange(source)), np.minimum(edges[1:, None], np.arange(1, source + 1))
    return np.maximum(right - left, 0) * target / source


FLOATS = {
    "0.000000": 0.0, "-0.500000": -0.5, "1.000000": 0.9999999, "0.996094": 0.99609375, "123456.789063": 123456.789,
    "nan": np.nan, "inf": np.inf, "-inf": -np.inf,
}  # fmt: skip


def test_floats_are_printed_without_the_c_librarys_help(library: Path) -> None:
    (library / "floats.c").write_text(
        '#include <stdio.h>\n#include "edge-impulse-sdk/porting/ei_classifier_porting.h"\nint main(void)\n{\n'
        "    float f;\n    while (fread(&f, 4, 1, stdin) == 1) {\n        ei_printf_float(f);\n        ei_putchar('\\n');\n    }\n"
        "    return ei_sleep(1) != EI_IMPULSE_OK || ei_read_timer_ms() == 0;\n}\n"
    )
    source = "edge-impulse-sdk/porting/ei_classifier_porting.c"
    run(["gcc", "-std=c99", *WARNINGS, *SANITIZED, "-I.", "floats.c", source, "-o", "floats"], library)
    answer = run(["./floats"], library, np.array(list(FLOATS.values()), np.float32).tobytes())
    assert answer.decode().split() == list(FLOATS)
