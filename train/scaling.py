"""How the model's input is scaled: Edge Impulse's `imageInputScaling`, and what training makes of it.

The deployed model takes what Studio feeds it, such as -128..127. Training on numbers of that size would go wrong in
silence, because Adam's steps do not grow with them. So the network learns on pixels of width 1 with the same zero as
the deployed input, which is what padding holds: (pixel / 255 - zero). After training the factor that is left, and the
order of the colours, move into the first convolution's kernel (`methods/input_scaling.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ei_compat.media.pixels import InputScaling, scale_pixels


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Looks like an array float32 [N, H, W, C]; rows are converted when they are asked for.

    Attributes:
        stored: what the data holds.
        convert: rows of it to inputs of the network.
    """

    stored: Any
    convert: Callable[[np.ndarray], np.ndarray]

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def shape(self) -> tuple[int, ...]:
        """As that of an array."""
        return tuple(self.stored.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is given."""
        return np.dtype(np.float32)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.convert(self.stored[rows])


@dataclass(frozen=True, slots=True)
class Scaling:
    """A scaling of a number of channels, as measured on `ei_compat.media.pixels.scale_pixels`.

    Attributes:
        name: one of `InputScaling`.
        black, white: deployed values [C] of the pixels 0 and 255, in the deployed order.
        place: for red, green and blue, or gray, its channel in the deployed order.
    """

    name: str
    black: np.ndarray
    white: np.ndarray
    place: tuple[int, ...]

    @classmethod
    def of(cls, name: str, channels: int) -> Scaling:
        """The scaling of that name.

        Raises:
            UsageError: there is none, or it needs three channels.
        """
        black, white = (scale_pixels(np.full(channels, value, np.uint8), name) for value in (0, 255))
        one_lit = scale_pixels(np.diag(np.full(channels, 255, np.uint8)), name)
        return cls(name, black, white, tuple(int(row.argmax()) for row in np.abs(one_lit - black)))

    @property
    def plain(self) -> bool:
        """Whether the input is what training works on anyway: [0, 1]."""
        return self.name == InputScaling.ZERO_TO_ONE

    @property
    def gain(self) -> np.ndarray:
        """Deployed values for the width of a pixel [C], in the deployed order."""
        gain: np.ndarray = self.white - self.black
        return gain

    @property
    def zero(self) -> np.ndarray:
        """The pixel / 255 that is deployed as 0 [C], as red, green, blue."""
        zero: np.ndarray = -self.black / self.gain
        return zero[list(self.place)]

    def for_training(self, x: Any) -> Any:
        """What training learns from.

        Args:
            x: uint8 pixels [N, H, W, C], or rows of values in this scaling.
        """
        if self.plain:
            return x
        zero, gain, place = self.zero.astype(np.float32), self.gain.astype(np.float32), list(self.place)
        if x.dtype == np.uint8:
            return Inputs(x, lambda pixels: scale_pixels(pixels) - zero)
        return Inputs(x, lambda values: np.ascontiguousarray((values / gain)[..., place]))

    def for_deployment(self, x: Any) -> Any:
        """What the deployed model is given, of what `for_training` gave."""
        stored = x.stored if isinstance(x, Inputs) else x
        if self.plain or stored.dtype != np.uint8:
            return stored
        return Inputs(stored, lambda pixels: scale_pixels(pixels, self.name))

    def as_given(self, x: Any) -> Any:
        """What applications give the deployed model, of what `for_training` or `for_deployment` gave: the latter."""
        return x

    def folded(self, kernel: np.ndarray) -> np.ndarray:
        """The first kernel [..., C, out] for what `for_deployment` gives, of that for what `for_training` gives."""
        places, folded = list(self.place), np.empty_like(kernel)
        folded[..., places, :] = kernel / self.gain[places][:, np.newaxis]
        return folded

    def calibration(self, take: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> np.ndarray:
        """Pictures that calibrate INT8, whose range is exactly that of the scaling whatever they hold.

        One corner pixel of the first becomes black and one white: the statistics of the layers behind hardly notice,
        as they would a whole black picture.

        Args:
            take: training pictures [N, H, W, C] of some rows, as they are deployed.
            rows: that are spread over what there is.
        """
        images = np.array(take(rows))
        images[0, 0, 0], images[0, -1, -1] = self.black, self.white
        return images
