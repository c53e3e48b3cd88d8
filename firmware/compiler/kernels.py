"""Which kernel of the engine computes a layer, with which constants: the bridge from layers to C."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from firmware.compiler import cost
from firmware.compiler import layers as ly
from firmware.compiler.affine import affine
from firmware.compiler.encode import cut_of, own_kernel
from firmware.compiler.graph import Int8
from firmware.compiler.layers import Layer, Program
from firmware.compiler.plan import Scratch
from firmware.compiler.requantize import ROUND_ONCE, ROUND_TWICE, Requantization
from firmware.compiler.sums import SIGNS, linear
from firmware.compiler.tiles import ANY, Encoded, Walk, Weights, chosen, encode, encode_depthwise

Array = (
    npt.NDArray[np.int8]
    | npt.NDArray[np.uint8]
    | npt.NDArray[np.uint16]
    | npt.NDArray[np.int32]
    | npt.NDArray[np.uint32]
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A layer as the engine sees it.

    Args:
        function: the row kernel.
        header: the engine's header that declares it and its parameters.
        parts: the engine's files that it needs besides.
        struct: the C type of its parameters, None where the parameter is the array "table" itself.
        fields: initialisers of the parameters, in order; `{name}` stands for the array of that name.
        arrays: constant arrays by name.
        instructions: the estimate for one inference on RV32IMC.
        scratch: of a worker.
        cut: the channel from which on the second of two workers computes, 0 where only the first one does.
        encoded: the weights, where there are any; `{tiles}` stands for the list of tiles that walk them.
    """

    function: str
    header: str
    parts: tuple[str, ...]
    struct: str | None
    fields: tuple[str, ...]
    arrays: dict[str, Array] = field(default_factory=dict)
    instructions: int = 0
    scratch: Scratch = Scratch()  # noqa: RUF009
    cut: int = 0
    encoded: Encoded | None = None

    @property
    def bytes(self) -> int:
        """Bytes of its constant arrays."""
        return sum(a.nbytes for a in self.arrays.values())


ALONE = ("eit_copy", "eit_softmax", "eit_pixels_from_planes")  # kernels that make all channels together
FORMS = {"merged": "EIT_MERGED", "exact": "EIT_EXACT", "snapped": "EIT_SNAPPED", "packed": "EIT_PACKED"}


def kernels(program: Program) -> tuple[Kernel, ...]:
    """Picks the kernel of every layer; all planes have their final padding."""
    weights = [_weights(program, layer) for layer in program.layers]
    walks = iter(chosen([w for w in weights if w is not None]))
    made = []
    for layer, own in zip(program.layers, weights, strict=True):
        kernel = _plain(program, layer) if own is None else _tiled(program, layer, own, next(walks))
        rows = program.planes[layer.output].height
        made.append(replace(kernel, instructions=kernel.instructions + cost.PER_ROW * rows))
    return tuple(made)


def _weights(program: Program, layer: Layer) -> Weights | None:
    """What tiles walk, where the layer is one that they make."""
    source, target = (program.planes[p] for p in (layer.inputs[0].plane if layer.inputs else 0, layer.output))
    match layer.params:
        case ly.Pointwise() as p:
            values = _in_stored_order(p.weights, source) if p.flat else p.weights
            return Weights(values, target.height, target.width, "pointwise")
        case ly.Conv() as p:
            step = p.columns.stride * p.pixel
            values = p.weights.reshape(len(p.weights), -1)
            steps = (f"_{step}", ANY) if step in ly.CONV_STEPS else (ANY,)
            return Weights(values, target.height, target.width, "conv", steps)
    return None


def _in_stored_order(weights: Int8, source: ly.Plane) -> Int8:
    """Weights of the file's order, [row][column][channel], in the planes', [row][channel][column], from pixel 0 on.

    What lies between counts as inputs, too, padding for one, with weights of zero.
    """
    order = np.arange(source.height * source.row_bytes).reshape(source.height, source.channels, source.stride)
    inside = order[:, :, : source.width].transpose(0, 2, 1).reshape(-1)
    stored = np.zeros((len(weights), order.size - source.pad_left), np.int8)
    stored[:, inside] = weights
    return stored


def _tiled(program: Program, layer: Layer, weights: Weights, walk: Walk) -> Kernel:
    encoded = encode(weights, walk)
    match layer.params:
        case ly.Pointwise() as p:
            return _pointwise(weights, p, encoded)
        case ly.Conv() as p:
            return _conv(weights, p, encoded, walk, program.planes[layer.inputs[0].plane])
    raise AssertionError(layer.params)


def _plain(program: Program, layer: Layer) -> Kernel:
    match layer.params:
        case ly.Source():
            plane = program.planes[layer.output]
            copied = cost.bytewise(plane.elements, cost.PER_SOURCE_BYTE) + cost.PER_SOURCE_ROW * plane.height
            return Kernel("0", "eit_engine.h", (), None, (), instructions=copied)
        case ly.DepthwiseConv():
            return _depthwise(program, layer, layer.params)
        case ly.Elementwise():
            return _halved(program, layer, _elementwise(program, layer, layer.params))
        case _:
            return _halved(program, layer, _bytewise(program, layer))


