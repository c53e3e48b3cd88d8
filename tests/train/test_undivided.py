"""Which set a sample is in where the data leave it open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ei_compat.core.progress import SILENT, Kept
from ei_compat.dataset.dataset import Category
from ei_compat.formats import open_dataset, write_dataset
from train.data import load_data
from train.job import Job
from train.recipe import Recipe


def written(images: Path, folder: Path, places: dict[str, Category]) -> Path:
    """The pictures as an export, each in the set that is named for it, the others in none."""
    read = open_dataset(images)
    samples = tuple(each.with_category(places.get(Path(each.id).name, Category.SPLIT)) for each in read.samples)
    write_dataset(replace(read, samples=samples), folder, "ei-export")
    return folder


def loaded(folder: Path) -> tuple[dict[str, int], list[str]]:
    """How many samples each set has, and the warnings."""
    progress = Kept(SILENT)
    data = load_data(Job(folder, folder.parent / "out", Recipe(image_size=32)), progress)
    return {name: len(samples) for name, samples in data.sets().items()}, progress.warnings


def test_samples_of_no_set_are_trained_on_beside_a_validation_set_and_a_line_says_so(
    images: Path, tmp_path: Path
) -> None:
    held = {f"{kind}{number}.png": Category.VALIDATION for kind in ("cat", "dog") for number in range(3)}
    folder = written(images, tmp_path / "export", held | {"dog9.png": Category.TESTING, "cat9.png": Category.TRAINING})

    sets, warnings = loaded(folder)

    assert sets == {"training": 17, "validation": 6, "testing": 1}
    assert len(warnings) == 1
    assert warnings[0].startswith("16 of 24 samples are in no set and trained on: ")


def test_samples_for_post_processing_are_left_out_and_a_line_says_so(images: Path, tmp_path: Path) -> None:
    held = {f"{kind}{number}.png": Category.VALIDATION for kind in ("cat", "dog") for number in range(3)}
    later = {"cat9.png": Category.POST_PROCESSING}
    rest = {f"{kind}{number}.png": Category.TRAINING for kind in ("cat", "dog") for number in range(3, 12)}

    sets, warnings = loaded(written(images, tmp_path / "export", held | rest | later))
    assert sets == {"training": 17, "validation": 6}
    assert [line[:49] for line in warnings] == ["1 of 24 samples is in the post-processing set, wh"]

    sets, _ = loaded(written(images, tmp_path / "undivided", later))
    assert sum(sets.values()) == 23


def test_without_a_validation_set_they_are_divided_and_nothing_is_said(images: Path, tmp_path: Path) -> None:
    sets, warnings = loaded(written(images, tmp_path / "export", {"dog9.png": Category.TESTING}))

    assert (sum(sets.values()), sets["testing"], warnings) == (24, 1, [])
