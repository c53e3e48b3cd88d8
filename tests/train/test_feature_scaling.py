"""Features: how they are measured, rounded, divided, and what becomes part of the first kernel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.features import COLUMNS, windows
from train import feature_scaling
from train.feature_scaling import FeatureScaling
from train.scaling import Inputs

X = windows(200, seed=3)[0]


def test_rows_that_do_not_fit_into_memory_are_measured_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FeatureScaling.measured(X)
    monkeypatch.setattr(feature_scaling, "PIECE", 7 * X.shape[1])
    pieces = FeatureScaling.measured(X)

    np.testing.assert_allclose(pieces.mean, whole.mean)
    np.testing.assert_allclose(pieces.deviation, whole.deviation)
    np.testing.assert_allclose(whole.spread, X.std(axis=0, dtype=np.float64), rtol=1e-6)
    assert (whole.least, whole.greatest) == (pieces.least, pieces.greatest) == (X.min(), X.max())
    assert whole.extremes == pieces.extremes == tuple(sorted({X.min(axis=1).argmin(), X.max(axis=1).argmax()}))


def test_features_are_rounded_as_the_int8_file_rounds_them() -> None:
    scaling = FeatureScaling.measured(X)
    rounded = scaling.rounded(X)

    assert scaling.step == pytest.approx((X.max() - min(X.min(), 0)) / 255)
    assert np.abs(rounded - X).max() <= 0.5001 * scaling.step
    assert len(np.unique(rounded)) <= 256
    np.testing.assert_array_equal(scaling.rounded(rounded), rounded)
    np.testing.assert_array_equal(scaling.rounded(np.zeros((1, 3), np.float32)), 0)
    empty = FeatureScaling.measured(np.zeros((3, 4), np.float32))
    np.testing.assert_array_equal(empty.rounded(X[:, :4]), X[:, :4])
    assert empty.over(4).for_training(np.zeros((3, 4), np.float32))[:].tolist() == [[0] * 4] * 3


def test_each_feature_is_divided_by_how_much_it_varies_and_what_is_rounded_off_is_left_out() -> None:
    scaling = FeatureScaling.measured(X).over(X.shape[1])
    given = scaling.for_training(X)

    assert isinstance(given, Inputs)
    spread = given[:].std(axis=0)
    fine = np.arange(X.shape[1]) % COLUMNS == COLUMNS - 1
    np.testing.assert_allclose(spread[~fine], 1, rtol=1e-4)
    assert (spread[fine] == 0).all()
    np.testing.assert_array_equal(scaling.for_deployment(given)[:5], scaling.rounded(X[:5]))
    assert scaling.as_given(given) is X
    assert scaling.as_given(scaling.for_deployment(given)) is X
    assert FeatureScaling.measured(X).for_training(X) is X


def test_features_of_a_column_are_divided_alike() -> None:
    scaling = FeatureScaling.measured(X).over(COLUMNS)
    divisors = scaling.divisors.reshape(-1, COLUMNS)

    assert (divisors == divisors[0]).all()
    rounded = scaling.rounded(X).reshape(-1, COLUMNS)
    np.testing.assert_allclose(divisors[0, :-1], rounded.std(axis=0)[:-1], rtol=1e-4)


@pytest.mark.parametrize("shape", [(72, 5), (3, 1, COLUMNS, 5)])
def test_the_folded_kernel_gives_the_same_of_what_is_deployed(shape: tuple[int, ...]) -> None:
    scaling = FeatureScaling.measured(X).over(shape[-2])
    kernel = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    given = scaling.for_training(X)
    columns = shape[-2]

    learned = given[:].reshape(len(X), -1, columns) @ kernel.reshape(-1, *shape[-2:])[0]
    folded = scaling.folded(kernel).reshape(-1, *shape[-2:])[0]
    deployed = scaling.for_deployment(given)[:].reshape(len(X), -1, columns) @ folded

    assert scaling.folded(kernel).shape == shape
    np.testing.assert_allclose(deployed, learned, atol=1e-4)


def test_calibration_holds_the_least_and_the_greatest_value() -> None:
    scaling = FeatureScaling.measured(X)
    rows = np.array([r for r in (4, 9, 30) if r not in scaling.extremes])
    values = scaling.calibration(lambda chosen: X[chosen], rows)

    assert (values.min(), values.max()) == (X.min(), X.max())
    assert len(values) == len(rows) + len(scaling.extremes)


def test_features_that_int8_cannot_tell_apart_are_named() -> None:
    (line,) = FeatureScaling.measured(X).lines()
    assert line.startswith("12 of 72 features (counted from 0: 5, 11, 17, 23, 29, …) vary by less than a step")
    constant = np.hstack([X[:, :2], np.full((len(X), 1), 0.1, np.float32)])
    assert FeatureScaling.measured(constant).lines() == []
