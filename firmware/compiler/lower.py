"""From the typed graph to layers on planes: padding goes into convolutions, reshapes vanish, constants fold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ei_compat.core.errors import ExportError
from firmware.compiler import layers as ly
from firmware.compiler.graph import (
    Binary,
    Concatenation,
    Convolution,
    Depthwise,
    Gather,
    Graph,
    Lookup,
    Mean,
    Operator,
    Pad,
    Pool,
    Reshape,
    Resize,
    Shape3,
    Softmax,
    Tensor,
    Window,
    geometry,
)
from firmware.compiler.layers import CONV_STEPS, Input, Params, Program
from firmware.compiler.lookup import softmax_steps
from firmware.compiler.pairs import elementwise, swapped
from firmware.compiler.place import MAX_DIMENSION
from firmware.compiler.quantize import activation_range, mean_multiplier
from firmware.compiler.requantize import requantization
from firmware.compiler.values import Values

MAX_MEAN = 1 << 20  # values, so that their sum stays inside 32 bits


def lower(graph: Graph) -> Program:
    """Lowers a whole graph.

    Raises:
        ExportError: an operator is used in a way that the engine does not support.
    """
    lowering = _Lowering(graph)
    for operator in graph.operators:
        lowering.operator(operator)
    return lowering.finish()


class _Lowering(Values):
    """One method per operator, on top of where each tensor's values are."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.folded: dict[int, Pad] = {}
        self.readers: dict[int, list[Operator]] = {}
        for operator in graph.operators:
            for index in operator.inputs:
                self.readers.setdefault(index, []).append(operator)

    def operator(self, op: Operator) -> None:
        """Adds the layers of one operator."""
        match op:
            case Convolution():
                self._convolution(op)
            case Depthwise():
                self._depthwise(op)
            case Binary():
                self._binary(op)
            case Pool():
                self._pool(op)
            case Mean():
                self._reduction(op)
            case Resize():
                self._resize(op)
            case Reshape():
                self._reshape(op)
            case Pad():
                self._pad(op)
            case Concatenation():
                self._concatenation(op)
            case Softmax():
                self._softmax(op)
            case Lookup():
                source = self.planes(op.inputs[0])
                stored = (op.table.astype(np.int16) + 128).astype(np.uint8)
                self._simple(op, ly.Lookup(stored), Input(source), self.shape(source))
            case Gather():
                self._gather(op)
            case _:
                raise AssertionError(op)

    def _label(self, op: Operator) -> str:
        return f"{op.kind} {op.index}"

    def _where(self, op: Operator) -> str:
        return f"{self.graph.file}: operator {op.index} ({op.kind})"

    def _simple(self, op: Operator, params: Params, source: Input, shape: Shape3, macs: int = 0) -> None:
        made = self.plane(self.graph.tensors[op.output], shape)
        self.add(self._label(op), params, (source,), made, macs)
        self.planar[op.output] = made

    def _pads_of(self, index: int, rows: Window, columns: Window) -> tuple[int, Window, Window]:
        """The tensor that a convolution really reads, and its windows, with a folded PAD before it."""
        pad = self.folded.get(index)
        if pad is None:
            return index, rows, columns
        (top, bottom), (left, right) = pad.padding[1], pad.padding[2]
        return (
            pad.inputs[0],
            replace(rows, before=rows.before + top, after=rows.after + bottom),
            replace(columns, before=columns.before + left, after=columns.after + right),
        )

    def _demand(self, plane: int, columns: Window, out_width: int, pixel: int = 1) -> None:
        """Makes room for the columns, of so many bytes each, that a window sees beyond the edges."""
        p = self.program.planes[plane]
        last = (out_width - 1) * columns.stride - columns.before + (columns.kernel - 1) * columns.dilation
        p.pad_left = max(p.pad_left, columns.before * pixel)
        p.pad_right = max(p.pad_right, (last + 1) * pixel - p.width, 0)
        if p.pad_left > 255 or p.stride > MAX_DIMENSION:
            raise ExportError("more than 255 columns of padding", where=self.graph.file, fix="use smaller kernels")

    def _convolution(self, op: Convolution) -> None:
        tensors = self.graph.tensors
        source, target = tensors[op.inputs[0]], tensors[op.output]
        count, height, width, channels = op.weights.shape
        out, flat = requantization(
            op.weights.reshape(count, -1), op.bias, op.multipliers, source.quantization, target.quantization,
            op.activation, self._where(op), once=op.kind == "FULLY_CONNECTED",
        )  # fmt: skip
        if op.kind == "FULLY_CONNECTED":
            self._fully_connected(op, ly.Pointwise(out, flat))
            return
        shape = geometry(target.shape)
        macs = math.prod(shape) * height * width * channels
        index, rows, columns = self._pads_of(op.inputs[0], op.rows, op.columns)
        if self._reads_pixels(op, index, channels * columns.stride):
            plane = self.program.input
            self._demand(plane, columns, shape[1], channels)
            rows_of = self.program.planes[plane]
            rows_of.pad_right += -rows_of.stride % 4  # so that rows can be copied by words
            params = ly.Conv(out, flat.reshape(op.weights.shape), columns, channels)
            self._simple(op, params, Input(plane, rows), shape, macs)
            return
        plane = self.planes(index, geometry(tensors[index].shape))
        if (height, width, rows.stride, columns.stride) == (1, 1, 1, 1) and not any(
            (rows.before, rows.after, columns.before, columns.after)
        ):
            self._simple(op, ly.Pointwise(out, flat), Input(plane), shape, macs)
            return
        self._demand(plane, columns, shape[1])
        params = ly.Conv(out, flat.reshape(op.weights.shape), columns)
        self._simple(op, params, Input(plane, rows), shape, macs)

    def _reads_pixels(self, op: Convolution, index: int, step: int) -> bool:
        """Whether a convolution can take the caller's rows as they come: it alone reads them, and tiles fit them."""
        pixels = self.plain.get(index) == self.program.input
        direct = index == op.inputs[0] or len(self.readers[op.inputs[0]]) == 1
        alone = direct and len(self.readers[index]) == 1 and index not in self.graph.outputs
        one = self.program.planes[self.program.input].channels == 1
        return pixels and alone and one and step in CONV_STEPS

    def _fully_connected(self, op: Convolution, params: ly.Pointwise) -> None:
        source = self.graph.tensors[op.inputs[0]]
        count, depth = params.weights.shape
        elements = math.prod(source.shape)
        macs = elements * count
        if (elements == depth and source.shape[-1:] != (depth,)) or (elements == depth and op.inputs[0] in self.planar):
            plane = self.planes(op.inputs[0])
            if self.shape(plane) != (1, 1, depth):
                params = replace(params, flat=True)
                rows = Window(self.program.planes[plane].height, 0)
                self._simple(op, params, Input(plane, rows), (1, 1, count), macs)
                return
        wanted = None if source.shape[-1:] == (depth,) else (1, elements // depth, depth)
        plane = self.planes(op.inputs[0], wanted, depth)
        height, width, _ = self.shape(plane)
        self._simple(op, params, Input(plane), (height, width, count), macs)

    def _depthwise(self, op: Depthwise) -> None:
        tensors = self.graph.tensors
        source, target = tensors[op.inputs[0]], tensors[op.output]
        height, width, count = op.weights.shape
        weights = np.ascontiguousarray(op.weights.transpose(2, 0, 1))
        out, flat = requantization(
            weights.reshape(count, -1), op.bias, op.multipliers, source.quantization, target.quantization,
            op.activation, self._where(op),
        )  # fmt: skip
        shape = geometry(target.shape)
        index, rows, columns = self._pads_of(op.inputs[0], op.rows, op.columns)
        plane = self.planes(index, geometry(tensors[index].shape))
        self._demand(plane, columns, shape[1])
        flat = flat.reshape(weights.shape)
        if op.depth_multiplier == count:  # of one channel: any convolution, whose tiles make several channels at a time
            params: Params = ly.Conv(out, flat[..., None], columns)
        else:
            params = ly.DepthwiseConv(out, flat, columns, op.depth_multiplier)
        self._simple(op, params, Input(plane, rows), shape, math.prod(shape) * height * width)

    def _binary(self, op: Binary) -> None:
        a, b = (self.graph.tensors[i] for i in op.inputs)
        if a.data is not None and b.data is not None:
            raise ExportError("both operands are constant", where=self._where(op), fix="convert with constant folding")
        target = self.graph.tensors[op.output]
        params = elementwise(op, a, b, target, self._where(op))
        shape = geometry(target.shape)
        operands = []
        for tensor in (a, b):
            own = geometry((1,) * (len(target.shape) - len(tensor.shape)) + tensor.shape)
            if any(x not in (1, y) for x, y in zip(own, shape, strict=True)):
                raise ExportError(f"broadcasting {list(tensor.shape)}", where=self._where(op), fix="repeat the operand")
            operands.append(own)
        made = None
        if a.data is not None:  # the plane is the first operand; sums and products commute, differences turn around
            params, a, b = swapped(params), b, a
            operands.reverse()
        if b.data is not None:
            constant = (b.data.astype(np.int16) + 128).astype(np.uint8).reshape(operands[1]).transpose(0, 2, 1)
            params = replace(params, constant=np.ascontiguousarray(constant))
            inputs: tuple[Input, ...] = (self._operand(a.index, operands[0], shape),)
        elif a.shape == b.shape:
            first = self.planes(a.index)
            shape = self.shape(first)
            inputs = Input(first), Input(self.planes(b.index, shape))
        else:
            inputs = tuple(self._operand(t.index, s, shape) for t, s in zip((a, b), operands, strict=True))
        made = self.plane(target, shape)
        self.add(self._label(op), params, inputs, made)
        self.planar[op.output] = made

    def _operand(self, index: int, own: Shape3, shape: Shape3) -> Input:
        """An operand of its own geometry for a result of `shape`: one row serves all rows where it is broadcast."""
        return Input(self.planes(index, own), ly.ROW if own[0] == shape[0] else Window(1, 0))

    def _pool(self, op: Pool) -> None:
        target = self.graph.tensors[op.output]
        low, high = activation_range(op.activation, target.quantization)
        plane = self.planes(op.inputs[0], geometry(self.graph.tensors[op.inputs[0]].shape))
        params = ly.Pooling(op.kind == "AVERAGE_POOL_2D", op.columns, low + 128, high + 128)
        self._simple(op, params, Input(plane, op.rows), geometry(target.shape))

    def _reduction(self, op: Mean) -> None:
        source, target = self.graph.tensors[op.inputs[0]], self.graph.tensors[op.output]
        height, width, channels = geometry(source.shape)
        first = len(source.shape) - 2  # the dimension that is the width
        if first + 1 in op.axes:  # the same bytes with the channels lying where the columns do
            every = op.axes != (first + 1,)
            self._over_columns(op, (1, height * width * channels) if every else (height * width, channels))
            return
        over_width, over_height = first in op.axes, any(a < first and source.shape[a] > 1 for a in op.axes)
        if over_height and not all(a in op.axes or source.shape[a] == 1 for a in range(first)):
            raise ExportError(
                f"{op.kind} over part of the height", where=self._where(op), fix="supported: height and width"
            )
        plane = self.planes(op.inputs[0], (height, width, channels))
        rows = Window(height, 0) if over_height else ly.ROW
        shape = (1 if over_height else height, 1 if over_width else width, channels)
        params: Params
        if op.kind == "REDUCE_MAX":
            params = ly.Pooling(False, Window(width if over_width else 1), 0, 255)
        else:
            params = self._mean(op, source, target, (height, width), (over_height, over_width))
        self._simple(op, params, Input(plane, rows), shape)

    def _over_columns(self, op: Mean, sides: tuple[int, int]) -> None:
        """A reduction of [rows, columns] to a value a row."""
        source, target = self.graph.tensors[op.inputs[0]], self.graph.tensors[op.output]
        plane = self.planes(op.inputs[0], (*sides, 1))
        params: Params = ly.Pooling(False, Window(sides[1]), 0, 255)
        if op.kind != "REDUCE_MAX":
            params = self._mean(op, source, target, sides, (False, True))
        self._simple(op, params, Input(plane), (sides[0], 1, 1))

    def _mean(
        self, op: Mean, source: Tensor, target: Tensor, sides: tuple[int, int], over: tuple[bool, bool]
    ) -> ly.MeanOver:
        count = math.prod(side for side, all_of_it in zip(sides, over, strict=True) if all_of_it)
        multiplier, shift = mean_multiplier(source.quantization.scale / target.quantization.scale, count)
        if not -31 <= shift <= 15 or count << max(shift, 0) > MAX_MEAN:
            raise ExportError(
                f"a mean of {count} values", where=self._where(op), fix=f"at most {MAX_MEAN}, of like scales"
            )
        offset = count * (source.quantization.zero_point + 128)
        return ly.MeanOver(offset, multiplier, shift, target.quantization.zero_point + 128, over[1])

    def _resize(self, op: Resize) -> None:
        plane = self.planes(op.inputs[0], geometry(self.graph.tensors[op.inputs[0]].shape))
        rows, columns = (np.array(taps, np.int32).reshape(-1) for taps in (op.rows, op.columns))
        params = ly.Resampling(rows, columns, op.kind == "RESIZE_BILINEAR")
        shape = geometry(self.graph.tensors[op.output].shape)
        self._simple(op, params, Input(plane, Window(self.shape(plane)[0], 0)), shape)

    def _reshape(self, op: Reshape) -> None:
        """The same bytes: whatever form the input has, the output has too."""
        for form in (self.planar, self.plain):
            if op.inputs[0] in form:
                form[op.output] = form[op.inputs[0]]

    def _pad(self, op: Pad) -> None:
        readers = self.readers.get(op.output, [])
        spatial = len(op.padding) == 4 and op.padding[0] == op.padding[3] == (0, 0)
        spatial = spatial and op.value == self.graph.tensors[op.output].quantization.zero_point
        folds = all(isinstance(r, Convolution | Depthwise) and r.kind != "FULLY_CONNECTED" for r in readers)
        if spatial and readers and folds and op.output not in self.graph.outputs:
            self.folded[op.output] = op
            return
        full = ((0, 0),) * (4 - len(op.padding)) + op.padding
        if full[0] != (0, 0):
            raise ExportError("padding of the batch", where=self._where(op), fix="supported: height, width, channels")
        (top, bottom), (left, _), (front, _) = full[1:]
        plane = self.planes(op.inputs[0], geometry(self.graph.tensors[op.inputs[0]].shape))
        rows = Window(1, 1, 1, top, bottom)
        shape = geometry(self.graph.tensors[op.output].shape)
        self._simple(op, ly.PadWith(top, left, front, op.value + 128), Input(plane, rows), shape)

    def _concatenation(self, op: Concatenation) -> None:
        target = self.graph.tensors[op.output]
        outer = math.prod(target.shape[: op.axis])
        total = math.prod(target.shape[op.axis :])
        made = self.plane(target, (1, 1, math.prod(target.shape)), plain=True)
        start = 0
        for position, index in enumerate(op.inputs):
            size = math.prod(self.graph.tensors[index].shape) // outer
            params = ly.Copy((1, 1, outer, size), 0, (0, 0, size, 1), start, (0, 0, total, 1))
            source = self.plain_bytes(index)
            inputs: tuple[Input, ...] = (Input(source, Window(self.program.planes[source].height, 0)),)
            if position:
                inputs = (*inputs, Input(made))  # the part before this one is in place
            self.add(self._label(op), params, inputs, made)
            start += size
        self.plain[op.output] = made

    def _softmax(self, op: Softmax) -> None:
        tensor = self.graph.tensors[op.inputs[0]]
        source = self.planes(op.inputs[0], channels=tensor.shape[-1])
        try:
            steps = softmax_steps(tensor.quantization.scale, op.beta)
        except ValueError as error:
            raise ExportError(
                str(error), where=self._where(op), fix="train the model longer, or convert again"
            ) from error
        self._simple(op, ly.SoftmaxOver(*steps), Input(source), self.shape(source))

    def _gather(self, op: Gather) -> None:
        target = self.graph.tensors[op.output]
        made = self.plane(target, (1, 1, math.prod(target.shape)), plain=True)
        loops, strides = op.sizes or target.shape, op.strides
        if len(loops) > 4:  # the first is the batch, 1
            loops, strides = loops[1:], strides[1:]
        missing = (1,) * (4 - len(loops))
        sizes = (*missing, *loops)
        strides_out = tuple(math.prod(sizes[i + 1 :]) for i in range(4))
        strides_in = (*(0 for _ in missing), *strides)
        source = self.plain_bytes(op.inputs[0])
        rows = Window(self.program.planes[source].height, 0)
        params = ly.Copy(sizes, op.start, strides_in, 0, strides_out)  # type: ignore[arg-type]
        self.add(self._label(op), params, (Input(source, rows),), made)
        self.plain[op.output] = made
