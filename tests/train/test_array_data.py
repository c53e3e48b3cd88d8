"""Arrays of features as the data of a run; those of pictures are in `test_data`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError
from tests.train.features import export
from tests.train.test_data import Watcher, job
from train.array_data import normalised
from train.data import load_data
from train.job import adapted


def test_features_are_stored_as_they_are_and_options_for_images_mentioned(tmp_path: Path) -> None:
    folder = export(tmp_path / "block", mode="classification", count=60)
    asked = replace(job(folder / "data", channels=1), info_file=folder / "train_input.json")
    watcher = Watcher()

    loaded = load_data(asked, watcher)

    assert (loaded.shape, loaded.format, loaded.scaling.name) == ((72,), "arrays", None)
    np.testing.assert_array_equal(loaded.training.x[:], np.load(folder / "data" / "X_split_train.npy"))
    assert watcher.warnings[0] == f"--channels is for pictures; {folder / 'data'} holds features, so it is not used"
    assert "vary by less than a step" in watcher.warnings[1]
    assert adapted(asked, loaded, {"mirror": False}).channels == 1
    divided = normalised(loaded, 6)
    assert divided.shape == (72,)
    assert not divided.scaling.plain
    assert normalised(divided.changed(divided.scaling.as_given), 6).scaling.divisors.shape == (72,)


def test_features_without_a_description_need_their_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = export(tmp_path / "block", mode="classification", count=60) / "data"
    with pytest.raises(DataError, match=r"whether they are pictures or features .* --input-shape \"\(72,\)\" for"):
        load_data(job(folder), Watcher())

    watcher = Watcher()
    loaded = load_data(replace(job(folder), input_shape="(12, 6)", classes=("a", "b", "c")), watcher)

    assert loaded.shape == (12, 6)
    assert any("the arrays are taken as features of (12, 6)" in line for line in watcher.warnings)


def test_a_value_that_is_no_number_is_named(tmp_path: Path) -> None:
    folder = export(tmp_path / "block", mode="classification", count=60)
    x = np.load(folder / "data" / "X_split_train.npy")
    x[3, 5] = np.inf
    np.save(folder / "data" / "X_split_train.npy", x)

    with pytest.raises(DataError, match=r"X_split_train\.npy: value inf in row 3 is not finite"):
        load_data(replace(job(folder / "data"), info_file=folder / "train_input.json"), Watcher())
