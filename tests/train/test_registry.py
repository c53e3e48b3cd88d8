"""A backbone and a task from outside the package train like its own, and no file of it is edited."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
from ei_compat.core.errors import UsageError
from ei_compat.core.progress import SILENT
from firmware.package import package
from tests.train.conftest import SMALL
from train import pipeline
from train.backbones import BACKBONES
from train.job import Job
from train.recipe import Recipe
from train.registry import Registry
from train.tasks import TASKS
from train.tasks.classification import Classification


@dataclass(frozen=True)
class Tiny:
    """Two blocks with a residual around the second, and names that say nothing."""

    name: str = "tiny"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        if len(shape) != 3:
            raise UsageError(f"inputs of shape {shape} are no pictures")

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        return {"fine_tune_share": 0.5}

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Any) -> None:
        return None

    def build(self, recipe: Recipe, shape: tuple[int, ...], dropout: Any = None) -> Any:
        import tf_keras as keras

        layers = keras.layers
        x = entry = layers.Input(shape, name="x_input")
        for number, (filters, stride) in enumerate(((8, 2), (8, 1), (16, 1))):
            before = x
            x = layers.Conv2D(filters, 3, stride, "same", use_bias=False, name=f"l{number}")(x)
            x = layers.BatchNormalization(name=f"m{number}")(x)
            x = layers.Add(name="s")([before, x]) if number == 1 else layers.ReLU(6.0, name=f"r{number}")(x)
        return keras.Model(entry, layers.GlobalAveragePooling2D(name="g")(x), name="tiny")

    def load_weights(self, model: Any, file: Any, zero: Any) -> None:
        raise AssertionError("there are none")


class Parity(Classification):
    """Only whether the number in a label is odd counts; all else is as in a classification."""

    name: ClassVar[str] = "parity"
    metric: ClassVar[str] = "parity_hits"

    @classmethod
    def of_labels(cls, labels: Any, *, in_names: bool = False) -> Parity:
        return cls(("even", "odd"))

    def targets(self, labels: Any) -> np.ndarray:
        return np.array([int(label) % 2 for label in labels], np.int32)

    def truths(self, y: np.ndarray) -> list[str]:
        return [str(parity) for parity in y]


@pytest.fixture
def outside() -> Iterator[None]:
    BACKBONES.register(Tiny())
    TASKS.register(Parity)
    yield
    BACKBONES.unregister("tiny")
    TASKS.unregister("parity")


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """Class folders 1 to 4; even numbers are red, odd ones are blue."""
    from PIL import Image

    random = np.random.default_rng(1)
    for number in range(1, 5):
        folder = tmp_path / "numbers" / str(number)
        folder.mkdir(parents=True)
        for index in range(8):
            pixels = random.integers(0, 120, (36, 36, 3), np.uint8)
            pixels[..., 2 * (number % 2)] += 120
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "numbers"


@pytest.mark.usefixtures("outside")
def test_a_backbone_and_a_task_from_outside_train_to_a_library(numbers: Path, tmp_path: Path) -> None:
    options = SMALL | {"backbone": "tiny", "task": "parity", "epochs": 6, "batch_size": 8, "max_prune_drop": 1.0}
    job = Job(numbers, tmp_path / "out", Recipe(**options), given=frozenset(options))

    report = pipeline.run(job, SILENT)

    assert report.task == "parity"
    assert list(report.classes) == ["even", "odd"]
    assert report.missing == {}
    assert (job.out / "report.html").stat().st_size
    assert report.sparsity.int8_file >= 0.8
    assert report.metrics["int8"]["validation"].metric > 0.7
    assert all(check.met for check in report.checks)
    rows = (job.out / "training_log.csv").read_text().splitlines()
    assert "val_parity_hits" in rows[0]
    again = pipeline.run(replace(job, resume=True), SILENT)
    assert json.loads(json.dumps(again.as_json())) == json.loads(json.dumps(report.as_json()))
    for name in (FLOAT_FILE, INT8_FILE):
        assert (job.out / name).stat().st_size
    packaged = package(job.out, name="parity", version="1", output=tmp_path / "parity.zip")
    assert packaged.spec.labels == ("even", "odd")
    assert any(name.endswith(".c") for name in zipfile.ZipFile(packaged.path).namelist())


def test_a_name_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"--backbone resnet: there is none of that name; use mobilenet_v2"):
        BACKBONES.named("resnet")


@pytest.mark.usefixtures("outside")
def test_a_name_stands_for_one_thing() -> None:
    assert BACKBONES.names()[0] == "mobilenet_v2"
    assert "tiny" in BACKBONES.names()
    with pytest.raises(ValueError, match="--backbone tiny is there already"):
        BACKBONES.register(OtherTiny())
    with pytest.raises(ValueError, match="--task classification is there already"):
        TASKS.register(Classification)


class OtherTiny(Tiny):
    """Another of the same name."""


def test_an_installed_package_names_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_networks.py").write_text("class Net:\n    name = 'theirs'\n\nNET = Net()\n")
    metadata = tmp_path / "their_networks-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-networks\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[ei_train.test]\ntheirs = their_networks:NET\n")
    monkeypatch.syspath_prepend(tmp_path)

    registry: Registry[Any] = Registry("--net", "ei_train.test", {})

    assert registry.names() == ("theirs",)
    assert registry.named("theirs").name == "theirs"
