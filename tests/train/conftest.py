"""Small data and one small finished run that many tests look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ei_compat.progress import SILENT
from train import backend
from train.job import Job
from train.recipe import Recipe
from train.report import Report

backend.start(deterministic=False)

SMALL = {
    "image_size": 32,
    "weights": "none",
    "epochs": 2,
    "fine_tune_epochs": 3,
    "augment": False,
    "max_int8_drop": 1.0,
}


@pytest.fixture
def short_mobilenet(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Puts three blocks of MobileNetV2 in place of all seventeen, so that a whole run takes a third of the time."""
    import tf_keras as keras

    from train import int8_ready

    layers = keras.layers

    def normalised(x: Any, layer: Any, name: str, relu: str | None) -> Any:
        x = layers.BatchNormalization(epsilon=1e-3, name=name)(layer(x))
        return x if relu is None else layers.ReLU(6.0, name=relu)(x)

    def block(x: Any, index: int, stride: int, filters: int = 8) -> Any:
        prefix, before = f"block_{index}" if index else "expanded_conv", x
        if index:
            wide = layers.Conv2D(6 * x.shape[-1], 1, use_bias=False, name=f"{prefix}_expand")
            x = normalised(x, wide, f"{prefix}_expand_BN", f"{prefix}_expand_relu")
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{prefix}_pad")(x)
        padding = "same" if stride == 1 else "valid"
        deep = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{prefix}_depthwise")
        x = normalised(x, deep, f"{prefix}_depthwise_BN", f"{prefix}_depthwise_relu")
        narrow = layers.Conv2D(filters, 1, use_bias=False, name=f"{prefix}_project")
        x = normalised(x, narrow, f"{prefix}_project_BN", None)
        return layers.Add(name=f"{prefix}_add")([before, x]) if before.shape == x.shape else x

    def build(input_tensor: Any, alpha: float = 0.35, include_top: bool = False, weights: Any = None) -> keras.Model:
        first = layers.Conv2D(16, 3, 2, "same", use_bias=False, name="Conv1")
        x = normalised(input_tensor, first, "bn_Conv1", "Conv1_relu")
        for index, stride in enumerate((1, 2, 1)):
            x = block(x, index, stride)
        last = layers.Conv2D(1280, 1, use_bias=False, name="Conv_1")
        return keras.Model(input_tensor, normalised(x, last, "Conv_1_bn", "out_relu"), name="short_mobilenet")

    monkeypatch.setattr(keras.applications, "MobileNetV2", build)
    monkeypatch.setattr(int8_ready, "LAST_BLOCK", 2)
    return build


def draw_classes(folder: Path, counts: dict[str, int], side: int = 40) -> Path:
    """Class folders of plain coloured pictures with noise; the first class is red, the next green, then blue."""
    for index, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            random = np.random.default_rng([index, number])
            pixels = random.integers(0, 120, (side, side + 8, 3), np.uint8)
            pixels[..., index % 3] += 120
            Image.fromarray(pixels).save(folder / label / f"{label}{number}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of twelve pictures."""
    return draw_classes(tmp_path / "pictures", {"cat": 12, "dog": 12})


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Report]:
    """A small run on two classes, with its output directory."""
    from ei_compat.datasets import open_dataset, write_dataset
    from ei_compat.split import Shares, split_dataset
    from train import pipeline

    folder = tmp_path_factory.mktemp("finished")
    draw_classes(folder / "pictures", {"cat": 30, "dog": 24})
    split = split_dataset(open_dataset(folder / "pictures"), Shares(0.6, 0.2, 0.2), seed=1)
    write_dataset(split, folder / "dataset", "ei-export")
    job = Job(folder / "dataset", folder / "out", Recipe(**SMALL), given=frozenset(SMALL), deterministic=False)
    return job, pipeline.run(job, SILENT)
