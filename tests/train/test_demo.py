"""The demo set is deterministic, varied, and readable like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.errors import DataError
from ei_compat.formats import open_dataset
from train.demo import draw_demo


def test_same_seed_draws_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_demo(tmp_path / name, per_class=2, seed=seed)
    files = {name: {p.name: p.read_bytes() for p in sorted((tmp_path / name).rglob("*.jpg"))} for name in "abc"}

    assert len(files["a"]) == 8
    assert files["a"] == files["b"]
    assert not set(files["a"].values()) & set(files["c"].values())


def test_images_differ_in_size_and_content(tmp_path: Path) -> None:
    draw_demo(tmp_path / "demo", per_class=4)
    images = [Image.open(path) for path in (tmp_path / "demo").rglob("*.jpg")]

    assert len({image.size for image in images}) == len(images)
    assert all(np.asarray(image).std() > 15 for image in images)


def test_it_is_a_set_of_class_folders(tmp_path: Path) -> None:
    draw_demo(tmp_path / "demo", per_class=2)
    dataset = open_dataset(tmp_path / "demo")

    assert dataset.labels == ("ball", "brick", "leaf", "star")
    assert len(dataset) == 8


def test_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine")

    with pytest.raises(DataError, match="is not empty"):
        draw_demo(tmp_path, per_class=2)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]
