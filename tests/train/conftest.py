"""Small data and one small finished run that many tests look at."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from ei_compat.core.progress import SILENT
from tests.train import schema_check, short
from train import backend, result
from train.cli import console, progress
from train.cli.tables import laid_out
from train.job import Job
from train.recipe import Recipe
from train.runs import config
from train.runs.report import Report

backend.start(deterministic=False)

SMALL = {
    "image_size": 32,
    "weights": "none",
    "epochs": 2,
    "fine_tune_epochs": 3,
    "augment": False,
    "max_int8_drop": 1.0,
}


@pytest.fixture(autouse=True)
def _answers_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document keeps to its schema, and every table fits 80 and 40 columns, whichever test asks for them."""
    headed, show_tables = result.headed, console.show_tables

    def checked(schema: str, values: Mapping[str, Any]) -> dict[str, Any]:
        document = headed(schema, values)
        schema_check.check(json.loads(json.dumps(document)))
        return document

    def shown(tables: result.Tables) -> None:
        for columns in tables.as_tables():
            for width in (80, 40):
                page = Console(file=io.StringIO(), width=width)
                page.print(laid_out(columns, width))
                assert max(map(cell_len, page.file.getvalue().splitlines())) <= width
        show_tables(tables)

    for module in (result, config, console, progress):
        monkeypatch.setattr(module, "headed", checked)
    monkeypatch.setattr(console, "show_tables", shown)


@pytest.fixture
def short_mobilenet(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Three blocks of MobileNetV2 in place of all seventeen; see `short`."""
    return short.put_in_place(monkeypatch.setattr)


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
def images(tmp_path: Path) -> Path:
    """Two classes of twelve pictures."""
    return draw_classes(tmp_path / "pictures", {"cat": 12, "dog": 12})


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Report]:
    """A small run on two classes, with its output directory; the network is the short one."""
    from ei_compat.dataset.split import Shares, split_dataset
    from ei_compat.formats import open_dataset, write_dataset
    from train import pipeline

    folder = tmp_path_factory.mktemp("finished")
    draw_classes(folder / "pictures", {"cat": 30, "dog": 24})
    split = split_dataset(open_dataset(folder / "pictures"), Shares(0.6, 0.2, 0.2), seed=1)
    write_dataset(split, folder / "dataset", "ei-export")
    job = Job(folder / "dataset", folder / "out", Recipe(**SMALL), given=frozenset(SMALL), deterministic=False)
    with pytest.MonkeyPatch.context() as patched:
        short.put_in_place(patched.setattr)
        return job, pipeline.run(job, SILENT)
