"""Two models on the same samples: what one loses against the other, and how much of it that many samples show.

Both are measured on the same samples, so only those count on which one is right and the other wrong (McNemar 1947).
"""

from __future__ import annotations

import math

import numpy as np

from train.tasks import Drop

ONE_SIDED_95 = 1.645  # standard errors


def drop(before: np.ndarray, after: np.ndarray) -> Drop:
    """What accuracy falls by.

    Args:
        before: for each picture [N] whether the one classifier is right.
        after: whether the other is.
    """
    count = len(before)
    lost, won = int((before & ~after).sum()), int((after & ~before).sum())
    measured = (lost - won) / count
    error = np.sqrt(max(lost + won - (lost - won) ** 2 / count, 0.0)) / count
    return Drop(measured, float(measured - ONE_SIDED_95 * error))


def exact_test(better: int, worse: int) -> float:
    """How likely at least so unequal counts are where neither of two models is the better one: McNemar's exact test.

    Then each sample that the two judge differently is as likely better as worse, so that the smaller count has a
    binomial distribution; two-sided. For errors instead of right and wrong it is the sign test.

    Args:
        better: samples on which the one model is better.
        worse: samples on which it is worse.
    """
    total = better + worse
    chances = sum(math.comb(total, count) for count in range(min(better, worse) + 1))
    return min(1.0, chances / (1 << total) * 2)  # of whole numbers, so exact however many there are
