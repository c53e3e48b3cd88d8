"""The typed graph: a model's int8 tensors and the operators between them, checked and without any file format in it.

Shapes are the model's own (`[N,H,W,C]` with N = 1, or fewer dimensions). Weights are numpy arrays in one layout each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Activation = Literal["none", "relu", "relu6", "relu_n1_to_1"]
Shape3 = tuple[int, int, int]


def geometry(shape: tuple[int, ...]) -> Shape3:
    """Height, width and channels of a tensor: the last dimension is the channels, leading ones vanish."""
    full = (1, 1, 1, *shape)
    return math.prod(full[:-2]), full[-2], full[-1]


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (q - zero_point), q in -128..127; scale is a float32 value, greater than 0."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation tensor, or a constant one where `data` is there.

    Args:
        index: its number in the file.
        name: its name in the file.
        shape: its dimensions.
        quantization: how its int8 values are meant.
        data: the values of a constant.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    quantization: Quantization
    data: Int8 | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What one output element sees of the input, in rows or in columns.

    Args:
        kernel: taps.
        stride: input elements from one output element to the next.
        dilation: input elements from one tap to the next.
        before: padding before the first input element.
        after: padding behind the last.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Operator:
    """What every operator has.

    Args:
        index: its number in the file.
        kind: its TensorFlow Lite name.
        inputs: numbers of the activation tensors it reads.
        output: the number of the tensor it writes.
    """

    index: int
    kind: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True, slots=True)
class Convolution(Operator):
    """CONV_2D: weights int8 [out,kh,kw,in]; FULLY_CONNECTED: the same with kh = kw = 1.

    `multipliers` are real: input scale times weight scale over output scale, per output channel.
    """

    weights: Int8
    bias: Int32
    multipliers: tuple[float, ...]
    rows: Window
    columns: Window
    activation: Activation


@dataclass(frozen=True, slots=True)
class Depthwise(Operator):
    """DEPTHWISE_CONV_2D: weights int8 [kh,kw,out]; output channel o reads input channel o // depth_multiplier."""

    weights: Int8
    bias: Int32
    multipliers: tuple[float, ...]
    rows: Window
    columns: Window
    depth_multiplier: int
    activation: Activation


@dataclass(frozen=True, slots=True)
class Binary(Operator):
    """ADD, SUB, MUL, MAXIMUM, MINIMUM of two tensors that numpy's rules broadcast; either may be a constant.

    PRELU: the second one is the slopes, a constant.
    """

    activation: Activation


@dataclass(frozen=True, slots=True)
class Pool(Operator):
    """AVERAGE_POOL_2D and MAX_POOL_2D."""

    rows: Window
    columns: Window
    activation: Activation


@dataclass(frozen=True, slots=True)
class Mean(Operator):
    """MEAN and REDUCE_MAX over height and width, or over one of them."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reshape(Operator):
    """RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape."""


@dataclass(frozen=True, slots=True)
class Pad(Operator):
    """PAD and PADV2: (before, after) per dimension of the input, filled with an int8 value."""

    padding: tuple[tuple[int, int], ...]
    value: int


@dataclass(frozen=True, slots=True)
class Concatenation(Operator):
    """CONCATENATION along one dimension, and PACK along a new one."""

    axis: int


@dataclass(frozen=True, slots=True)
class Softmax(Operator):
    """SOFTMAX over the last dimension."""

    beta: float


@dataclass(frozen=True, slots=True)
class Lookup(Operator):
    """A function of one value: entry q + 128 is the int8 result for input q."""

    table: Int8


@dataclass(frozen=True, slots=True)
class Gather(Operator):
    """TRANSPOSE and all kinds of slices: output element i reads input element start + sum(i[d] * strides[d]).

    `sizes`: of the loops, where they are not the output's dimensions but run over its elements in order, too.
    """

    start: int
    strides: tuple[int, ...]
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Resize(Operator):
    """RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: per output row and column two of the input and a weight.

    The weight is that of the second one, in 1/1024; 0 where one is enough.
    """

    rows: tuple[tuple[int, int, int], ...]
    columns: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A model.

    Args:
        tensors: every tensor that an operator reads or writes, by number.
        operators: in an order in which they can run.
        input: the number of the input tensor.
        outputs: the numbers of the output tensors, at least one.
        unsigned: the numbers of those inputs and outputs that are uint8 in the file: callers see q + 128.
        file: how errors name the model.
    """

    tensors: Mapping[int, Tensor]
    operators: tuple[Operator, ...]
    input: int
    outputs: tuple[int, ...]
    unsigned: frozenset[int]
    file: str