def _halved(program: Program, layer: Layer, made: Kernel) -> Kernel:
    """A kernel whose channels all cost the same: half of them for either worker, where it can make a part of them."""
    return made if made.function in ALONE else replace(made, cut=program.planes[layer.output].channels // 2)


def _requant(out: Requantization, weights: Int8, loads: int) -> tuple[str, dict[str, Array]]:
    """The initialiser of an `eit_requant` and its arrays, for weights [output channel, tap], read so often."""
    made = affine(out, weights, loads)
    arrays: dict[str, Array] = {"channels": made.channels}
    if made.more is not None:
        arrays["more"] = made.more
    more = "0" if made.more is None else "{more}"
    twice, tie = int(out.rounding != ROUND_ONCE), int(out.rounding == ROUND_TWICE)
    form = FORMS[made.form]
    numbers = f"{made.factor}u, {2 * out.zero + 1}, {form}, {made.down}, {twice}, {tie}, {out.low}, {out.high}"
    return "{{{channels}, " + f"{more}, {numbers}" + "}}", arrays


def _tile_headers(encoded: Encoded) -> tuple[str, ...]:
    return ("eit_tiles.h", "eit_quad.h") if encoded.form == "quad" else ("eit_tiles.h",)


def _pointwise(weights: Weights, p: ly.Pointwise, encoded: Encoded) -> Kernel:
    requant, arrays = _requant(p.out, weights.values, encoded.passes)
    cut, offset = cut_of(weights.values, encoded.form)
    size = weights.values.shape[1] if p.flat else 0
    return Kernel(
        "eit_pointwise_row", "eit_pointwise.h",
        ("eit_pointwise_row.c", f"eit_pointwise_{encoded.form}.c", *_tile_headers(encoded)),
        "eit_pointwise", (requant, "{weights}", str(offset), "{tiles}", str(size)), {**arrays, "weights": encoded.data},
        encoded.instructions, Scratch(), cut, encoded,
    )  # fmt: skip


def _conv(weights: Weights, p: ly.Conv, encoded: Encoded, walk: Walk, source: ly.Plane) -> Kernel:
    requant, arrays = _requant(p.out, weights.values, encoded.passes)
    cut, offset = cut_of(weights.values, encoded.form)
    c, kind = p.columns, f"eit_conv_{encoded.form}"
    fields = (
        requant, "{weights}", str(offset), "{tiles}", str(p.weights.shape[3]), str(p.pixel), str(c.kernel),
        str(c.stride), str(c.before), str(c.dilation),
    )  # fmt: skip
    return Kernel(
        "eit_conv_row", "eit_conv.h",
        ("eit_conv_row.c", f"{walk.family}.c", f"{kind}.h", *_tile_headers(encoded)),
        "eit_conv", fields, {**arrays, "weights": encoded.data}, encoded.instructions,
        Scratch(4 * weights.values.shape[1], source.stride), cut, encoded,
    )  # fmt: skip


def _depthwise(program: Program, layer: Layer, p: ly.DepthwiseConv) -> Kernel:
    source, target = program.planes[layer.inputs[0].plane], program.planes[layer.output]
    weights = p.weights.reshape(len(p.weights), -1)
    encoded = encode_depthwise(p, weights, target.height, target.width)
    requant, arrays = _requant(p.out, weights, encoded.passes)
    rows, columns = layer.inputs[0].rows, p.columns
    special = own_kernel(p) and rows.dilation == 1
    function = f"eit_depthwise_3x3_{columns.stride}" if special else "eit_depthwise_any"
    cut, scratch = cut_of(weights, "dense")[0], Scratch(0, source.stride)
    fields = (
        requant, "(const int8_t *){weights}", str(columns.kernel), str(columns.stride), str(columns.before),
        str(columns.dilation), str(p.depth_multiplier),
    )  # fmt: skip
    return Kernel(
        function, "eit_depthwise.h", (f"{function}.c", "eit_depthwise_row.c", "eit_depthwise_3x3.h"), "eit_depthwise",
        fields, {**arrays, "weights": encoded.data}, encoded.instructions, scratch, cut, encoded,
    )  # fmt: skip


def _braces(values: tuple[int, ...]) -> str:
    return "{{" + ", ".join(map(str, values)) + "}}"


# the engine's function and file, and the instructions for a value
ELEMENTWISE = {  # function, file, instructions per output
    "ADD": ("eit_add", "eit_add.c", cost.PER_ADD),
    "SUB": ("eit_sub", "eit_add.c", cost.PER_ADD),
    "RSUB": ("eit_sub_reversed", "eit_add.c", cost.PER_ADD),
    "MUL": ("eit_mul", "eit_mul.c", cost.PER_MUL),
    "PRELU": ("eit_prelu", "eit_prelu.c", cost.PER_MUL),
    "MAXIMUM": ("eit_maximum", "eit_extremes.c", cost.PER_COPY),
    "MINIMUM": ("eit_minimum", "eit_extremes.c", cost.PER_COPY),
}


def _elementwise(program: Program, layer: Layer, p: ly.Elementwise) -> Kernel:
    target = program.planes[layer.output]
    function, source, per = ELEMENTWISE[p.kind]
    multipliers, shifts = p.multipliers, p.shifts
    sum_of = linear(p) if p.kind in SIGNS else None
    if sum_of is not None:
        function, source, per = "eit_sum", "eit_sum.c", cost.PER_SUM
        multipliers, shifts = (*sum_of.factors, sum_of.offset), (0, 0, sum_of.shift)
    head = (_braces(multipliers), _braces(shifts), _braces(p.zeros), str(p.low), str(p.high))
    arrays: dict[str, Array] = {}
    tail: tuple[str, ...] = ("0", "0", "0", "0")
    if p.constant is not None:
        height, channels, width = p.constant.shape
        arrays["constant"] = p.constant.reshape(-1)
        steps = (channels * width if height > 1 else 0, width if channels > 1 else 0, 1 if width > 1 else 0)
        tail = ("{constant}", *map(str, steps))
    instructions = cost.bytewise(target.elements, per)
    return Kernel(
        function, "eit_elementwise.h", (source, "eit_operand.c"), "eit_elementwise", head + tail, arrays,
        instructions=instructions,
    )  # fmt: skip


def _bytewise(program: Program, layer: Layer) -> Kernel:
    """The kernels whose cost is so much per value."""
    source, target = program.planes[layer.inputs[0].plane], program.planes[layer.output]
    values = target.elements
    rows = layer.inputs[0].rows
    fields: tuple[str, ...]
    match layer.params:
        case ly.Layout(to_planes=to_planes, flip=flip):
            function = "eit_planes_from_pixels" if to_planes else "eit_pixels_from_planes"
            fields = ("128" if flip else "0",)
            return Kernel(
                function, "eit_layout.h", ("eit_layout.c",), "eit_layout", fields,
                instructions=cost.bytewise(values, cost.PER_LAYOUT),
            )  # fmt: skip
        case ly.Pooling() as p:
            function = "eit_average_pool" if p.average else "eit_max_pool"
            fields = (str(p.columns.kernel), str(p.columns.stride), str(p.columns.before), str(p.low), str(p.high))
            per = cost.PER_POOL_OUTPUT + cost.PER_POOL_INPUT * rows.kernel * p.columns.kernel
            return Kernel(
                function, "eit_pool.h", ("eit_pool.c",), "eit_pool", fields, instructions=cost.bytewise(values, per)
            )
        case ly.MeanOver() as p:
            fields = (str(p.offset), str(p.multiplier), str(p.shift), str(p.zero), str(int(p.all_columns)))
            per = cost.PER_MEAN_OUTPUT + cost.PER_COPY * rows.kernel * (source.width if p.all_columns else 1)
            return Kernel(
                "eit_mean", "eit_mean.h", ("eit_mean.c",), "eit_mean_params", fields,
                instructions=cost.bytewise(values, per),
            )  # fmt: skip
        case ly.Lookup() as p:
            return Kernel(
                "eit_lookup", "eit_lookup.h", ("eit_lookup.c",), None, (), {"table": p.table},
                instructions=cost.bytewise(values, cost.PER_COPY),
            )  # fmt: skip
        case ly.SoftmaxOver() as p:
            return Kernel(
                "eit_softmax", "eit_softmax.h", ("eit_softmax.c",), "eit_softmax_params",
                (str(p.multiplier), str(p.shift), str(p.radius)), {},
                cost.bytewise(values, cost.PER_SOFTMAX) + cost.PER_SOFTMAX_ROW * target.height,
            )  # fmt: skip
        case ly.Copy() as p:
            size = ", ".join(map(str, p.sizes))
            fields = (
                "{{" + size + "}}", str(p.start_in), str(p.start_out), _braces(p.strides_in), _braces(p.strides_out)
            )  # fmt: skip
            return Kernel(
                "eit_copy", "eit_copy.h", ("eit_copy.c",), "eit_copy_params", fields,
                instructions=cost.bytewise(values, cost.PER_COPY),
            )  # fmt: skip
        case ly.PadWith() as p:
            fields = (str(p.top), str(p.left), str(p.front), str(p.value))
            return Kernel(
                "eit_pad", "eit_copy.h", ("eit_pad.c",), "eit_pad_params", fields,
                instructions=cost.bytewise(values, cost.PER_COPY),
            )  # fmt: skip
        case ly.Resampling() as p:
            function = "eit_resize_bilinear" if p.bilinear else "eit_resize_nearest"
            arrays: dict[str, Array] = {"rows": p.rows, "columns": p.columns}
            return Kernel(
                function, "eit_resample.h", ("eit_resample.c",), "eit_resample", ("{rows}", "{columns}"), arrays,
                cost.bytewise(values, cost.PER_ADD if p.bilinear else cost.PER_COPY),
            )  # fmt: skip
        case _:
            raise AssertionError(layer.params)
