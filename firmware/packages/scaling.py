"""What a model wants pixels to be: the six scalings that Edge Impulse documents, and which of them a model shows.

Source: `imageInputScaling` in Edge Impulse's parameters.json. A pixel's byte k becomes, per channel,

=============================  ==========================================================
0..1                           k / 255
-1..1                          k / 127.5 - 1
-128..127                      k - 128
0..255                         k
torch                          (k / 255 - mean) / deviation, of ImageNet, red green blue
bgr-subtract-imagenet-mean     k - mean of ImageNet, blue green red
=============================  ==========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import UsageError
from ei_compat.media import pixels
from firmware.compiler import CompiledTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
RGB = (0.0, 0.0, 0.0)
NEAR = 0.01  # of the range, how far both of its ends may lie off
FEWEST = 64  # bytes that 256 pixel values must become, or the scaling is not this model's


@dataclass(frozen=True, slots=True)
class Scaling:
    """A pixel's byte k becomes (k / divisor - mean) / deviation, mean and deviation per channel of the model."""

    name: str
    divisor: float
    mean: tuple[float, float, float] = RGB
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bgr: bool = False

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value of all channels."""
        ends = [(k / self.divisor - m) / d for k in (0, 255) for m, d in zip(self.mean, self.deviation, strict=True)]
        return min(ends), max(ends)

    def table(self, channels: int) -> NDArray[np.float32]:
        """Real values, float32 [channels, 256], for every byte of every channel in the model's order."""
        k = np.arange(256, dtype=np.float32) / np.float32(self.divisor)
        rows = [(k - np.float32(m)) / np.float32(d) for m, d in zip(self.mean, self.deviation, strict=True)]
        return np.stack(rows[:channels])

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels uint8 [H, W, C], red first, as the model's real values."""
        table = self.table(image.shape[-1])
        ordered = image[..., ::-1] if self.bgr else image
        return np.stack([table[c][ordered[..., c]] for c in range(image.shape[-1])], axis=-1)


SCALINGS = {
    s.name: s
    for s in (
        Scaling("0..1", 255.0),
        Scaling("-1..1", 127.5, (1.0, 1.0, 1.0)),
        Scaling("-128..127", 1.0, (128.0, 128.0, 128.0)),
        Scaling("0..255", 1.0),
        Scaling("torch", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        Scaling("bgr-subtract-imagenet-mean", 1.0, (103.939, 116.779, 123.68), bgr=True),
    )
}


def quantize(values: NDArray[np.float32], tensor: CompiledTensor) -> NDArray[np.int8]:
    """Real values as the tensor's bytes; see `ei_compat.media.pixels.quantize`."""
    return pixels.quantize(values, tensor.quantization.scale, tensor.quantization.zero_point, tensor.dtype)


def scaling(given: str | None, tensor: CompiledTensor) -> Scaling:
    """The scaling of a picture's pixels.

    Args:
        given: what the user or the training run says, if anything.
        tensor: the model's input.

    Raises:
        UsageError: there is no such scaling, it is not this model's, or none was given and the input does not show it.
    """
    low, high = ((q - tensor.quantization.zero_point) * tensor.quantization.scale for q in RANGES[tensor.dtype])
    names = ", ".join(SCALINGS)
    shown = shown_by(low, high)
    if given is None:
        if len(shown) != 1:
            raise UsageError(
                f"the model's input holds {low:.4g} to {high:.4g}, which is no usual range of pixels",
                where="--input-scaling", fix=f"say what pixels were made into for training: {names}",
            )  # fmt: skip
        return shown[0]
    if given not in SCALINGS:
        raise UsageError(f"no scaling {given!r}", where="--input-scaling", fix=f"use {names}")
    chosen = SCALINGS[given]
    channels = tensor.shape[-1]
    if channels != 3 and len({*chosen.mean}) > 1:
        raise UsageError(f"{given} is for three channels, not {channels}", where="--input-scaling")
    bytes_ = quantize(chosen.table(channels), tensor)
    if min(len(np.unique(row)) for row in bytes_) < FEWEST:
        raise UsageError(
            f"{given} does not fit the model, whose input holds {low:.4g} to {high:.4g}",
            where="--input-scaling", fix=f"use {shown[0].name}" if shown else f"use another of {names}",
        )  # fmt: skip
    return chosen


def shown_by(low: float, high: float) -> list[Scaling]:
    """The scalings whose pixels fill an input that holds these values."""
    return [s for s in SCALINGS.values() if _is_near(s, low, high)]


def _is_near(candidate: Scaling, low: float, high: float) -> bool:
    first, last = candidate.range
    slack = NEAR * (last - first)
    return abs(low - first) <= slack and abs(high - last) <= slack
