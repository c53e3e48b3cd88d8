"""Packages of tiny models, unpacked and built for this machine."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from firmware.package import package
from tests.firmware.writer import Writer

WARNINGS = ("-Wall", "-Wextra", "-Werror")
STRICT = ("-std=c99", *WARNINGS, "-Wcast-align", "-Wshadow", "-Wconversion")  # what all C that we give out passes
SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
PIXEL = 1 / 255


def classifier(height: int = 9, width: int = 12, channels: int = 3, classes: int = 3, dtype: str = "int8") -> bytes:
    """A small image classifier: convolution, dense layer, softmax."""
    r = np.random.default_rng(5)
    w = Writer()
    shift = 128 if dtype == "uint8" else 0
    given = now = w.tensor((1, height, width, channels), PIXEL, -128 + shift, dtype)
    if shift:
        now = w.operator("QUANTIZE", [now], w.tensor((1, height, width, channels), PIXEL, -128))
    kernel = w.tensor((4, 3, 3, channels), 0.02, data=r.integers(-90, 90, (4, 3, 3, channels)).astype(np.int8))
    bias = w.tensor((4,), 0.02 * PIXEL, dtype="int32", data=r.integers(-3000, 3000, 4).astype(np.int32))
    shape = (1, (height + 1) // 2, (width + 1) // 2, 4)
    options = {"padding": 0, "stride_w": 2, "stride_h": 2, "activation": 1, "dilation_w": 1, "dilation_h": 1}
    now = w.operator("CONV_2D", [now, kernel, bias], w.tensor(shape, 0.02, -128), **options)
    size = int(np.prod(shape))
    now = w.operator("RESHAPE", [now, w.constant([1, size])], w.tensor((1, size), 0.02, -128))
    dense = w.tensor((classes, size), 0.02, data=r.integers(-90, 90, (classes, size)).astype(np.int8))
    bias = w.tensor((classes,), 0.0004, dtype="int32", data=r.integers(-9000, 9000, classes).astype(np.int32))
    now = w.operator("FULLY_CONNECTED", [now, dense, bias], w.tensor((1, classes), 0.1, 0), activation=0)
    now = w.operator("SOFTMAX", [now], w.tensor((1, classes), 1 / 256, -128), beta=1.0)
    if shift:
        now = w.operator("QUANTIZE", [now], w.tensor((1, classes), 1 / 256, 0, "uint8"))
    return w.finish([given], [now])


def identity(shape: Sequence[int], scale: float = PIXEL, zero_point: int = -128, dtype: str = "int8") -> bytes:
    """A model whose output bytes are its input bytes."""
    w = Writer()
    given = w.tensor(shape, scale, zero_point, dtype)
    size = int(np.prod(shape))
    now = w.operator("RESHAPE", [given, w.constant([1, size])], w.tensor((1, size), scale, zero_point, dtype))
    return w.finish([given], [now])


def label_file(folder: Path, labels: Sequence[str]) -> Path:
    path = folder / "labels.txt"
    path.write_text("".join(f"{label}\n" for label in labels))
    return path


def packed(model: bytes, folder: Path, count: int = 3, names: Sequence[str] | None = None, **options: object) -> Path:
    """A package of `model` in `folder`, by default an ESP-IDF zip with as many labels as `count` says."""
    file, names = folder / "m.tflite", names or [f"class {i}" for i in range(count)]
    file.write_bytes(model)
    settings = {"name": "tiny", "version": "3", "labels": label_file(folder, names), "output": folder / "out.zip"}
    return package(file, **(settings | options)).path  # type: ignore[arg-type]


def unpacked(archive: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as opened:
        opened.extractall(folder)
    return folder


def sources(folder: Path) -> list[str]:
    """What CMakeLists.txt lists."""
    text = (folder / "CMakeLists.txt").read_text()
    return text.split("set(sources\n")[1].split("\n)")[0].split()


def objects(folder: Path, *flags: str, compiler: str = "gcc") -> list[str]:
    """Compiles the library, once for each set of flags; the object files."""
    made = folder / ("objects" + "".join(c for c in "".join(flags) + compiler if c.isalnum()))
    if not made.is_dir():
        made.mkdir()
        listed = [str(folder / source) for source in sources(folder)]
        run([compiler, *STRICT, *flags, f"-I{folder}", "-c", *listed], made)
    return sorted(map(str, made.glob("*.o")))


def run(command: Sequence[str], folder: Path, given: bytes = b"") -> bytes:
    """What a command writes; a failure shows what it complained of."""
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, check=False, env=environment, timeout=300
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode(errors='replace')[-3000:]}")
    return done.stdout
