"""The space that a search looks in: knobs made of the recipe's fields, each with its bounds.

A knob sets one field of the recipe, or several together where only some combinations make sense. `--space FILE`
replaces knobs by name or adds some; the file is a mapping in YAML, which JSON is too:

    alpha: [0.35, 0.5]                                     one of these
    final_sparsity: {low: 0.5, high: 0.9, step: 0.05}      a number; `log: true` for one over orders of magnitude
    image_size: 96                                         always this
    head: [{head_units: "64", head_dropout: "0.3"}]        fields that belong together, under any name
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from pydantic import ValidationError

from ei_compat.core.errors import UsageError
from ei_compat.core.files import read_at_most
from train.recipe import Recipe

LARGEST_FILE = 1 << 20  # bytes
# What a search sets itself, or what would make trials incomparable.
NO_KNOBS = frozenset(
    {
        "effort", "seed", "task", "network", "validation_share", "max_broken", "max_prune_drop", "max_int8_drop",
        "max_prune_error", "max_int8_error",
    }
)  # fmt: skip
SMALL_HEAD = {"head_units": "32", "head_dropout": "0.2"}
MIDDLE_HEAD = {"head_units": "64", "head_dropout": "0.3"}
USUAL_HEAD = {"head_units": "128,64", "head_dropout": "0.4,0.3"}
# The first of several is the recipe's default, or stands for it.
IMAGES: Mapping[str, Any] = {
    "backbone": ["mobilenet_v2", "mobilenet_v1"],
    "alpha": [0.35, 0.25, 0.5, 0.75, 1.0],
    "image_size": [160, 48, 64, 96, 128],
    "channels": [3, 1],
    "final_sparsity": {"low": 0.5, "high": 0.9, "step": 0.05},
    "head": [USUAL_HEAD, MIDDLE_HEAD, SMALL_HEAD],
    "epochs": [5, 10],
    "learning_rate": {"low": 3e-4, "high": 3e-3, "log": True},
    "fine_tune_learning_rate": {"low": 1e-4, "high": 2e-3, "log": True},
    "augment": [False, True],
}
FEATURES: Mapping[str, Any] = {
    "units": ["20,10", "10", "40,20", "80,40"],
    "final_sparsity": {"low": 0.5, "high": 0.9, "step": 0.05},
    "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "fine_tune_learning_rate": {"low": 1e-4, "high": 5e-3, "log": True},
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several settings of fields."""

    name: str
    settings: tuple[Mapping[str, Any], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """A text for each, which the study knows it by."""
        return tuple(
            json.dumps(each[self.name] if each.keys() == {self.name} else dict(each)) for each in self.settings
        )


@dataclass(frozen=True, slots=True)
class Range:
    """A number of one field between two ends, both included."""

    name: str
    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return Recipe.model_fields[self.name].annotation is int or isinstance(
            Recipe.model_fields[self.name].default, int
        )


class Suggests(Protocol):
    """Who gives a knob its value, by its name; as an Optuna trial does."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of these."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number."""


@dataclass(frozen=True, slots=True)
class Space:
    """Knobs, in the order in which they are set.

    Attributes:
        knobs: that a search turns.
        fixed: fields that are the same in every trial.
    """

    knobs: tuple[Choice | Range, ...]
    fixed: Mapping[str, Any]

    def draw(self, by: Suggests) -> dict[str, Any]:
        """Fields of the recipe and what they are, as JSON values."""
        values = dict(self.fixed)
        for knob in self.knobs:
            match knob:
                case Choice():
                    label = by.suggest_categorical(knob.name, knob.labels)
                    values |= knob.settings[knob.labels.index(label)]
                case Range() if knob.whole:
                    values[knob.name] = by.suggest_int(
                        knob.name, int(knob.low), int(knob.high), step=int(knob.step or 1), log=knob.log
                    )
                case Range():
                    drawn = by.suggest_float(knob.name, knob.low, knob.high, step=knob.step, log=knob.log)
                    values[knob.name] = float(f"{drawn:.4g}")
        return values

    def defaults(self) -> list[dict[str, Any]]:
        """Parameters of the recipe's own defaults, as near as the space has them, one for each size of picture."""
        usual = {knob.name: _usual(knob) for knob in self.knobs}
        sides = next((knob for knob in self.knobs if knob.name == "image_size"), None)
        if not isinstance(sides, Choice):
            return [usual]
        ordered = sorted(sides.labels, key=float, reverse=True)
        return [usual | {"image_size": label} for label in ordered]

    def as_json(self) -> dict[str, Any]:
        """As `--space` would read it."""
        ranges = {
            knob.name: {"low": knob.low, "high": knob.high, "step": knob.step, "log": knob.log}
            if isinstance(knob, Range)
            else [each[knob.name] if each.keys() == {knob.name} else dict(each) for each in knob.settings]
            for knob in self.knobs
        }
        return {**ranges, **self.fixed}


def _usual(knob: Choice | Range) -> Any:
    """The recipe's default where the knob has it, else what is nearest."""
    if isinstance(knob, Range):
        default = min(max(Recipe.model_fields[knob.name].default, knob.low), knob.high)
        return int(default) if knob.whole else default
    field = Recipe.model_fields.get(knob.name)
    if field is not None and (label := json.dumps(field.default)) in knob.labels:
        return label
    return knob.labels[0]


def space_of(document: Mapping[str, Any], usual: Mapping[str, Any] = IMAGES, *, where: str = "--space") -> Space:
    """The space of the usual knobs with those of a document in their place.

    Raises:
        UsageError: a knob is no field of the recipe, or has a value that the field cannot have.
    """
    knobs: list[Choice | Range] = []
    fixed: dict[str, Any] = {}
    for name, given in (dict(usual) | dict(document)).items():
        read = _knob(str(name), given, f"{where}, {name}")
        if isinstance(read, Choice) and len(read.settings) == 1:
            fixed |= read.settings[0]
        else:
            knobs.append(read)
    _refuse_shared(knobs, fixed, where)
    return Space(tuple(knobs), fixed)


def read_space(path: Path, usual: Mapping[str, Any] = IMAGES) -> Space:
    """The space of a file; see the module.

    Raises:
        UsageError: it cannot be read, is no mapping, or holds what `space_of` refuses.
    """
    try:
        document = yaml.safe_load(read_at_most(path, LARGEST_FILE))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise UsageError("is no YAML", where=f"{path}{line}", fix="write knobs as `alpha: [0.35, 0.5]`") from None
    if not isinstance(document, dict):
        raise UsageError("is no mapping of knobs", where=path, fix="write knobs as `alpha: [0.35, 0.5]`")
    return space_of(document, usual, where=str(path))


def _knob(name: str, given: Any, where: str) -> Choice | Range:
    if isinstance(given, dict) and "low" in given:
        return _range(name, given, where)
    settings = [_setting(name, each, where) for each in (given if isinstance(given, list) else [given])]
    if not settings:
        raise UsageError("has no value", where=where, fix="give at least one")
    return Choice(name, tuple(settings))


def _range(name: str, given: Mapping[str, Any], where: str) -> Range:
    unknown = given.keys() - {"low", "high", "step", "log"}
    try:
        low, high = (_number(given[key]) for key in ("low", "high"))
        step = None if given.get("step") is None else _number(given["step"])
        if unknown:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        fix = "give low and high, and maybe step or log, as numbers"
        raise UsageError("is no range", where=where, fix=fix) from None
    found = Range(name, low, high, step, bool(given.get("log", False)))
    if not found.low < found.high or (found.log and (found.step is not None or found.low <= 0)):
        raise UsageError(
            "is no range", where=where, fix="low must be below high, and with log above 0 and without a step"
        )
    for end in (found.low, found.high):
        _setting(name, end, where)
    return found


def _number(given: Any) -> float:
    """A number; of text too, since YAML takes 2e-4 for that."""
    if isinstance(given, bool):
        raise TypeError
    return given if isinstance(given, int | float) else float(given)


def _setting(name: str, given: Any, where: str) -> Mapping[str, Any]:
    """Fields and what they are, each checked by the recipe."""
    setting = dict(given) if isinstance(given, dict) else {name: given}
    for field in setting:
        if field not in Recipe.model_fields:
            raise UsageError(f"{field} is no field of the recipe", where=where, fix="see train --help for the names")
        if field in NO_KNOBS:
            raise UsageError(f"{field} is the same in every trial", where=where, fix="leave it out")
    try:
        Recipe.model_validate(setting)
    except ValidationError as error:
        for wrong in error.errors():
            if wrong["loc"] or isinstance(given, dict):  # what does not fit other fields is judged trial by trial
                reason = wrong["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
                raise UsageError(f"{given!r} must be {reason}", where=where, fix="see train --help") from None
    return setting


def _refuse_shared(knobs: Sequence[Choice | Range], fixed: Mapping[str, Any], where: str) -> None:
    """Raises UsageError where two knobs set the same field."""
    owner: dict[str, str] = dict.fromkeys(fixed, "a fixed value")
    for knob in knobs:
        fields = {knob.name} if isinstance(knob, Range) else {field for each in knob.settings for field in each}
        for field in fields:
            if field in owner:
                raise UsageError(f"{knob.name} and {owner[field]} both set {field}", where=where, fix="keep one")
            owner[field] = knob.name
