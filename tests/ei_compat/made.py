"""Small generated pictures, signals and datasets for the tests of ei_compat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ei_compat.core.progress import Silent
from ei_compat.dataset.dataset import (
    NO_METADATA,
    UNLABELLED,
    ArrayRow,
    Axis,
    Box,
    Category,
    ClassLabel,
    Dataset,
    FilePayload,
    Interval,
    Intervals,
    KeyValues,
    Label,
    Sample,
    Signal,
)
from ei_compat.formats import Carries, Format


class Heard(Silent):
    """A progress that keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, line: str) -> None:
        self.warnings.append(line)


SETS = (Category.TRAINING, Category.TESTING, Category.VALIDATION)


def draw(path: Path, number: int, size: tuple[int, int] = (20, 16)) -> Path:
    """A PNG whose content depends on `number`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(number).randint(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def class_folders(root: Path, classes: dict[str, int]) -> Path:
    """Class folders with that many different pictures."""
    number = 0
    for label, count in classes.items():
        for index in range(count):
            number += 1
            draw(root / label / f"{index:03d}.png", number)
    return root


def signal(number: int = 0, rows: int = 12, axes: int = 2) -> Signal:
    """A signal of 62.5 Hz with values that every form can hold."""
    values = np.random.RandomState(number).randint(-1000, 1000, (rows, axes)).astype(np.float64)
    return Signal(values, 16.0, tuple(Axis(f"acc{i}", "m/s2") for i in range(axes)), "MADE", "number-one", 1564128599)


def dataset_for(kind: Format, root: Path, *, with_category: bool = True) -> Dataset:
    """A dataset that uses everything the format says it carries."""
    samples: list[Sample] = []

    def add(label: Label = UNLABELLED, boxes: tuple[Box, ...] | None = None, *, as_signal: bool = False) -> None:
        number = len(samples)
        name = f"one {number}"
        payload: FilePayload | Signal
        if as_signal:
            payload = signal(number)
        else:
            draw(root / f"{name}.png", number, (20 + number, 16))
            payload = FilePayload(str(root), f"{name}.png")
        category = SETS[number % 3] if with_category and Carries.CATEGORIES in kind.carries else None
        metadata = {"site": "roof", "n": str(number)} if Carries.METADATA in kind.carries else NO_METADATA
        samples.append(Sample(f"{name}.png", name, category, label, payload, boxes, metadata))

    for _ in range(3):
        if Carries.CLASS in kind.carries:
            add(ClassLabel("cat"))
            add(ClassLabel("Größe 2"))
            if Carries.SIGNALS in kind.carries:
                add(ClassLabel("cat"), as_signal=True)
        if Carries.BOXES in kind.carries:
            add(boxes=(Box("dog", 1, 2, 3, 4), Box("cat & 'co'", 0.5, 0.25, 10, 8)))
            add(boxes=(Box("dog", 0, 0, 20, 16),))
        if Carries.EMPTY in kind.carries:
            add(boxes=())
        if Carries.UNLABELLED in kind.carries:
            add()
        if Carries.KEY_VALUES in kind.carries:
            add(KeyValues({"person": "ann", "room": "1"}), as_signal=True)
        if Carries.INTERVALS in kind.carries:
            add(Intervals((Interval(0, 4, "idle"), Interval(5, 11, "run"))), as_signal=True)
    return Dataset.of(samples, format="made", root=root)


def image_rows(count: int = 6, size: int = 8, channels: int = 3) -> Dataset:
    """Rows of an image array, float32 k/255, of two classes in three sets."""
    pixels = np.random.RandomState(5).randint(0, 256, (count, size, size, channels), np.uint8)
    array = pixels.astype(np.float32) / 255
    rows = [
        Sample(str(10 + i), str(10 + i), SETS[i % 3], ClassLabel("ab"[i % 2]), ArrayRow(array, i)) for i in range(count)
    ]
    return Dataset.of(rows, format="made")
