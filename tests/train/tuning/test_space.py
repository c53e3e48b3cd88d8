"""The space of a search: its knobs, a file that changes them, and what cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ei_compat.core.errors import UsageError
from train.recipe import Recipe
from train.tuning.rungs import goes_on, rungs_of
from train.tuning.space import FEATURES, IMAGES, Choice, Range, read_space, space_of


class First:
    """Takes the first of everything, and the low end."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return choices[0]

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        return low

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        return low


@pytest.mark.parametrize("usual", [IMAGES, FEATURES], ids=["images", "features"])
def test_the_usual_knobs_are_fields_and_their_defaults_are_the_recipes(usual: dict[str, Any]) -> None:
    space = space_of({}, usual)
    Recipe.model_validate(space.draw(First()))
    recipe = Recipe()
    for parameters in space.defaults():
        for knob in space.knobs:
            if isinstance(knob, Choice):
                chosen = knob.settings[knob.labels.index(parameters[knob.name])]
            else:
                chosen = {knob.name: parameters[knob.name]}
            asked = Recipe.model_validate(chosen)
            for field in chosen:
                assert field in {"image_size", "backbone"} or getattr(asked, field) == getattr(recipe, field), field


def test_defaults_go_from_the_largest_picture_down() -> None:
    sides = [parameters["image_size"] for parameters in space_of({}).defaults()]
    assert sides == ["160", "128", "96", "64", "48"]


def test_a_file_narrows_widens_and_fixes(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    knobs = ("alpha: 0.5", "qat_epochs: {low: 0, high: 4}", "batch_size: [16, 32]", "augment: [true]")
    file.write_text("\n".join([*knobs, "learning_rate: {low: 2e-4, high: 1e-3, log: true}"]))
    space = read_space(file)
    assert space.fixed == {"alpha": 0.5, "augment": True}
    made = {knob.name: knob for knob in space.knobs}
    assert made["qat_epochs"] == Range("qat_epochs", 0, 4)
    assert made["qat_epochs"].whole
    assert made["learning_rate"] == Range("learning_rate", 2e-4, 1e-3, None, True)
    assert made["batch_size"].labels == ("16", "32")
    assert space_of(space.as_json()) == space


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("alpha: [0.3]", "alpha: 0.3 must be 0.25, 0.35, 0.5, 0.75 or 1.0; see train --help", id="value"),
        pytest.param("alpah: [0.5]", "alpah: alpah is no field of the recipe", id="no field"),
        pytest.param("seed: [1, 2]", "seed: seed is the same in every trial", id="seed"),
        pytest.param("epochs: {low: 5}", "epochs: is no range; give low and high", id="no high"),
        pytest.param("epochs: {low: 5, high: 5}", "epochs: is no range; low must be below high", id="empty range"),
        pytest.param("learning_rate: {low: 0, high: 1, log: true}", "learning_rate: is no range", id="log of 0"),
        pytest.param("image_size: []", "image_size: has no value", id="none"),
        pytest.param("- alpha", ": is no mapping of knobs", id="a list"),
        pytest.param("alpha: [", ", line 1: is no YAML", id="no YAML"),
        pytest.param("more: [{alpha: 0.5}, {alpha: 1.0}]", ": more and alpha both set alpha; keep one", id="twice"),
        pytest.param("head: [{head_units: '8'}, {head_units: '9'}]", "head: {'head_units': '8'} must be", id="apart"),
    ],
)
def test_a_bad_file_is_one_line(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        read_space(file)
    assert str(error.value).startswith(str(file))
    assert line in str(error.value)


def test_a_trial_goes_on_among_the_best_of_those_that_came() -> None:
    def best(metric: float, *others: float, higher_is_better: bool = True) -> bool:
        return goes_on(metric, others, "quick", "default", higher_is_better=higher_is_better)

    assert best(0.1)  # alone
    assert best(0.8, 0.9, 0.5)  # 2 of 3, since quick is 0.4 of default
    assert not best(0.8, 0.9, 0.95, 0.5)
    assert best(0.8, 0.9, 0.95, 0.5, higher_is_better=False)


def test_rungs_are_efforts_in_their_order() -> None:
    assert rungs_of("quick, default") == ("quick", "default")
    for wrong in ("default,quick", "quick,quick", "fast", ""):
        with pytest.raises(UsageError, match="--rungs"):
            rungs_of(wrong)


def test_no_other_command_imports_optuna() -> None:
    code = """
import sys
from train.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
import train.cli.progress, train.tuning.plan, train.tuning.trials, train.pipeline
assert not {"optuna", "ray", "tensorflow"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
