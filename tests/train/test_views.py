"""Rows, the variants of pictures, and what is known of them stay together."""

from __future__ import annotations

import numpy as np
import pytest

from train.views import CLOSEST, Variants, Views

X = np.arange(5 * 2 * 3 * 1, dtype=np.float32).reshape(5, 2, 3, 1)
Y = np.arange(5, dtype=np.int32)
MIRRORED = Variants(mirrored=True)


def test_rows_behind_the_last_are_mirror_images_with_their_own_constants() -> None:
    views = Views(X, Y, MIRRORED, constants=(np.arange(10),))

    x, y, known = views.take(np.array([7, 2]))

    np.testing.assert_array_equal(x, np.stack([X[2, :, ::-1], X[2]]))
    assert y.tolist() == [2, 2]
    assert known.tolist() == [7, 2]
    np.testing.assert_array_equal(X, np.arange(30).reshape(X.shape))


def test_features_are_stored_for_every_view() -> None:
    features = np.arange(20.0).reshape(10, 2)

    x, y = Views(features, Y, MIRRORED).take(np.array([9, 0]))

    np.testing.assert_array_equal(x, features[[9, 0]])
    assert y.tolist() == [4, 0]


def test_features_without_variants_are_taken_as_they_are() -> None:
    """As where they are left out, by option or because they would do harm."""
    features = np.arange(10.0).reshape(5, 2)

    x, y = Views(features, Y).take(np.array([3, 0]))

    np.testing.assert_array_equal(x, features[[3, 0]])
    assert y.tolist() == [3, 0]


@pytest.mark.parametrize(("variants", "count"), [(MIRRORED, 2), (Variants(True, 3), 8), (Variants(closer=1), 2)])
def test_every_image_is_drawn_once_and_every_variant_as_often(variants: Variants, count: int) -> None:
    views = Views(np.zeros((1000, 1, 1, 1)), np.zeros(1000, np.int32), variants)
    rows = views.draw(np.random.default_rng(1))

    assert variants.count == count
    assert sorted(rows % 1000) == list(range(1000))
    assert abs(np.bincount(rows // 1000, minlength=count) - 1000 / count).max() < 0.2 * 1000 / count
    assert sorted(Views(X, Y).draw(np.random.default_rng(1))) == list(range(5))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_closer_look_shows_a_part_of_the_picture_and_its_mirror_image_the_same(dtype: type) -> None:
    """Of pictures whose pixels say where they are: columns in one channel, rows in the other."""
    side, looks = 41, Variants(mirrored=True, closer=2, seed=3)
    place = np.broadcast_to(np.arange(side) * 5, (side, side))
    x = np.stack([np.stack([place, place.T], -1)] * 3).astype(dtype)
    views = Views(x, np.arange(3, dtype=np.int32), looks)

    seen, y = views.take(np.arange(views.rows))
    again, _ = views.take(np.array([17, 7]))

    assert (seen.dtype, seen.shape) == (x.dtype, (18, side, side, 2))
    assert y.tolist() == [0, 1, 2] * 6
    np.testing.assert_array_equal(seen[:3], x)
    np.testing.assert_array_equal(seen[3::6], seen[0::6][:, :, ::-1])
    np.testing.assert_array_equal(again, seen[[17, 7]])
    np.testing.assert_array_equal(views.take(np.arange(3))[0], x)
    nearer = seen.astype(float).reshape(3, 2, 3, side, side, 2)[1:, 0]  # looks, pictures
    ends = nearer[..., 0, 0, :], nearer[..., -1, -1, :]
    widths = (ends[1] - ends[0]) / (5 * (side - 1))
    assert (widths >= CLOSEST - 0.01).all()
    assert (widths < 1).all()
    np.testing.assert_allclose(widths[..., 0], widths[..., 1], atol=0.02)  # the same share of both sides
    assert len(np.unique(widths[..., 0].round(4))) > 3  # each drawn on its own
    steps = np.diff(nearer[..., 0], axis=-1)  # evenly from its left to its right
    np.testing.assert_allclose(steps, np.broadcast_to(widths[..., None, None, 0] * 5, steps.shape), atol=1.01)
