"""From a `.tflite` file to the typed graph; whatever the compiler cannot do is refused here, by name and place."""

from __future__ import annotations

from collections.abc import Callable

from ei_compat.core.errors import ExportError, FormatError
from firmware.compiler import lookup, pieces, schema, weighted, weightless
from firmware.compiler.fold import folded
from firmware.compiler.graph import Binary, Graph, Operator, Tensor
from firmware.compiler.place import Place, int8_tensor
from firmware.compiler.schema import RawModel, RawOperator

IMPORTS: dict[str, Callable[[Place], Operator | tuple[Operator, ...]]] = {
    "ADD": weightless.binary,
    "AVERAGE_POOL_2D": weightless.pool,
    "CONCATENATION": weightless.concatenation,
    "CONV_2D": weighted.conv,
    "DEPTH_TO_SPACE": pieces.depth_to_space,
    "DEPTHWISE_CONV_2D": weighted.depthwise,
    "EXPAND_DIMS": weightless.reshape,
    "FULLY_CONNECTED": weighted.fully_connected,
    "MAXIMUM": weightless.binary,
    "MAX_POOL_2D": weightless.pool,
    "MEAN": weightless.mean,
    "MINIMUM": weightless.binary,
    "MUL": weightless.binary,
    "PACK": pieces.pack,
    "PAD": weightless.pad,
    "PADV2": weightless.pad,
    "PRELU": weightless.binary,
    "REDUCE_MAX": weightless.mean,
    "RESHAPE": weightless.reshape,
    "RESIZE_BILINEAR": pieces.resize,
    "RESIZE_NEAREST_NEIGHBOR": pieces.resize,
    "SLICE": pieces.slice_,
    "SOFTMAX": weightless.softmax,
    "SPACE_TO_DEPTH": pieces.space_to_depth,
    "SPLIT": pieces.split,
    "SPLIT_V": pieces.split_v,
    "SQUEEZE": weightless.reshape,
    "STRIDED_SLICE": weightless.strided_slice,
    "SUB": weightless.binary,
    "TRANSPOSE": weightless.transpose,
    "UNPACK": pieces.unpack,
    **dict.fromkeys(lookup.FUNCTIONS, weightless.function),
}
SUPPORTED = tuple(sorted({name for name in IMPORTS if " " not in name} | {"DEQUANTIZE", "SHAPE"}))
STATE = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
RECURRENT = (
    "LSTM", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN",
)  # fmt: skip
WAYS_OUT = {
    "SUM": "LiteRT's own reference takes its int8 input for unsigned, so that nothing could be checked: use MEAN",
    **dict.fromkeys(
        STATE, "the model keeps state between calls: export its non-streaming form, which takes a whole window"
    ),
    **dict.fromkeys(RECURRENT, "recurrent layers are not supported: train with 1-D convolutions, or unroll the layer"),
    **dict.fromkeys(("IF", "WHILE"), "control flow is not supported: unroll recurrent layers (Keras: unroll=True)"),
}


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
    _check_kind(model)
    model = folded(model)
    raw_operators, start, ends = _without_float_ends(model)
    operators = tuple(o for raw in raw_operators for o in _operators(Place(model, raw)))
    used = {start, *ends} | {i for o in operators for i in (*o.inputs, o.output)}
    tensors = {i: int8_tensor(model.tensors[i], file) for i in used}
    _check_order(operators, tensors, start, ends, file)
    unsigned = frozenset(i for i in (start, *ends) if model.tensors[i].dtype == "uint8")
    return Graph(tensors, operators, start, ends, unsigned, file)


def _check_kind(model: RawModel) -> None:
    """Refuses what no operator's import could."""
    for operator in model.operators:
        if operator.name in WAYS_OUT:
            raise Place(model, operator).refuse("this operator is not supported", WAYS_OUT[operator.name])
    if model.subgraphs != 1:
        raise FormatError(
            f"{model.subgraphs} subgraphs, expected 1", where=model.file, fix="export one inference function"
        )
    if len(model.inputs) != 1 or not model.outputs:
        what = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise ExportError(what, where=model.file, fix="models with one input are supported")


def _operators(place: Place) -> tuple[Operator, ...]:
    if place.operator.name not in IMPORTS:
        raise place.refuse("this operator is not supported", "supported: " + ", ".join(SUPPORTED))
    made = IMPORTS[place.operator.name](place)
    return made if isinstance(made, tuple) else (made,)


def _without_float_ends(model: RawModel) -> tuple[tuple[RawOperator, ...], int, tuple[int, ...]]:
    """Takes off a QUANTIZE of a float input and a DEQUANTIZE to a float output: callers work in int8."""
    start, ends = model.inputs[0], list(model.outputs)
    operators = list(model.operators)
    if model.tensors[start].dtype == "float32":
        readers = [o for o in operators if start in o.inputs]
        if len(readers) == 1 and readers[0].name == "QUANTIZE" and len(readers[0].outputs) == 1:
            start = readers[0].outputs[0]
            operators.remove(readers[0])
    for position, end in enumerate(ends):
        writers = [o for o in operators if end in o.outputs]
        if model.tensors[end].dtype == "float32" and len(writers) == 1:
            writer = writers[0]
            if writer.name == "DEQUANTIZE" and writer.inputs and not any(end in o.inputs for o in operators):
                ends[position] = max(writer.inputs[0], 0)
                operators.remove(writer)
    return tuple(operators), start, tuple(ends)


def _check_order(
    operators: tuple[Operator, ...], tensors: dict[int, Tensor], start: int, ends: tuple[int, ...], file: str
) -> None:
    """Every tensor is written once, before it is read."""
    constants = {i for i, t in tensors.items() if t.data is not None}
    known = {start} | constants
    for operator in operators:
        where = f"{file}: operator {operator.index} ({operator.kind})"
        if not isinstance(operator, Binary) and constants.intersection(operator.inputs):
            raise ExportError("reads a constant", where=where, fix="convert the model with constant folding")
        if any(i not in known for i in operator.inputs):
            raise FormatError("reads a tensor that nothing has written", where=where)
        if operator.output in known:
            raise FormatError("writes a tensor that is there already", where=where)
        known.add(operator.output)
    if any(end not in known or tensors[end].data is not None for end in ends) or tensors[start].data is not None:
        raise FormatError("the output is not computed from the input", where=file)
