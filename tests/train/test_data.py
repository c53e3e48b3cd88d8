"""Whatever folder the user gives becomes the same kind of arrays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.errors import DataError
from ei_compat.progress import SILENT
from tests.train.conftest import draw_classes
from train import data
from train.data import load_data
from train.job import Job, adapted
from train.recipe import Recipe


class Watcher:
    """A progress that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.task, self.note = SILENT.task, SILENT.note

    def warn(self, line: str) -> None:
        self.warnings.append(line)


def job(folder: Path, **recipe: object) -> Job:
    return Job(folder, folder.parent / "out", Recipe(image_size=32, **recipe), given=frozenset(recipe))


def test_class_folders_give_a_stratified_validation_set(pictures: Path) -> None:
    loaded = load_data(job(pictures, validation_share=0.25), SILENT)

    assert loaded.classes == ("cat", "dog")
    assert loaded.format == "folders"
    assert loaded.testing is None
    assert loaded.training.x.shape == (18, 32, 32, 3)
    assert loaded.training.x.dtype == np.uint8
    assert np.bincount(loaded.validation.y).tolist() == [3, 3]


def test_one_channel(pictures: Path) -> None:
    loaded = load_data(job(pictures, channels=1), SILENT)

    assert loaded.shape == (32, 32, 1)


def test_sets_of_the_user_are_kept(tmp_path: Path) -> None:
    for name, count in (("training", 6), ("validation", 3), ("testing", 2)):
        draw_classes(tmp_path / "data" / name, {"cat": count, "dog": count + 1})

    loaded = load_data(job(tmp_path / "data"), SILENT)

    assert {name: len(samples) for name, samples in loaded.sets().items()} == {
        "training": 13,
        "validation": 7,
        "testing": 5,
    }


def test_file_names_are_labels(tmp_path: Path) -> None:
    draw_classes(tmp_path / "drawn", {"cat": 5, "dog": 5})
    (tmp_path / "data").mkdir()
    for path in (tmp_path / "drawn").rglob("*.png"):
        shutil.copy(path, tmp_path / "data" / f"{path.parent.name}.{path.name}")

    assert load_data(job(tmp_path / "data"), SILENT).classes == ("cat", "dog")


def test_broken_picture_is_skipped_and_named(pictures: Path) -> None:
    victim = sorted(pictures.glob("dog/*"))[3]
    victim.write_bytes(victim.read_bytes()[:200])
    watcher = Watcher()

    loaded = load_data(job(pictures, max_broken=0.1), watcher)

    assert [Path(name).name for name, _ in loaded.broken] == [victim.name]
    assert sum(map(len, loaded.sets().values())) == 23
    assert len(watcher.warnings) == 1
    assert victim.name in watcher.warnings[0]


def test_huge_picture_counts_as_broken_without_being_decoded(pictures: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(pictures / "cat" / "bomb.png")

    with pytest.raises(DataError, match=r"bomb\.png"):
        load_data(job(pictures), SILENT)


def test_many_pictures_go_to_a_file_that_leaves_nothing_behind(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = load_data(job(pictures), SILENT)
    monkeypatch.setattr(data, "IN_MEMORY", 1000)
    asked = job(pictures)
    asked.out.mkdir()

    on_disk = load_data(asked, SILENT)

    assert isinstance(on_disk.training.x, np.memmap)
    assert on_disk.sha256 == in_memory.sha256
    assert not any(asked.out.iterdir())


def test_digest_changes_with_a_single_pixel(pictures: Path) -> None:
    before = load_data(job(pictures), SILENT).sha256
    path = next(pictures.glob("cat/*"))
    picture = Image.open(path)
    picture.paste((0, 0, 0), (10, 10, 14, 14))
    picture.save(path)

    assert load_data(job(pictures), SILENT).sha256 != before


def test_arrays_are_used_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(size=(6, 40, 48, 1)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    for name in ("train", "test"):
        np.save(tmp_path / f"X_split_{name}.npy", x)
        np.save(tmp_path / f"Y_split_{name}.npy", y)
    info = {"classes": ["a", "b", "c"], "mode": "classification", "inputShapeString": "(40, 48, 1)", "yType": "npy"}
    (tmp_path / "train_input.json").write_text(json.dumps(info | {"maxTrainingTimeSeconds": 60}))
    asked = Job(tmp_path, tmp_path, Recipe())

    loaded = load_data(asked, SILENT)

    assert loaded.shape == (40, 48, 1)
    assert loaded.training.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert loaded.max_training_seconds == 60
    np.testing.assert_array_equal(loaded.training.take(np.array([5, 0]))[0], x[[5, 0]])
    assert adapted(asked, loaded.shape, pretrained=True).channels == 1


def test_arrays_without_their_description_say_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "X_split_train.npy", np.zeros((1, 32, 32, 3), np.float32))

    with pytest.raises(DataError, match=r"train_input\.json and .*data/train_input\.json: arrays need a train_input"):
        load_data(job(tmp_path / "data"), SILENT)
