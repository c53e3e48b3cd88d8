"""What a finished classifier must keep, and whether the held-out pictures show that it does not.

INT8 and float are measured on the same pictures, so only those count that the two files judge differently: `lost` that
float gets right and INT8 wrong, `gained` the other way round. The loss (lost - gained) / n of a sample scatters around
the true one; with fewer than 50 pictures a single one is more than 0.02. So a run fails only where the loss is above
its limit and the pictures show it, by an exact unconditional test of the paired difference against the limit at a level
of 5 %: the p-value is the largest over the unknown share of gained pictures, within that share's own confidence
interval (Berger & Boos 1994, https://doi.org/10.2307/2291000). What is above the limit but not shown is a warning.

A class can vanish without moving the mean: every class is tested too, against five times the limit, at 5 % over all
classes together (Bonferroni). A few pictures say nothing about how many INT8 gains, so that interval is always taken
from all held-out pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from train.checks import Check

if TYPE_CHECKING:
    from train.recipe import Recipe
    from train.tasks import Drop

LEVEL = 0.05  # of each test: how often a model that keeps the limit fails all the same
OUTSIDE = 0.1  # part of the level that is spent on the share of gained pictures being outside its interval
CLASS_FACTOR = 5.0  # a class may lose this many times the limit of the whole
ROUNDING = 1e-9  # of the difference of two shares
GRID = 50  # shares of gained pictures that are tried


class Pair(NamedTuple):
    """Both files on the same pictures.

    Attributes:
        truth: int class indices [N].
        float_class, int8_class: predicted class indices [N].
    """

    truth: np.ndarray
    float_class: np.ndarray
    int8_class: np.ndarray


def int8_checks(recipe: Recipe, pair: Pair, classes: Sequence[str]) -> list[Check]:
    """What INT8 loses against float on all held-out pictures together, and in the class that loses most clearly."""
    limit = recipe.max_int8_drop
    checks = [_loss_check("INT8's loss of accuracy on held-out pictures at most", limit, pair, pair, LEVEL)]
    seen = [index for index in range(len(classes)) if (pair.truth == index).any()]
    by_class = [
        _loss_check(
            f"INT8's loss of recall in class {classes[index]} at most",
            min(1.0, CLASS_FACTOR * limit),
            Pair(*(part[pair.truth == index] for part in pair)),
            pair,
            LEVEL / len(seen),
        )
        for index in seen
    ]
    over = [check for check in by_class if check.measured > check.asked + ROUNDING]
    failed = [check for check in over if not check.met]
    return checks + (failed or over or [max(by_class, key=lambda check: check.measured)])


def _loss_check(name: str, limit: float, pair: Pair, all_pairs: Pair, level: float) -> Check:
    lost, gained = _changed(pair)
    count = len(pair.truth)
    loss = (lost - gained) / count
    if loss <= limit + ROUNDING:
        return Check(name, limit, loss, True)
    most = largest_share(len(all_pairs.truth), _changed(all_pairs)[1], OUTSIDE * level)
    chance = min(1.0, chance_of_loss(count, lost - gained, limit, most) + OUTSIDE * level)
    return Check(name, limit, loss, chance > level, chance=chance, pictures=count)


def _changed(pair: Pair) -> tuple[int, int]:
    """How many pictures INT8 loses and gains."""
    right, still_right = pair.float_class == pair.truth, pair.int8_class == pair.truth
    return int((right & ~still_right).sum()), int((still_right & ~right).sum())


def training_checks(recipe: Recipe, written: Drop, pruned: Drop | None) -> list[Check]:
    """What float loses: the file after training, and pruning against the unpruned networks.

    Of both only what the pictures show with 95 % confidence counts. The networks differ in many answers, and by chance
    alone 50 pictures would fail one good run in three.
    """
    name = "the float file's loss of accuracy after training, as far as validation shows it, at most"
    checks = [Check(name, recipe.max_int8_drop, written.shown, written.shown <= recipe.max_int8_drop + ROUNDING)]
    if pruned is None:
        return checks
    name = "pruning's loss of accuracy, as far as the held-out pictures show it, at most"
    return [*checks, Check(name, recipe.max_prune_drop, pruned.shown, pruned.shown <= recipe.max_prune_drop + ROUNDING)]


def chance_of_loss(count: int, difference: int, limit: float, most: float) -> float:
    """The largest probability of a loss like this one, or a larger one, where the true loss is at most `limit`.

    Args:
        count: pictures.
        difference: pictures lost less pictures gained.
        limit: true share lost less true share gained, 0 to 1.
        most: the largest share of gained pictures that is looked at, 0 to 1.
    """
    shares = np.linspace(0.0, min((1 - limit) / 2, most), GRID)
    return max(_tail(count, difference, share + limit, share) for share in shares)


def _tail(count: int, difference: int, loses: float, gains: float) -> float:
    """P(lost - gained >= difference) for pictures that are each lost or gained with these probabilities.

    The sum of `count` steps of -1, 0 and +1 has the characteristic function of one step to that power.
    """
    size = 2 * count + 1
    step = np.zeros(size)
    step[0], step[1] = 1 - loses - gains, loses
    step[-1] += gains
    distribution = np.fft.ifft(np.fft.fft(step) ** count).real  # of the sum modulo `size`
    return float(np.clip(distribution[difference : count + 1].sum(), 0.0, 1.0))


def largest_share(count: int, hits: int, outside: float) -> float:
    """Upper end of the exact one-sided interval of a share (Clopper & Pearson 1934), missed with chance `outside`."""
    if hits >= count:
        return 1.0
    logs = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in range(hits + 1)]
    low, high = hits / count, 1.0
    for _ in range(50):
        share = (low + high) / 2
        parts = [log + k * math.log(share) + (count - k) * math.log1p(-share) for k, log in enumerate(logs)]
        if math.fsum(map(math.exp, parts)) > outside:
            low = share
        else:
            high = share
    return high
