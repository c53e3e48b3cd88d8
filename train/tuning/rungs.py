"""Which trials are trained longer: successive halving over whole runs.

A rung is an effort of the recipe: a run with all its phases, whose schedules are scaled to its length. A long run that
is cut short would say little, since it has not pruned yet. A trial goes on to the next rung if it is among the best of
those that came to this one so far; nobody waits for others (Li et al. 2020, https://arxiv.org/abs/1810.05934).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ei_compat.core.errors import UsageError
from train.job import EFFORT


def rungs_of(text: str) -> tuple[str, ...]:
    """Efforts with commas, the shortest first; raises UsageError where they are none."""
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= EFFORT.keys() or list(names) != sorted(set(names), key=EFFORT.__getitem__):
        raise UsageError(
            f"{text!r} are no efforts", where="--rungs", fix=f"use some of {','.join(EFFORT)}, in this order"
        )
    return names


def goes_on(metric: float, others: Sequence[float], rung: str, following: str, *, higher_is_better: bool) -> bool:
    """Whether a trial is trained longer.

    Args:
        metric: that it reached at its rung.
        others: what the other trials that came to this rung reached.
        rung: this effort.
        following: the next one; as many go on as make both cost the same.
        higher_is_better: of the metric.
    """
    sign = 1 if higher_is_better else -1
    rank = sum(sign * other > sign * metric for other in others)
    return rank < math.ceil((len(others) + 1) * EFFORT[rung] / EFFORT[following])
