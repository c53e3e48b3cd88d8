"""The built-in demo: a small picture set that is drawn, not downloaded.

Four kinds of thing, each in its own range of colours, at any angle and in some light, on dull backgrounds. Easy enough
for a network that starts from scratch, and varied enough that it has to look. The same seed draws the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ei_compat.core.files import new_folder
from ei_compat.core.progress import SILENT, Progress
from train.result import Columns

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDES = (160, 240)  # pixels; each picture has its own width and height within
OVERSAMPLE = 2  # drawn this much larger and scaled down, for smooth edges

Colour = tuple[int, int, int]
Drawing = Callable[["ImageDraw.ImageDraw", float, Colour, np.random.Generator], None]  # on a square of that side


@dataclass(frozen=True, slots=True)
class DemoSet:
    """What was drawn: where, and how many pictures of each class."""

    schema: ClassVar[str] = "demo/1"
    folder: Path
    classes: Sequence[str]
    per_class: int

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {"folder": str(self.folder), "classes": list(self.classes), "per_class": self.per_class}

    def as_tables(self) -> Sequence[Columns]:
        """One row per class."""
        return [
            Columns(str(self.folder), ["class", "pictures"], [[name, str(self.per_class)] for name in self.classes])
        ]


def draw_demo(folder: Path, *, per_class: int = 100, seed: int = 1, progress: Progress = SILENT) -> DemoSet:
    """Draws the demo set as class folders of JPEG files.

    Args:
        folder: new or empty.
        per_class: pictures of each class.
        seed: of everything drawn.
        progress: counts pictures.

    Raises:
        DataError: the folder is not empty, or cannot be written.
    """
    with new_folder(folder) as target, progress.task("drawing", per_class * len(THINGS), "picture") as task:
        for kind, (name, (draw, hue)) in enumerate(THINGS.items()):
            (target / name).mkdir()
            for number in range(per_class):
                image = _image(draw, hue, np.random.default_rng([seed, kind, number]))
                image.save(target / name / f"{name}.{number:03d}.jpg", quality=90)
                task.advance()
    return DemoSet(folder, tuple(THINGS), per_class)


def _image(draw: Drawing, hue: float, random: np.random.Generator) -> Image.Image:
    """One thing on a background, in some light."""
    from PIL import Image, ImageDraw, ImageFilter

    width, height = (int(side) for side in random.integers(*SIDES, size=2))
    canvas = _background(width, height, random)
    side = int(min(width, height) * random.uniform(0.7, 1.0)) * OVERSAMPLE
    thing = Image.new("RGBA", (side, side))
    draw(ImageDraw.Draw(thing), side, _colour(hue, random), random)
    thing = thing.rotate(random.uniform(-35, 35), Image.Resampling.BICUBIC)
    thing = thing.resize((side // OVERSAMPLE, side // OVERSAMPLE), Image.Resampling.LANCZOS)
    place = [int(random.uniform(0, 1) * (room - side // OVERSAMPLE)) for room in (width, height)]
    canvas.paste(thing, (place[0], place[1]), thing)
    if random.random() < 0.3:
        canvas = canvas.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.5)))
    pixels = np.asarray(canvas, np.float32) * random.uniform(0.7, 1.1) + random.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _background(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """A dull gradient with a few straight-edged patches, as a table or a wall might be."""
    from PIL import Image, ImageDraw

    ends = [_colour(random.random(), random, saturation=0.15) for _ in range(2)]
    ramp = np.linspace(0, 1, width)[np.newaxis, :, np.newaxis] * np.ones((height, 1, 1))
    pixels = (1 - ramp) * np.array(ends[0]) + ramp * np.array(ends[1])
    canvas = Image.fromarray(pixels.astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for _ in range(random.integers(0, 5)):
        x, y, w, h = random.uniform(0, 1, 4) * (width, height, width / 2, height / 2)
        pen.rectangle((x, y, x + w, y + h), fill=_colour(random.random(), random, saturation=0.15))
    return canvas


def _colour(hue: float, random: np.random.Generator, *, saturation: float = 0.75) -> Colour:
    """A colour near a hue (0 to 1), brighter or duller by chance."""
    import colorsys

    shifted = (hue + random.normal(0, 0.02)) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(shifted, saturation * random.uniform(0.7, 1.2), random.uniform(0.45, 0.95))
    return int(255 * min(red, 1)), int(255 * min(green, 1)), int(255 * min(blue, 1))


def _darker(colour: Colour, factor: float = 0.6) -> Colour:
    red, green, blue = colour
    return min(int(red * factor), 255), min(int(green * factor), 255), min(int(blue * factor), 255)


def _ball(pen: ImageDraw.ImageDraw, side: float, colour: Colour, random: np.random.Generator) -> None:
    """A disc with a seam and a highlight."""
    pen.ellipse((0, 0, side, side), fill=colour, outline=_darker(colour), width=int(side * 0.03))
    bend = side * random.uniform(0.2, 0.6)
    pen.arc((-bend, 0, side - bend, side), -80, 80, fill=_darker(colour, 0.5), width=int(side * 0.04))
    pen.ellipse((side * 0.2, side * 0.15, side * 0.38, side * 0.3), fill=(255, 255, 255))


def _brick(pen: ImageDraw.ImageDraw, side: float, colour: Colour, random: np.random.Generator) -> None:
    """A long box with rows of holes."""
    top = side * random.uniform(0.2, 0.32)
    pen.rectangle((0, top, side, side - top), fill=colour, outline=_darker(colour), width=int(side * 0.03))
    for column in range(3):
        x = side * (0.12 + 0.28 * column)
        pen.rectangle((x, side * 0.42, x + side * 0.2, side * 0.58), fill=_darker(colour, 0.4))


def _leaf(pen: ImageDraw.ImageDraw, side: float, colour: Colour, random: np.random.Generator) -> None:
    """A pointed oval with veins."""
    half, wide = side / 2, side * random.uniform(0.2, 0.3)
    bow = [(half + wide * math.sin(math.pi * t / 20), side * t / 20) for t in range(21)]
    pen.polygon(bow + [(side - x, y) for x, y in reversed(bow)], fill=colour, outline=_darker(colour))
    pen.line((half, 0, half, side), fill=_darker(colour), width=int(side * 0.03))
    for rung in range(2, 8):
        y = side * rung / 10
        pen.line((half - wide * 0.6, y - wide * 0.4, half, y), fill=_darker(colour), width=int(side * 0.02))
        pen.line((half + wide * 0.6, y - wide * 0.4, half, y), fill=_darker(colour), width=int(side * 0.02))


def _star(pen: ImageDraw.ImageDraw, side: float, colour: Colour, random: np.random.Generator) -> None:
    """Five points around a light middle."""
    half, inner = side / 2, side * random.uniform(0.17, 0.24)
    radii = [half if point % 2 == 0 else inner for point in range(10)]
    corners = [
        (half + r * math.sin(math.pi * i / 5), half - r * math.cos(math.pi * i / 5)) for i, r in enumerate(radii)
    ]
    pen.polygon(corners, fill=colour, outline=_darker(colour))
    pen.ellipse((half - inner / 2, half - inner / 2, half + inner / 2, half + inner / 2), fill=_darker(colour, 1.3))


THINGS: dict[str, tuple[Drawing, float]] = {
    "ball": (_ball, 0.97),
    "brick": (_brick, 0.07),
    "leaf": (_leaf, 0.33),
    "star": (_star, 0.62),
}
