"""An operator in its file: what its import needs, and how it refuses what the compiler cannot do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ei_compat.core.errors import ExportError, FormatError
from firmware.compiler.graph import Activation, Int8, Quantization, Tensor, Window, geometry
from firmware.compiler.quantize import float32
from firmware.compiler.schema import RawModel, RawOperator, RawTensor

ACTIVATIONS: dict[int, Activation] = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
MAX_SIDE = 4096  # of an image or a kernel, so that rows and offsets fit the engine's 16-bit fields
MAX_DIMENSION = 65535  # of any tensor
MAX_TENSOR_BYTES = 1 << 24  # more than any microcontroller has


@dataclass(frozen=True, slots=True)
class Place:
    """An operator in its file: what the import of one operator needs, and how it refuses."""

    model: RawModel
    operator: RawOperator

    def refuse(self, what: str, fix: str) -> ExportError:
        """The error for something that is not supported."""
        return ExportError(
            what, where=f"{self.model.file}: operator {self.operator.index} ({self.operator.name})", fix=fix
        )

    def broken(self, what: str) -> FormatError:
        """The error for something that no valid model has."""
        where = f"{self.model.file}: operator {self.operator.index} ({self.operator.name})"
        return FormatError(what, where=where, fix="convert the model again")

    def raw(self, position: int) -> RawTensor:
        """Input number `position`, which must be there."""
        inputs = self.operator.inputs
        if position >= len(inputs) or inputs[position] < 0:
            raise self.broken(f"input {position} is missing")
        return self.model.tensors[inputs[position]]

    def optional(self, position: int) -> RawTensor | None:
        """Input number `position`, if any."""
        inputs = self.operator.inputs
        return self.raw(position) if position < len(inputs) and inputs[position] >= 0 else None

    def raw_output(self) -> RawTensor:
        """The one output."""
        if len(self.operator.outputs) != 1:
            raise self.refuse(f"{len(self.operator.outputs)} outputs", "one output is supported")
        return self.model.tensors[self.operator.outputs[0]]

    def int8(self, tensor: RawTensor) -> Tensor:
        """A tensor as an int8 activation with one scale."""
        return int8_tensor(tensor, f"{self.model.file}: operator {self.operator.index} ({self.operator.name})")

    def option(self, field: int, code: str, default: int = 0) -> int:
        """An integer option."""
        return self.operator.options.integer(field, code, default) if self.operator.options else default

    def activation(self, field: int) -> Activation:
        """The fused activation."""
        code = self.option(field, "b")
        if code not in ACTIVATIONS:
            raise self.refuse(f"fused activation {code}", "supported: none, RELU, RELU6, RELU_N1_TO_1")
        return ACTIVATIONS[code]

    def constants(self, position: int) -> tuple[int, ...]:
        """An int32 or int64 constant input, flat."""
        tensor = self.raw(position)
        if tensor.data is None or tensor.dtype not in ("int32", "int64"):
            raise self.refuse(f"input {position} is no integer constant", "shapes and axes must be constants")
        return tuple(int(v) for v in np.frombuffer(tensor.data, "<i4" if tensor.dtype == "int32" else "<i8"))


def int8_tensor(tensor: RawTensor, where: str) -> Tensor:
    """Checks that a tensor is int8 (uint8 counts as int8 shifted by 128) with one positive scale, batch 1."""
    if tensor.dtype not in ("int8", "uint8"):
        raise ExportError(
            f"tensor {tensor.index} ({tensor.name!r}) is {tensor.dtype}",
            where=where,
            fix="only int8 models are supported: convert with full integer quantisation",
        )
    if len(tensor.scales) != 1 or len(tensor.zero_points) != 1 or not float32(tensor.scales[0]) > 0:
        what = f"tensor {tensor.index} ({tensor.name!r}) has {len(tensor.scales)} scales"
        raise ExportError(what, where=where, fix="activations need one positive scale and one zero point")
    shift = 128 if tensor.dtype == "uint8" else 0
    zero_point = tensor.zero_points[0] - shift
    if not -128 <= zero_point <= 127:
        raise FormatError(f"tensor {tensor.index} has the zero point {tensor.zero_points[0]}", where=where)
    shape = tensor.shape
    if geometry(shape)[0] > MAX_SIDE:
        raise ExportError(
            f"tensor {tensor.index} has the shape {list(shape)}", where=where, fix=f"at most {MAX_SIDE} rows"
        )
    if not all(d >= 1 for d in shape) or len(shape) > 5 or max(shape, default=1) > MAX_DIMENSION:
        raise ExportError(
            f"tensor {tensor.index} has the shape {list(shape)}", where=where, fix="at most five dimensions, none 0"
        )
    if (len(shape) >= 4 and shape[0] != 1) or int(np.prod(shape, dtype=np.int64)) > MAX_TENSOR_BYTES:
        raise ExportError(f"tensor {tensor.index} has the shape {list(shape)}", where=where, fix="batch 1 is supported")
    data: Int8 | None = None
    if tensor.data is not None:
        values = np.frombuffer(tensor.data, np.uint8 if shift else np.int8).astype(np.int16) - shift
        data = values.astype(np.int8).reshape(shape)
    return Tensor(tensor.index, tensor.name, shape, Quantization(tensor.scales[0], zero_point), data)


def _same_padding(size: int, output: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max((output - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def window(place: Place, size: int, output: int, kernel: int, stride: int, dilation: int, padding: int) -> Window:
    """The window of one dimension, checked against the sizes of input and output; padding 0 is SAME, 1 is VALID."""
    if stride < 1 or dilation < 1 or kernel < 1 or max(stride, dilation, kernel) > 255:
        raise place.refuse(f"stride {stride}, dilation {dilation}, kernel {kernel}", "each must be 1 to 255")
    if padding not in (0, 1):
        raise place.refuse(f"padding {padding}", "supported: SAME, VALID")
    extent = (kernel - 1) * dilation + 1
    expected = -(-size // stride) if padding == 0 else -(-(size - extent + 1) // stride)
    if expected != output or output < 1:
        raise place.broken(f"the output has {output} elements where {expected} belong")
    before, after = _same_padding(size, output, kernel, stride, dilation) if padding == 0 else (0, 0)
    return Window(kernel, stride, dilation, before, after)


def image(place: Place, tensor: Tensor) -> tuple[int, int, int]:
    """Height, width and channels of a [1,H,W,C] tensor."""
    if len(tensor.shape) != 4:
        raise place.refuse(f"an input of {len(tensor.shape)} dimensions", "supported: [1,H,W,C]")
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]
