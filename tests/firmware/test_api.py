"""The run_classifier interface: input bytes, errors, and sketches in C++."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.media.images import ImageSpec, fit
from tests.firmware import host
from tests.firmware.packages_made import SANITIZED, WARNINGS, classifier, identity, objects, packed, run, unpacked

PROGRAMS = Path(__file__).with_name("programs")


def build(program: str, folder: Path, parts: list[str], *flags: str) -> None:
    """Compiles a test program and links it with parts of a library, as a program of its own name."""
    source = PROGRAMS / program
    compiler = ["gcc", "-std=c99", "-Wextra"] if source.suffix == ".c" else ["g++"]
    run([*compiler, "-Wall", "-Werror", *flags, "-I.", str(source), *parts, "-o", source.stem], folder)


def echo(model: bytes, folder: Path, outputs: int, values: np.ndarray, **options: object) -> tuple[int, np.ndarray]:
    """The status and output bytes of one run of an identity model, through C."""
    unpacked(packed(model, folder, outputs, names=[str(i) for i in range(outputs)], **options), folder)
    build("echo.c", folder, objects(folder, *SANITIZED), *SANITIZED)
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


@pytest.mark.parametrize(("scale", "zero"), [(0.0078, -3), (0.0039, -128), (0.003, 5)])
def test_another_scale_rounds_as_the_reference(tmp_path: Path, every_byte: np.ndarray, scale: float, zero: int) -> None:
    error, output = echo(identity((1, 16, 16, 3), scale, zero), tmp_path, 768, rgb(every_byte), input_scaling="0..1")
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


def test_an_input_like_a_image_can_be_features(tmp_path: Path) -> None:
    error, output = echo(identity((1, 4, 3, 1), 0.5, 0), tmp_path, 12, np.arange(12) / 2, sensor="unknown")
    assert error == 0
    assert output.tolist() == list(range(12))


@pytest.mark.parametrize("value", [-1.0, 16777216.0, np.nan, np.inf], ids=str)
def test_a_pixel_out_of_range_is_an_error(tmp_path: Path, value: float) -> None:
    values = np.zeros(16)
    values[9] = value
    assert echo(identity((1, 4, 4, 3)), tmp_path, 48, values)[0] == -5


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
    defines = [flag for flag in flags if flag.endswith("HEAP")]  # the library itself is the same for any signal_t
    made = objects(library, *SANITIZED, *defines)
    build("sketch.cpp", library, made, *flags, *SANITIZED)
    assert b"class 2" in run(["./sketch"], library)


@pytest.mark.parametrize(
    ("program", "flags"),
    [("standalone.cpp", ["-std=c++11"]), ("standalone.c", ["-DEIDSP_SIGNAL_C_FN_POINTER=1", "-DEI_C_LINKAGE=1"])],
)
def test_what_the_standalone_examples_do_gives_the_references_scores(
    library: Path, program: str, flags: list[str]
) -> None:
    rows = np.random.default_rng(2).integers(0, 256, (9, 12, 3))
    folders = ("", "classifier", "dsp", "porting", "../model-parameters", "../tflite-model")
    includes = [f"-Iedge-impulse-sdk/{folder}" for folder in folders]
    build(program, library, objects(library, *SANITIZED), *flags, *includes, *SANITIZED)
    printed = run(["./standalone", ",".join(f"{float(v)}" for v in rgb(rows).reshape(-1))], library).decode()
    outputs = host.answers(classifier(), (rows - 128).astype(np.int8)).astype(int)
    scores = " ".join(f"{(q + 128) / 256:.5f}" for q in outputs)
    assert printed.endswith(f"status 0\nscores {scores}\n")


def test_no_memory_for_the_arena_is_an_error(library: Path) -> None:
    made = objects(library, "-DEI_CLASSIFIER_ALLOCATION_HEAP")
    build("full.c", library, made)
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


@pytest.mark.parametrize(
    "sizes",
    [(40, 30, 12, 9), (64, 48, 32, 32), (31, 47, 13, 17), (20, 20, 20, 20), (8, 6, 16, 12), (1, 9, 3, 3)],
    ids=str,
)
def test_resizing_means_over_areas(library: Path, sizes: tuple[int, int, int, int]) -> None:
    width, height, to_width, to_height = sizes
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    source = "edge-impulse-sdk/dsp/image/eit_image.c"
    build("resize.c", library, [source], *SANITIZED)
    answer = run(["./resize"], library, np.array([*sizes, 3], np.uint32).tobytes() + image.tobytes())
    x, y, w, h = np.frombuffer(answer[:16], np.uint32).tolist()
    box, _ = fit((width, height), ImageSpec(to_width, to_height))
    assert np.allclose((x, y, w, h), box, atol=1)
    columns, rows = _areas(w, to_width), _areas(h, to_height)
    expected = np.einsum("yv,xu,vuc->yxc", rows, columns, image[y : y + h, x : x + w].astype(np.float64))
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
    source = "edge-impulse-sdk/porting/ei_classifier_porting.c"
    build("floats.c", library, [source], *SANITIZED)
    answer = run(["./floats"], library, np.array(list(FLOATS.values()), np.float32).tobytes())
    assert answer.decode().split() == list(FLOATS)
