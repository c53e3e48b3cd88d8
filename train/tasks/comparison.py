"""Two classifiers on the same pictures: what one loses against the other, and how much of it that many pictures show.

Both are measured on the same pictures, so only those count on which one is right and the other wrong (McNemar 1947).
"""

from __future__ import annotations

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
