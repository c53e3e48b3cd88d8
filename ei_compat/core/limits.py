"""Limits of what is read of somebody else's data before it is refused.

A label file, a picture header or a signal can claim any size. Every reader takes a `Limits` and raises `LimitError`
before it allocates what the claim asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what one input may cost.

    Attributes:
        image_pixels: width times height of one picture, checked in its header before decoding. The default is
            Pillow's own, about 89 million (270 MB as RGB).
        file_bytes: one sample's file; the default is the most that Edge Impulse's ingestion accepts.
        label_file_bytes: one label file (`info.labels`, COCO, CSV and so on); also any other JSON file.
        samples: entries of one dataset.
        signal_values: numbers in one signal, over all its axes.
    """

    image_pixels: int = 89_478_485
    file_bytes: int = 100 * MIB
    label_file_bytes: int = 256 * MIB
    samples: int = 2_000_000
    signal_values: int = 50_000_000


DEFAULT_LIMITS = Limits()
