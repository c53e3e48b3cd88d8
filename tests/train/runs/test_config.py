"""`--config`: what another run wrote is read back, and what no run wrote is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ei_compat.core.errors import FormatError
from train.cli.main import main
from train.recipe import Recipe
from train.runs.config import SCHEMA, read_config

RECIPE = Recipe(epochs=3, head_units=(8,), head_dropout=(0.1,), image_size=96).model_dump(mode="json")
WRITTEN = {
    "schema": f"ei-train/{SCHEMA}", "recipe": RECIPE, "deterministic": True, "input_shape": [96, 96, 3],
    "mode": "classification", "versions": {"ei-train": "0.2.0"},
}  # fmt: skip


def written(folder: Path, changes: dict[str, Any] | str = "") -> Path:
    path = folder / "config.json"
    path.write_text(changes if isinstance(changes, str) and changes else json.dumps(WRITTEN | dict(changes or {})))
    return path


def test_what_a_run_wrote_is_its_recipe(tmp_path: Path) -> None:
    found = read_config(written(tmp_path))

    assert Recipe(**found.values).model_dump(mode="json") == RECIPE
    assert (found.deterministic, found.absent) == (True, ())


def test_a_part_of_a_recipe_is_enough_and_what_it_lacks_is_named(tmp_path: Path) -> None:
    found = read_config(written(tmp_path, '{"recipe": {"epochs": 7}}'))

    assert (found.values, found.deterministic) == ({"epochs": 7}, False)
    assert set(found.absent) == set(Recipe.model_fields) - {"epochs"}


@pytest.mark.parametrize(
    ("shape", "left_out"),
    [
        ([96, 96, 3], set()),
        ([96, 64, 3], {"image_size"}),
        ([72], {"image_size", "channels", "input_scaling"}),
    ],
)
def test_what_the_data_decided_is_not_taken_for_an_option(shape: list[int], left_out: set[str], tmp_path: Path) -> None:
    assert set(RECIPE) - set(read_config(written(tmp_path, {"input_shape": shape})).values) == left_out


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("{", "config.json"),
        ("[]", "holds no recipe; give the config.json of a run"),
        (
            {"schema": "ei-train/config/2"},
            "is ei-train/config/2, and this program reads ei-train/config/1",
        ),
        ({"epochs": 3}, "does not know the key epochs; numbers of the recipe belong into `recipe`"),
        ({"classses": []}, "does not know the key classses; it knows schema, recipe"),
        ({"recipe": RECIPE | {"epoch": 1, "odd": 2}}, "recipe: this version does not know the keys epoch, odd"),
        ({"recipe": RECIPE | {"epochs": "many"}}, "config.json, recipe.epochs: must be a valid integer"),
        ({"recipe": RECIPE | {"head_units": [1, 2]}}, "--head-dropout needs one value for each of --head-units"),
        ({"recipe": RECIPE | {"network": "m.keras"}}, "is of `ei-train compress`, which begins with a finished model"),
    ],
)
def test_what_no_run_of_this_version_wrote_is_one_line(
    changes: dict[str, Any] | str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as failure:
        read_config(written(tmp_path, changes))
    assert says in str(failure.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--effort", "quick"], "--effort: "),
        (["--initial-sparsity", "0.9"], "--initial-sparsity 0.9 must not be above --final-sparsity 0.8"),
        (["--name", "a/b"], "--name a/b: is no name of a folder"),
        (["--name", "a", "--resume"], "--name makes a new folder, in which --resume finds nothing"),
        (["--name", "a", "--overwrite"], "--name makes a new folder, in which --overwrite finds nothing"),
        (["--final-sparsity", "0.3"], "nowhere: no such"),  # the initial one is lowered with it
    ],
)
def test_options_win_or_are_refused(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["--config", written(tmp_path), "--data-directory", tmp_path / "nowhere", "--out-directory", tmp_path / "o"]
    with pytest.raises(SystemExit):
        main(["train", *map(str, line), *options])

    assert says in capsys.readouterr().err
    assert not (tmp_path / "o" / "a").exists()
