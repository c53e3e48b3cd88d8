"""Calibration and thresholds, on answers whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from train.tasks.classification_trust import calibration, thresholds, trust


def answers(sure: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities of two classes, so sure and right or wrong."""
    said = np.array([[share, 1 - share] for share in sure], np.float32)
    return np.array([0 if each else 1 for each in right], np.int32), said


def test_calibration_is_the_mean_distance() -> None:
    y, said = answers([0.95] * 4 + [0.65] * 4, [True, True, True, False, True, True, False, False])
    found = calibration(y, said)
    assert [(each["samples"], each["accuracy"]) for each in found["bins"]] == [(4, 0.5), (4, 0.75)]
    assert found["expected_calibration_error"] == pytest.approx((0.15 + 0.2) / 2, abs=1e-6)


def test_a_threshold_leaves_the_sure_ones() -> None:
    y, said = answers([0.9, 0.8, 0.7, 0.6], [True, True, False, False])
    found = thresholds(y, said)
    assert (found["answered"][0], found["right"][0]) == (1.0, 0.5)
    assert (found["answered"][38], found["right"][38]) == (0.5, 1.0)  # 0.76
    assert (found["answered"][49], found["right"][49]) == (0.0, None)


def test_the_suggested_threshold_is_the_least_that_validation_allows() -> None:
    held = answers([0.99] * 40 + [0.7] * 40, [True] * 40 + [True, False] * 20)
    test = answers([0.99] * 10 + [0.7] * 10, [True] * 9 + [False] + [False] * 10)
    sets = {
        name: (y, {"float32": said, "int8": said})
        for name, (y, said) in zip(("validation", "testing"), (held, test), strict=True)
    }
    found = trust(sets)["suggested"]
    assert found == {
        "threshold": 0.72,
        "chosen_on": "validation",
        "measured_on": "testing",
        "answered": 0.5,
        "right": 0.9,
    }


def test_few_answers_suggest_nothing() -> None:
    y, said = answers([0.99] * 5 + [0.7] * 40, [True] * 5 + [True, False] * 20)
    assert trust({"validation": (y, {"float32": said, "int8": said})})["suggested"] is None
