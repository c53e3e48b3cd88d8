"""What pixels are made into: the six scalings, what is guessed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import FormatError, UsageError
from firmware.compiler import CompiledTensor
from firmware.compiler.graph import Quantization
from firmware.package import package
from firmware.packages.scaling import SCALINGS, scaling
from firmware.packages.spec import _looks_like_image
from tests.firmware.packages_made import classifier, identity, label_file, packed, unpacked
from tests.firmware.test_api import echo, rgb

SHOWN = {
    "0..1": (1 / 255, -128),
    "-1..1": (1 / 127.5, -1),
    "-128..127": (1.0, 0),
    "0..255": (1.0, -128),
    "torch": (0.018658, -14),
    "bgr-subtract-imagenet-mean": (1.07741, -13),
}
EVERY = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256)[::-1] ^ 3], axis=-1).reshape(16, 16, 3)


def _tensor(scale: float, zero: int, channels: int = 3) -> CompiledTensor:
    return CompiledTensor((1, 16, 16, channels), Quantization(float(np.float32(scale)), zero), "int8")


@pytest.mark.parametrize("name", SHOWN)
def test_an_input_that_shows_its_range_needs_no_option(name: str) -> None:
    assert scaling(None, _tensor(*SHOWN[name])).name == name


@pytest.mark.parametrize(("scale", "zero"), [(0.0078, -60), (0.003, -128), (0.05, 0), (0.0039, 127)])
def test_an_input_that_does_not_is_asked_for(scale: float, zero: int) -> None:
    with pytest.raises(
        UsageError, match=r"--input-scaling: the model's input holds .*; say what pixels were made into"
    ):
        scaling(None, _tensor(scale, zero))


def test_a_scaling_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError, match=r"0\.\.1 does not fit .* holds 0 to 255; use 0\.\.255"):
        scaling("0..1", _tensor(1.0, -128))
    with pytest.raises(UsageError, match="no scaling '0-1'"):
        scaling("0-1", _tensor(1 / 255, -128))
    with pytest.raises(UsageError, match="torch is for three channels, not 1"):
        scaling("torch", _tensor(0.0187, -14, 1))


@pytest.mark.parametrize("name", SHOWN)
def test_run_classifier_makes_pixels_what_the_model_wants(name: str, tmp_path: Path) -> None:
    scale, zero = SHOWN[name]
    error, output = echo(identity((1, 16, 16, 3), scale, zero), tmp_path, 768, rgb(EVERY))
    pixels = EVERY.astype(np.float64)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    real = {
        "0..1": pixels / 255,
        "-1..1": pixels / 127.5 - 1,
        "-128..127": pixels - 128,
        "0..255": pixels,
        "torch": (pixels / 255 - mean) / deviation,
        "bgr-subtract-imagenet-mean": pixels[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    }[name]
    expected = np.clip(real / np.float32(scale) + zero, -128, 127).reshape(-1)
    assert error == 0
    assert np.abs(output - expected).max() <= 0.501


def test_every_documented_name_is_there() -> None:
    assert set(SCALINGS) == set(SHOWN)


def test_a_run_says_what_its_pixels_were_made_into(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "model_quantized_int8_io.tflite").write_bytes(classifier())
    (run / "report.json").write_text("{}")
    label_file(run, ["a", "b", "c"])
    options = {"name": "x", "version": "1", "output": tmp_path / "x.zip"}
    (run / "config.json").write_text(json.dumps({"imageInputScaling": "0..1"}))
    assert package(run, **options).spec.scaling == SCALINGS["0..1"]  # type: ignore[arg-type]
    (run / "config.json").write_text(json.dumps({"imageInputScaling": "0..255"}))
    with pytest.raises(UsageError, match=r"0\.\.255 does not fit the model"):
        package(run, **options)  # type: ignore[arg-type]
    (run / "config.json").write_text("[")
    with pytest.raises(FormatError, match="is no JSON object"):
        package(run, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "image"),
    [((1, 96, 96, 3), True), ((1, 96, 96, 1), True), ((1, 120, 160, 1), True), ((1, 49, 10, 1), False),
     ((1, 49, 40, 1), False), ((1, 99, 13, 1), False), ((1, 125, 1, 3), False), ((1, 1, 128, 3), False)],
)  # fmt: skip
def test_spectrograms_and_windows_of_motion_are_no_images(shape: tuple[int, ...], image: bool) -> None:
    assert _looks_like_image(shape) == image


def test_the_sensor_can_be_said(tmp_path: Path) -> None:
    folder = unpacked(packed(identity((1, 9, 9, 1)), tmp_path, 81, sensor="microphone"), tmp_path / "c")
    text = (folder / "model-parameters/model_metadata.h").read_text()
    assert "EI_CLASSIFIER_SENSOR EI_CLASSIFIER_SENSOR_MICROPHONE" in text
    with pytest.raises(UsageError, match="no sensor 'eye'"):
        packed(identity((1, 9, 9, 1)), tmp_path, 81, sensor="eye")
    with pytest.raises(UsageError, match=r"--picture: .* is not taken for a picture"):
        packed(identity((1, 9, 1, 1)), tmp_path, 9, image=tmp_path / "x.png")
