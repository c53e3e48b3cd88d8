"""The lowered program: layers that each make one row of their output at a time, and the planes they work on.

A plane tensor is stored "HCW" (see `firmware/engine/eit_engine.h`). Whatever a model's own dimensions are,
a tensor's flat index is (row * width + column) * channels + channel of its planes, so a reshape moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from firmware.compiler.graph import Int8, Int32, Window
from firmware.compiler.requantize import Requantization

Bytes = npt.NDArray[np.uint8]
ROW = Window(1)
CONV_STEPS = (1, 2, 3, 6)  # distances of pixels for which the engine has tiles of every width


@dataclass(slots=True)
class Plane:
    """A tensor in the arena. `pad_left` and `pad_right` grow while layers are added that look past the edges.

    `zero` is the stored byte (0..255) that means 0.0. `fixed` planes are read as plain bytes and take no padding.
    """

    height: int
    width: int
    channels: int
    zero: int
    name: str
    pad_left: int = 0
    pad_right: int = 0
    fixed: bool = False

    @property
    def stride(self) -> int:
        """Bytes from one channel's row to the next channel's."""
        return self.pad_left + self.width + self.pad_right

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, all channels."""
        return self.stride * self.channels

    @property
    def elements(self) -> int:
        """Values without padding."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, slots=True)
class Input:
    """A plane that a layer reads, and which of its rows each output row needs."""

    plane: int
    rows: Window = ROW


@dataclass(frozen=True, slots=True)
class Pointwise:
    """1x1 convolution; weights int8 [out, in]. `flat`: the whole input is one vector, in stored order."""

    out: Requantization
    weights: Int8
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution; weights int8 [out, kh, kw, in].

    `pixel`: bytes from a column to the next, more than 1 where it reads rows of pixels, all channels of one together.
    """

    out: Requantization
    weights: Int8
    columns: Window
    pixel: int = 1


@dataclass(frozen=True, slots=True)
class DepthwiseConv:
    """Depthwise convolution; weights int8 [out, kh, kw]."""

    out: Requantization
    weights: Int8
    columns: Window
    depth_multiplier: int


@dataclass(frozen=True, slots=True)
class Source:
    """The model's input, row by row from the caller: pixels as stored bytes, all channels of one after the other."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Between pixels and planes; `flip` where the pixels are int8."""

    to_planes: bool
    flip: bool


@dataclass(frozen=True, slots=True)
class Elementwise:
    """ADD, SUB, MUL, MAXIMUM, MINIMUM, PRELU.

    `multipliers` and `shifts` are for a, b and the result, as the reference has them.

    `constant` is a second operand of bytes [H or 1, C or 1, W or 1]; else the second operand is a plane.
    """

    kind: str
    zeros: tuple[int, int, int]
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    low: int
    high: int
    constant: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Pooling:
    """Pooling; `average` or maximum."""

    average: bool
    columns: Window
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class MeanOver:
    """Mean over the rows of the window and, with `all_columns`, over all columns; `offset` is the zero points' sum."""

    offset: int
    multiplier: int
    shift: int
    zero: int
    all_columns: bool


@dataclass(frozen=True, slots=True)
class Lookup:
    """A function of one stored byte: 256 stored bytes."""

    table: Bytes


@dataclass(frozen=True, slots=True)
class SoftmaxOver:
    """Softmax over the channels; see `lookup.softmax_steps`."""

    multiplier: int
    shift: int
    radius: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes from one plain tensor to another: up to four nested loops."""

    sizes: tuple[int, int, int, int]
    start_in: int
    strides_in: tuple[int, int, int, int]
    start_out: int
    strides_out: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class PadWith:
    """Padding that no convolution could take over: planes and columns before and the row offset."""

    top: int
    left: int
    front: int
    value: int  # stored form


@dataclass(frozen=True, slots=True)
class Resampling:
    """Resizing: per output row and column two input elements and the second one's weight in 1/1024."""

    rows: Int32
    columns: Int32
    bilinear: bool


Params = (
    Source
    | Pointwise
    | Conv
    | DepthwiseConv
    | Layout
    | Elementwise
    | Pooling
    | MeanOver
    | Lookup
    | SoftmaxOver
    | Copy
    | PadWith
    | Resampling
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Args:
        label: the operator's name and number in the file, for people.
        params: what it computes.
        inputs: the planes it reads, up to two.
        output: the plane it writes.
        macs: multiply-accumulates of the dense computation.
        again: whether it makes once more what an earlier layer has made, see `recompute.py`.
    """

    label: str
    params: Params
    inputs: tuple[Input, ...]
    output: int
    macs: int = 0
    again: bool = False


@dataclass(slots=True)
class Program:
    """Layers in an order in which they can run, and their planes; the input is rows of pixels."""

    planes: list[Plane] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    input: int = 0
    outputs: tuple[int, ...] = ()
