"""What a finished regression must keep, and whether the held-out samples show that it does not.

Two networks are measured on the same samples, and what counts is the ratio of their mean errors. The samples show it up
to a standard error, that of a ratio of paired means (Cochran 1977, Sampling Techniques, section 6.3), so a run fails
only where the ratio is above its limit with 95 % confidence. What is above the limit but not shown is a warning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from train.checks import Check
from train.tasks import Drop
from train.tasks.comparison import ONE_SIDED_95

if TYPE_CHECKING:
    from train.recipe import Recipe

LEVEL = 0.05  # how often a model that keeps the limit fails all the same
SMALLEST = 1e-30  # of a mean error that another is a multiple of
ROUNDING = 1e-9


def error_added(before: np.ndarray, after: np.ndarray) -> Drop:
    """The share that the mean of errors [N] grows by, and what of it the samples show."""
    ratio, error = _ratio(before, after)
    return Drop(ratio - 1, ratio - 1 - ONE_SIDED_95 * error)


def int8_checks(recipe: Recipe, float_squares: np.ndarray, int8_squares: np.ndarray) -> list[Check]:
    """What INT8 adds to the root mean square error of float; both are squared errors [N] of all held-out samples."""
    name, limit = (
        "INT8 adds to the root mean square error on held-out samples, as a share, at most",
        recipe.max_int8_error,
    )
    ratio, error = _ratio(float_squares, int8_squares)
    added = math.sqrt(ratio) - 1
    if added <= limit + ROUNDING:
        return [Check(name, limit, added, True)]
    distance = (ratio - (1 + limit) ** 2) / max(error, SMALLEST)
    chance = 0.5 * math.erfc(distance / math.sqrt(2))
    return [Check(name, limit, added, chance > LEVEL, chance, len(float_squares))]


def training_checks(recipe: Recipe, written: Drop, pruned: Drop | None) -> list[Check]:
    """What float loses: the file after training, and pruning against the unpruned networks; only what is shown."""
    name = "the float file adds to the mean absolute error after training, as far as validation shows it, at most"
    checks = [_check(name, recipe.max_int8_error, written)]
    if pruned is None:
        return checks
    name = "pruning adds to the mean absolute error, as a share, as far as held-out samples show it, at most"
    return [*checks, _check(name, recipe.max_prune_error, pruned)]


def _check(name: str, limit: float, drop: Drop) -> Check:
    return Check(name, limit, drop.shown, drop.shown <= limit + ROUNDING)


def _ratio(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Mean of the second by that of the first, and the standard error of this."""
    below = max(float(before.mean()), SMALLEST)
    ratio = float(after.mean()) / below
    spread = float(np.std(after - ratio * before, ddof=1)) if len(before) > 1 else 0.0
    return ratio, spread / (math.sqrt(len(before)) * below)
