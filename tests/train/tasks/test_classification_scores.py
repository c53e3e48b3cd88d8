"""Scores are what the field means by their names."""

from __future__ import annotations

import numpy as np
import pytest

from train.tasks.classification_scores import score


def test_scores_of_a_small_table() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    scores = score(np.eye(3)[predicted] * 0.7 + 0.1, truth, ["a", "b", "c"])

    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.confusion == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert scores.classes["a"].precision == pytest.approx(2 / 3)
    assert scores.classes["a"].recall == pytest.approx(2 / 3)
    assert scores.classes["b"].precision == pytest.approx(2 / 3)
    assert scores.classes["b"].recall == 1.0
    assert (scores.classes["c"].f1, scores.classes["c"].support) == (0.0, 1)
    assert scores.f1 == pytest.approx((2 / 3 + 0.8 + 0.0) / 3)
    assert scores.loss == pytest.approx(-(4 * np.log(0.8) + 2 * np.log(0.1)) / 6)


def test_class_that_does_not_occur_is_left_out_of_the_means() -> None:
    scores = score(np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([0, 1]), ["a", "b", "c"])

    assert (scores.accuracy, scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0, 1.0)
    assert scores.tables("x")[0].rows[1:] == [["b", "1.000", "1.000", "1.000", "1"], ["c", "", "", "", "0"]]


def test_probability_that_was_rounded_to_zero_gives_a_finite_loss() -> None:
    assert np.isfinite(score(np.array([[1.0, 0.0]]), np.array([1]), ["a", "b"]).loss)
