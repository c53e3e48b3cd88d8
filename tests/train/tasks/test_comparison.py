"""What is lost, and how much of it is more than chance."""

from __future__ import annotations

import numpy as np
import pytest

from train.tasks.comparison import drop


def hits(right: int, of: int) -> np.ndarray:
    return np.arange(of) < right


@pytest.mark.parametrize(
    ("before", "after", "measured", "shown"),
    [
        pytest.param(hits(90, 100), hits(90, 100), 0.0, 0.0, id="the same answers"),
        pytest.param(hits(35, 35), hits(32, 35), 3 / 35, 3 / 35 - 1.645 * np.sqrt(3 - 9 / 35) / 35, id="few pictures"),
        pytest.param(hits(900, 1000), hits(800, 1000), 0.1, 0.1 - 1.645 * np.sqrt(90) / 1000, id="many pictures"),
        pytest.param(hits(10, 20), ~hits(10, 20), 0.0, -1.645 * np.sqrt(20) / 20, id="as many won as lost"),
    ],
)
def test_drop(before: np.ndarray, after: np.ndarray, measured: float, shown: float) -> None:
    found = drop(before, after)

    assert found.measured == pytest.approx(measured)
    assert found.shown == pytest.approx(shown)


def test_two_networks_as_good_as_each_other_are_told_apart_one_time_in_twenty() -> None:
    random = np.random.default_rng(1)
    trials = [drop(*(random.random((2, 200)) < 0.8)).shown > 0 for _ in range(2000)]

    assert 0.02 < np.mean(trials) < 0.08
