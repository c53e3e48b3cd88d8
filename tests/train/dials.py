"""Dials: pictures whose number is the angle of a hand, for regression."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from train.samples import Samples

LARGER = 4  # drawn so many times larger and made smaller, so that edges are smooth


def draw_dial(angle: float, random: np.random.Generator, side: int = 48) -> Image.Image:
    """A face with a hand that points `angle` degrees right of straight up."""
    size = side * LARGER
    ground = tuple(random.integers(150, 255, 3).tolist())
    image = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(image)
    x, y = size / 2 + random.normal(0, size / 50, 2)
    radius = size * random.uniform(0.38, 0.46)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(245, 245, 240), outline=(60, 60, 60), width=8)
    turn = math.radians(angle)
    tip = x + radius * 0.85 * math.sin(turn), y - radius * 0.85 * math.cos(turn)
    pen.line((x, y, *tip), fill=tuple(random.integers(0, 90, 3).tolist()), width=int(size * random.uniform(0.05, 0.08)))
    small = np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float64)
    return Image.fromarray(np.clip(small + random.normal(0, 4, small.shape), 0, 255).astype(np.uint8))


def dial_folders(folder: Path, angles: np.ndarray, side: int = 48, seed: int = 1) -> Path:
    """A class folder for every angle, each with as many pictures as it occurs in `angles`."""
    for number, angle in enumerate(angles.tolist()):
        place = folder / f"{angle:g}"
        place.mkdir(parents=True, exist_ok=True)
        draw_dial(angle, np.random.default_rng([seed, number]), side).save(place / f"dial{number}.png")
    return folder


def dial_samples(angles: np.ndarray, side: int = 48, seed: int = 2) -> Samples:
    """The same as arrays."""
    images = [draw_dial(a, np.random.default_rng([seed, n]), side) for n, a in enumerate(angles.tolist())]
    return Samples(np.stack([np.asarray(image) for image in images]), angles.astype(np.float32))
