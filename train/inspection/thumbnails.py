"""Small pictures of samples, many to a WebP file, so that a page shows thousands of them in a few megabytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from train.page.images import Sprites

SIDE = 80  # pixels of the longer side of one
COLUMNS = 16  # and as many rows of them to a sheet
QUALITY = 50  # of WebP: less than a kilobyte each, most of the time


def thumbnails(images: Iterator[np.ndarray], shape: Sequence[int]) -> Sprites:
    """Small pictures.

    Args:
        images: uint8 [H, W, C] each, gray or red, green and blue.
        shape: of one of them.
    """
    factor = min(1.0, SIDE / max(shape[:2]))
    width, height = (max(1, math.floor(side * factor)) for side in (shape[1], shape[0]))
    files, small = [], []
    for image in images:
        plain = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
        small.append(plain.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0))
        if len(small) == COLUMNS**2:
            files.append(_sheet(small, width, height))
            small = []
    if small:
        files.append(_sheet(small, width, height))
    return Sprites(width, height, COLUMNS, tuple(files))


def _sheet(small: Sequence[Image.Image], width: int, height: int) -> bytes:
    sheet = Image.new("RGB", (COLUMNS * width, math.ceil(len(small) / COLUMNS) * height))
    for number, image in enumerate(small):
        sheet.paste(image, (number % COLUMNS * width, number // COLUMNS * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()
