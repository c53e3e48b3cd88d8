"""Rows, their mirror images, and what is known of them stay together."""

from __future__ import annotations

import numpy as np

from train.views import Views

X = np.arange(5 * 2 * 3 * 1, dtype=np.float32).reshape(5, 2, 3, 1)
Y = np.arange(5, dtype=np.int32)


def test_rows_behind_the_last_are_mirror_images_with_their_own_constants() -> None:
    views = Views(X, Y, mirrored=True, constants=(np.arange(10),))

    x, y, known = views.take(np.array([7, 2]))

    np.testing.assert_array_equal(x, np.stack([X[2, :, ::-1], X[2]]))
    assert y.tolist() == [2, 2]
    assert known.tolist() == [7, 2]
    np.testing.assert_array_equal(X, np.arange(30).reshape(X.shape))


def test_features_are_stored_for_every_view() -> None:
    features = np.arange(20.0).reshape(10, 2)

    x, y = Views(features, Y, mirrored=True).take(np.array([9, 0]))

    np.testing.assert_array_equal(x, features[[9, 0]])
    assert y.tolist() == [4, 0]


def test_features_without_mirror_images_are_taken_as_they_are() -> None:
    """As where mirror images are left out, by option or because they would do harm."""
    features = np.arange(10.0).reshape(5, 2)

    x, y = Views(features, Y).take(np.array([3, 0]))

    np.testing.assert_array_equal(x, features[[3, 0]])
    assert y.tolist() == [3, 0]


def test_every_image_is_drawn_once_and_half_of_them_mirrored() -> None:
    views = Views(np.zeros((1000, 1, 1, 1)), np.zeros(1000, np.int32), mirrored=True)
    rows = views.draw(np.random.default_rng(1))

    assert sorted(rows % 1000) == list(range(1000))
    assert 400 < (rows >= 1000).sum() < 600
    assert sorted(Views(X, Y).draw(np.random.default_rng(1))) == list(range(5))
