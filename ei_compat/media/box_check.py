"""Check of boxes as they are read: held against their picture, and counted where one had to be cut or left out.

A box may stick out of its picture where somebody drew it carelessly, and is cut then; what no careless hand draws (a
centre outside, a size above the picture's, shares where pixels belong or pixels where shares do, a number that is none)
means that the labels were made for something else, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ei_compat.core.errors import FormatError, ImageError
from ei_compat.core.limits import Limits
from ei_compat.dataset.dataset import Box, FilePayload
from ei_compat.media.image_files import image_size

OVER = 0.01  # of a share, or of a picture's side, that rounding may add to what fits
NOISE = 1e-5  # of a side that is cut off without a word: shares are written with six decimals
EXACT = 4  # decimals of a pixel that survive being written as a share


class BoxCheck:
    """Check of the boxes of one dataset, which counts what it cuts and leaves out.

    Attributes:
        cut: places of the boxes that were cut to their picture.
        dropped: places of the boxes of no size, which were left out.
    """

    def __init__(self) -> None:
        self.cut: list[str] = []
        self.dropped: list[str] = []

    def pixels(
        self,
        label: str,
        corner: tuple[float, float],
        sides: tuple[float, float],
        size: tuple[int, int] | None,
        *,
        where: str,
    ) -> Box | None:
        """A box in pixels.

        Args:
            label: its class.
            corner: x and y at the top left.
            sides: width and height.
            size: of the picture; None where nobody can tell.
            where: names the place in the label file.

        Returns:
            None where it has no size.

        Raises:
            FormatError: for a box that cannot be one of this picture, or has no class.
        """
        if not label.strip():
            raise FormatError("a box has no class", where=where)
        if size is not None and _is_plain(corner, sides, size):
            return Box(label, *corner, *sides)
        said = f"box {corner[0]:.6g}, {corner[1]:.6g}, {sides[0]:.6g} x {sides[1]:.6g}"
        if not all(map(math.isfinite, (*corner, *sides))):
            raise FormatError(f"{said} holds a number that is not finite", where=where)
        if min(sides) < 0:
            raise FormatError(f"{said} ends before it begins", where=where, fix="are minimum and maximum swapped?")
        if min(sides) == 0:
            self.dropped.append(where)
            return None
        if size is None:
            if corner[0] + sides[0] <= 0 or corner[1] + sides[1] <= 0:
                raise FormatError(f"{said} lies outside of any picture", where=where)
            return Box(label, *corner, *sides)
        self._refuse_shares(said, corner, sides, size, where=where)
        spans = [_fitted(at, side, most) for at, side, most in zip(corner, sides, size, strict=True)]
        if None in spans:
            what = f"{said} does not lie in its picture of {size[0]} x {size[1]} pixels"
            raise FormatError(what, where=where, fix="was the picture changed after it was labelled?")
        (x, width, over_x), (y, height, over_y) = (span for span in spans if span is not None)
        if over_x or over_y:
            self.cut.append(where)
        return Box(label, x, y, width, height)

    def shares(
        self, label: str, corner: tuple[float, float], sides: tuple[float, float], size: tuple[int, int], *, where: str
    ) -> Box | None:
        """A box whose numbers are shares of the picture's size, already known to be within 0 and 1; see `pixels`."""
        x, y = round(corner[0] * size[0], EXACT), round(corner[1] * size[1], EXACT)
        width, height = round(sides[0] * size[0], EXACT), round(sides[1] * size[1], EXACT)
        return self.pixels(label, (x, y), (width, height), size, where=where)

    def listed(self, items: Sequence[Box], size: tuple[int, int] | None, *, where: str) -> tuple[Box, ...] | None:
        """The boxes of one file in Edge Impulse's own documents; None where all that there were have no size."""
        found = (
            self.pixels(item.label, (item.x, item.y), (item.width, item.height), size, where=where) for item in items
        )
        boxes = tuple(box for box in found if box is not None)
        return None if items and not boxes else boxes

    def remarks(self) -> tuple[str, ...]:
        """What a person has to be told of it."""
        lines = []
        if self.dropped:
            lines.append(f"{_boxes(self.dropped)} of no size left out, the first in {self.dropped[0]}")
        if self.cut:
            lines.append(f"{_boxes(self.cut)} cut to the picture, the first in {self.cut[0]}")
        return tuple(lines)

    @staticmethod
    def _refuse_shares(
        said: str, corner: tuple[float, float], sides: tuple[float, float], size: tuple[int, int], *, where: str
    ) -> None:
        """Refuses a box within the first pixel of a picture, which is one given in shares."""
        ends = [at + side for at, side in zip(corner, sides, strict=True)]
        whole = all(float(value).is_integer() for value in (*corner, *sides))
        if min(size) > 2 and min(corner) >= 0 and max(ends) <= 1 and not whole:
            raise FormatError(f"{said} is smaller than a pixel: shares where pixels belong", where=where)


def size_or_none(payload: FilePayload, limits: Limits) -> tuple[int, int] | None:
    """Width and height of a file that is a picture, None for one that is broken or none."""
    try:
        return image_size(payload, limits) if payload.is_image else None
    except ImageError:
        return None


def share(value: float, *, where: str) -> float:
    """A number that is a share of a picture's side.

    Raises:
        FormatError: when it is not within 0 and 1.
    """
    if not -OVER <= value <= 1 + OVER:
        raise FormatError(f"{value:.6g} is not within 0 and 1", where=where, fix="are these pixels? give shares")
    return value


def _is_plain(corner: tuple[float, float], sides: tuple[float, float], size: tuple[int, int]) -> bool:
    """Whether a box lies in its picture and reaches beyond the first pixel, as most do; nothing is to be said of it."""
    (x, y), (width, height), (most_x, most_y) = corner, sides, size
    right, bottom = x + width, y + height
    inside = x >= 0 and y >= 0 and width > 0 and height > 0 and right <= most_x and bottom <= most_y
    return inside and (right > 1 or bottom > 1)


def _fitted(at: float, side: float, most: int) -> tuple[float, float, bool] | None:
    """Where a stretch begins and how long it is once cut to a picture's side, and whether that is worth a word.

    None where its centre lies outside, or it is longer than the side.
    """
    end = at + side
    if at >= 0 and end <= most:
        return at, side, False
    if not 0 <= (at + end) / 2 <= most or side > most * (1 + OVER) + 1:
        return None
    start, stop = max(at, 0.0), min(end, float(most))
    return start, stop - start, max(-at, end - most) > most * NOISE + 0.01


def _boxes(places: Sequence[str]) -> str:
    return "1 box" if len(places) == 1 else f"{len(places)} boxes"
