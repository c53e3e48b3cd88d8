"""Small pictures on sheets: each is where its number says."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from train.inspection.thumbnails import thumbnails


@pytest.mark.parametrize(
    ("shape", "size"), [((160, 160, 3), (80, 80)), ((96, 48, 1), (40, 80)), ((32, 40, 3), (40, 32))]
)
def test_each_image_is_where_its_number_says(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    count = 300
    images = (np.full(shape, number * 255 // count, np.uint8) for number in range(count))

    sheets = thumbnails(images, shape)

    assert (sheets.width, sheets.height) == size
    opened = [np.asarray(Image.open(io.BytesIO(content)).convert("L"), float) for content in sheets.files]
    assert len(opened) == 2
    for number in (0, 1, 15, 16, 255, 256, 299):
        sheet, place = divmod(number, sheets.columns**2)
        row, column = divmod(place, sheets.columns)
        top, left = row * sheets.height, column * sheets.width
        cell = opened[sheet][top : top + sheets.height, left : left + sheets.width]
        assert cell.shape == (sheets.height, sheets.width)
        assert abs(cell.mean() - number * 255 // count) < 4
