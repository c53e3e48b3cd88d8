"""From a `.tflite` file to the typed graph; whatever the compiler cannot do is refused here, by name and place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ei_compat.errors import ExportError, FormatError
from firmware.compiler import lookup, schema
from firmware.compiler.graph import (
    Activation,
    Binary,
    Concatenation,
    Convolution,
    Depthwise,
    Gather,
    Graph,
    Int8,
    Int32,
    Lookup,
    Mean,
    Operator,
    Pad,
    Pool,
    Quantization,
    Reshape,
    Softmax,
    Tensor,
    Window,
)
from firmware.compiler.quantize import float32
from firmware.compiler.schema import RawModel, RawOperator, RawTensor

ACTIVATIONS: dict[int, Activation] = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
MAX_SIDE = 4096  # of one dimension, so that rows and offsets fit the engine's 16-bit fields
MAX_TENSOR_BYTES = 1 << 24  # a quarter of what any microcontroller addresses


@dataclass(frozen=True, slots=True)
class Place:
    """An operator in its file: what the import of one operator needs, and how it refuses."""

    model: RawModel
    operator: RawOperator

    def refuse(self, what: str, fix: str) -> ExportError:
        """The error for something that is not supported."""
        return ExportError(what, where=f"{self.model.file}: operator {self.operator.index} ({self.operator.name})", fix=fix)

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
    if not all(1 <= d for d in shape) or len(shape) > 4 or max(shape, default=1) > MAX_SIDE * 16:
        raise ExportError(f"tensor {tensor.index} has the shape {list(shape)}", where=where, fix="at most four dimensions, none 0")
    if (len(shape) == 4 and shape[0] != 1) or int(np.prod(shape, dtype=np.int64)) > MAX_TENSOR_BYTES:
        raise ExportError(f"tensor {tensor.index} has the shape {list(shape)}", where=where, fix="batch 1 is supported")
    data: Int8 | None = None
    if tensor.data is not None:
        values = np.frombuffer(tensor.data, np.uint8 if shift else np.int8).astype(np.int16) - shift
        data = values.astype(np.int8).reshape(shape)
    return Tensor(tensor.index, tensor.name, shape, Quantization(tensor.scales[0], zero_point), data)


def _same_padding(size: int, output: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max((output - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _window(place: Place, size: int, output: int, kernel: int, stride: int, dilation: int, padding: int) -> Window:
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


def _weights(place: Place, position: int, axis: int, rank: int) -> tuple[Int8, tuple[float, ...]]:
    """A constant weight tensor and its scale per output channel."""
    tensor = place.raw(position)
    if tensor.dtype != "int8" or tensor.data is None:
        raise place.refuse(f"weights of type {tensor.dtype}", "weights must be constant int8")
    if len(tensor.shape) != rank or min(tensor.shape) < 1 or max(tensor.shape) > MAX_SIDE * 16:
        raise place.broken(f"weights of shape {list(tensor.shape)}")
    channels = tensor.shape[axis]
    if any(tensor.zero_points) or len(tensor.scales) not in (1, channels):
        raise place.refuse(f"{len(tensor.scales)} weight scales", "weights need zero points 0 and one scale or one per output channel")
    if len(tensor.scales) > 1 and tensor.quantized_dimension != axis:
        raise place.refuse(f"weights quantised along dimension {tensor.quantized_dimension}", f"supported: {axis}")
    scales = tensor.scales * channels if len(tensor.scales) == 1 else tensor.scales
    return np.frombuffer(tensor.data, np.int8).reshape(tensor.shape), scales


def _bias(place: Place, position: int, channels: int) -> Int32:
    tensor = place.optional(position)
    if tensor is None:
        return np.zeros(channels, np.int32)
    if tensor.dtype != "int32" or tensor.data is None or int(np.prod(tensor.shape)) != channels:
        raise place.refuse(f"bias of type {tensor.dtype}", "a bias must be a constant int32 vector")
    return np.frombuffer(tensor.data, "<i4").astype(np.int32)


def _image(place: Place, tensor: Tensor) -> tuple[int, int, int]:
    if len(tensor.shape) != 4:
        raise place.refuse(f"an input of {len(tensor.shape)} dimensions", "supported: [1,H,W,C]")
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def _multipliers(source: Tensor, scales: tuple[float, ...], target: Tensor) -> tuple[float, ...]:
    return tuple(source.quantization.scale * s / target.quantization.scale for s in scales)


def _conv(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = _image(place, source)
    out_height, out_width, out_channels = _image(place, target)
    weights, scales = _weights(place, 1, 0, 4)
    if weights.shape[3] != channels:
        raise place.refuse(f"weights for {weights.shape[3]} of {channels} input channels", "grouped convolution is not supported")
    if weights.shape[0] != out_channels:
        raise place.broken("weights and output differ in their number of channels")
    padding = place.option(0, "b")
    rows = _window(place, height, out_height, weights.shape[1], place.option(2, "i"), place.option(5, "i", 1), padding)
    columns = _window(place, width, out_width, weights.shape[2], place.option(1, "i"), place.option(4, "i", 1), padding)
    return Convolution(
        place.operator.index, place.operator.name, (source.index,), target.index, weights, _bias(place, 2, out_channels),
        _multipliers(source, scales, target), rows, columns, place.activation(3),
    )  # fmt: skip


def _depthwise(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = _image(place, source)
    out_height, out_width, out_channels = _image(place, target)
    weights, scales = _weights(place, 1, 3, 4)
    if weights.shape[0] != 1 or weights.shape[3] != out_channels or out_channels % channels:
        raise place.broken(f"weights of shape {list(weights.shape)}")
    padding = place.option(0, "b")
    rows = _window(place, height, out_height, weights.shape[1], place.option(2, "i"), place.option(6, "i", 1), padding)
    columns = _window(place, width, out_width, weights.shape[2], place.option(1, "i"), place.option(5, "i", 1), padding)
    return Depthwise(
        place.operator.index, place.operator.name, (source.index,), target.index, weights[0],
        _bias(place, 2, out_channels), _multipliers(source, scales, target), rows, columns, out_channels // channels,
        place.activation(4),
    )  # fmt: skip


def _fully_connected(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    weights, scales = _weights(place, 1, 0, 2)
    if place.option(1, "b") != 0:
        raise place.refuse("shuffled weights", "supported: the default weights format")
    elements = int(np.prod(source.shape))
    if elements % weights.shape[1] or int(np.prod(target.shape)) != elements // weights.shape[1] * weights.shape[0]:
        raise place.broken(f"weights of shape {list(weights.shape)} for an input of {list(source.shape)}")
    per_tensor = len(place.raw(1).scales) == 1
    if per_tensor:  # the reference multiplies these two in float32
        product = source.quantization.scale * scales[0]
        multipliers = (product / target.quantization.scale,) * len(scales)
    else:
        multipliers = _multipliers(source, scales, target)
    one = Window(1)
    return Convolution(
        place.operator.index, place.operator.name, (source.index,), target.index,
        weights.reshape(weights.shape[0], 1, 1, weights.shape[1]), _bias(place, 2, weights.shape[0]), multipliers, one, one,
        place.activation(0),
    )  # fmt: skip


def _binary(place: Place) -> Operator:
    a, b, target = place.int8(place.raw(0)), place.int8(place.raw(1)), place.int8(place.raw_output())
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise place.broken(f"shapes {list(a.shape)} and {list(b.shape)} do not broadcast") from None
    if shape != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {list(shape)}")
    return Binary(place.operator.index, place.operator.name, (a.index, b.index), target.index, place.activation(0))


def _pool(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    height, width, channels = _image(place, source)
    out_height, out_width, out_channels = _image(place, target)
    if channels != out_channels:
        raise place.broken("pooling changes the number of channels")
    if source.quantization != target.quantization:
        raise place.refuse("pooling that changes the scale", "input and output must have the same quantisation")
    padding = place.option(0, "b")
    rows = _window(place, height, out_height, place.option(4, "i"), place.option(2, "i"), 1, padding)
    columns = _window(place, width, out_width, place.option(3, "i"), place.option(1, "i"), 1, padding)
    return Pool(
        place.operator.index, place.operator.name, (source.index,), target.index, rows, columns, place.activation(5)
    )


def _mean(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    rank = len(source.shape)
    axes = tuple(sorted({a + rank if a < 0 else a for a in place.constants(1)}))
    if not axes or any(not 0 <= a < rank for a in axes):
        raise place.broken(f"axes {list(axes)}")
    keep = bool(place.operator.options.boolean(0)) if place.operator.options else False
    kept = [1 if i in axes else d for i, d in enumerate(source.shape)]
    shape = tuple(kept if keep else [d for i, d in enumerate(source.shape) if i not in axes])
    if shape != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {list(shape)}")
    if rank - 1 in axes or 0 in axes and source.shape[0] != 1:
        raise place.refuse(f"a mean over axes {list(axes)} of {list(source.shape)}", "supported: over height and width, not channels")
    return Mean(place.operator.index, place.operator.name, (source.index,), target.index, axes, keep)


def _reshape(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if int(np.prod(source.shape)) != int(np.prod(target.shape)):
        raise place.broken(f"{list(source.shape)} cannot become {list(target.shape)}")
    if source.quantization != target.quantization:
        raise place.refuse("a reshape that changes the scale", "input and output must have the same quantisation")
    return Reshape(place.operator.index, place.operator.name, (source.index,), target.index)


def _pad(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    flat = place.constants(1)
    if len(flat) != 2 * len(source.shape) or any(not 0 <= v <= MAX_SIDE for v in flat):
        raise place.broken(f"paddings {list(flat)}")
    padding = tuple(zip(flat[::2], flat[1::2], strict=True))
    if tuple(d + a + b for d, (a, b) in zip(source.shape, padding, strict=True)) != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}")
    if source.quantization != target.quantization:
        raise place.refuse("padding that changes the scale", "input and output must have the same quantisation")
    return Pad(place.operator.index, place.operator.name, (source.index,), target.index, padding)


def _concatenation(place: Place) -> Operator:
    sources = [place.int8(place.raw(i)) for i in range(len(place.operator.inputs))]
    target = place.int8(place.raw_output())
    rank = len(target.shape)
    axis = place.option(0, "i")
    axis = axis + rank if axis < 0 else axis
    if not sources or not 0 <= axis < rank or any(len(s.shape) != rank for s in sources):
        raise place.broken(f"axis {axis} of {rank} dimensions")
    shape = list(target.shape)
    for source in sources:
        if [d for i, d in enumerate(source.shape) if i != axis] != [d for i, d in enumerate(shape) if i != axis]:
            raise place.broken(f"an input of shape {list(source.shape)} for an output of {shape}")
        if source.quantization != target.quantization:
            raise place.refuse("inputs of different scales", "inputs and output must have the same quantisation")
        if source.data is not None:
            raise place.refuse("a constant input", "inputs must be activations")
    if sum(s.shape[axis] for s in sources) != shape[axis]:
        raise place.broken("the inputs do not add up to the output")
    if place.activation(1) != "none":
        raise place.refuse("a fused activation", "supported: none")
    inputs = tuple(s.index for s in sources)
    return Concatenation(place.operator.index, place.operator.name, inputs, target.index, axis)


def _softmax(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if source.shape != target.shape:
        raise place.broken("softmax changes the shape")
    if target.quantization != Quantization(1 / 256, -128):
        raise place.refuse("an output scale other than 1/256 from -128", "supported: the scale that converters write")
    beta = place.operator.options.real(0) if place.operator.options else 1.0
    if not 0 < beta < 1e6:
        raise place.broken(f"beta {beta}")
    return Softmax(place.operator.index, place.operator.name, (source.index,), target.index, beta)


def _lookup(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    if source.shape != target.shape:
        raise place.broken(f"{place.operator.name} changes the shape")
    function = lookup.FUNCTIONS[place.operator.name]
    alpha = place.operator.options.real(0) if place.operator.options and place.operator.name == "LEAKY_RELU" else 0.0
    try:
        table = function(source.quantization, target.quantization, alpha)
    except ValueError as error:
        raise place.refuse(str(error), "convert the model again") from error
    return Lookup(place.operator.index, place.operator.name, (source.index,), target.index, table)


def _row_major(shape: tuple[int, ...]) -> list[int]:
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return strides


def _gathered(place: Place, source: Tensor, target: Tensor, start: int, strides: list[int]) -> Operator:
    if source.quantization != target.quantization:
        raise place.refuse("a copy that changes the scale", "input and output must have the same quantisation")
    name = place.operator.name
    return Gather(place.operator.index, name, (source.index,), target.index, start, tuple(strides))


def _transpose(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    order = place.constants(1)
    if sorted(order) != list(range(len(source.shape))) or tuple(source.shape[i] for i in order) != target.shape:
        raise place.broken(f"permutation {list(order)}")
    strides = _row_major(source.shape)
    return _gathered(place, source, target, 0, [strides[i] for i in order])


def _strided_slice(place: Place) -> Operator:
    source, target = place.int8(place.raw(0)), place.int8(place.raw_output())
    begin, end, step = (place.constants(i) for i in (1, 2, 3))
    rank = len(source.shape)
    if not len(begin) == len(end) == len(step) or len(begin) > rank:
        raise place.broken(f"{len(begin)} begins for {rank} dimensions")
    if place.option(2, "i") or place.option(3, "i") or (place.operator.options and place.operator.options.boolean(5)):
        raise place.refuse("ellipsis, new axis or offset", "supported: begin, end, stride and shrunk axes")
    begin_mask, end_mask, shrink = place.option(0, "i"), place.option(1, "i"), place.option(4, "i")
    start, strides, shape = 0, [], []
    for axis, (size, stride) in enumerate(zip(source.shape, _row_major(source.shape), strict=True)):
        if axis >= len(begin):
            picked, one = range(size), False
        else:
            first = None if begin_mask >> axis & 1 else begin[axis]
            last = None if end_mask >> axis & 1 else end[axis]
            one = bool(shrink >> axis & 1)
            if step[axis] == 0 or (first is not None and one and not -size <= first < size):
                raise place.broken(f"stride {step[axis]} in dimension {axis}")
            picked = range(size)[slice(first, last, step[axis])]
            if one:
                picked = range(size)[(first or 0) % size :][:1]
        if not picked:
            raise place.broken(f"nothing is left of dimension {axis}")
        start += picked[0] * stride
        if not one:
            strides.append(stride * picked.step)
            shape.append(len(picked))
    if tuple(shape) != target.shape:
        raise place.broken(f"an output of shape {list(target.shape)}, expected {shape}")
    return _gathered(place, source, target, start, strides)


IMPORTS: dict[str, Callable[[Place], Operator]] = {
    "ADD": _binary,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "MUL": _binary,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _binary,
    "TRANSPOSE": _transpose,
    **dict.fromkeys(lookup.FUNCTIONS, _lookup),
}
SUPPORTED = tuple(sorted({*IMPORTS, "DEQUANTIZE"}))


def read(data: bytes, file: str = "model.tflite") -> Graph:
    """Reads and checks a model.

    Args:
        data: the file's bytes.
        file: how errors name it.

    Raises:
        FormatError: the file is broken.
        ExportError: it holds something that is not supported; the error names it and what is.
        LimitError: it is too large for any microcontroller.
    """
    model = schema.read(data, file)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        what = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise ExportError(what, where=file, fix="models with one input and one output are supported")
    raw_operators, start, end = _without_float_ends(model)
    operators = tuple(_operator(Place(model, operator)) for operator in raw_operators)
    used = {start, end} | {i for o in operators for i in (*o.inputs, o.output)}
    tensors = {i: int8_tensor(model.tensors[i], file) for i in used}
    _check_order(operators, tensors, start, end, file)
    unsigned = (model.tensors[start].dtype == "uint8", model.tensors[end].dtype == "uint8")
    return Graph(tensors, operators, start, end, unsigned, file)


def _operator(place: Place) -> Operator:
    if place.operator.name not in IMPORTS:
        raise place.refuse("this operator is not supported", "supported: " + ", ".join(SUPPORTED))
    return IMPORTS[place.operator.name](place)


def _without_float_ends(model: RawModel) -> tuple[tuple[RawOperator, ...], int, int]:
    """Takes off a QUANTIZE of a float input and a DEQUANTIZE to a float output: callers work in int8."""
    start, end = model.inputs[0], model.outputs[0]
    operators = list(model.operators)
    if model.tensors[start].dtype == "float32":
        readers = [o for o in operators if start in o.inputs]
        if len(readers) == 1 and readers[0].name == "QUANTIZE" and len(readers[0].outputs) == 1:
            start = readers[0].outputs[0]
            operators.remove(readers[0])
    if model.tensors[end].dtype == "float32":
        writers = [o for o in operators if end in o.outputs]
        if len(writers) == 1 and writers[0].name == "DEQUANTIZE" and writers[0].inputs:
            end = max(writers[0].inputs[0], 0)
            operators.remove(writers[0])
    return tuple(operators), start, end


def _check_order(operators: tuple[Operator, ...], tensors: dict[int, Tensor], start: int, end: int, file: str) -> None:
    """Every tensor is written once, before it is read."""
    known = {start} | {i for i, t in tensors.items() if t.data is not None}
    for operator in operators:
        where = f"{file}: operator {operator.index} ({operator.kind})"
        if any(i not in known for i in operator.inputs):
            raise FormatError("reads a tensor that nothing has written", where=where)
        if operator.output in known:
            raise FormatError("writes a tensor that is there already", where=where)
        known.add(operator.output)
    if end not in known or tensors[end].data is not None or tensors[start].data is not None:
        raise FormatError("the output is not computed from the input", where=file)
