"""From a `.tflite` file to the typed graph; whatever the compiler cannot do is refused here, by name and place."""

from __future__ import annotations

from collections.abc import Callable

from ei_compat.errors import ExportError, FormatError
from firmware.compiler import lookup, schema, weighted, weightless
from firmware.compiler.graph import Binary, Graph, Operator, Tensor
from firmware.compiler.place import Place, int8_tensor
from firmware.compiler.schema import RawModel, RawOperator

IMPORTS: dict[str, Callable[[Place], Operator]] = {
    "ADD": weightless.binary,
    "AVERAGE_POOL_2D": weightless.pool,
    "CONCATENATION": weightless.concatenation,
    "CONV_2D": weighted.conv,
    "DEPTHWISE_CONV_2D": weighted.depthwise,
    "EXPAND_DIMS": weightless.reshape,
    "FULLY_CONNECTED": weighted.fully_connected,
    "MAX_POOL_2D": weightless.pool,
    "MEAN": weightless.mean,
    "MUL": weightless.binary,
    "PAD": weightless.pad,
    "RESHAPE": weightless.reshape,
    "SOFTMAX": weightless.softmax,
    "SQUEEZE": weightless.reshape,
    "STRIDED_SLICE": weightless.strided_slice,
    "SUB": weightless.binary,
    "TRANSPOSE": weightless.transpose,
    **dict.fromkeys(lookup.FUNCTIONS, weightless.function),
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
    if end not in known or tensors[end].data is not None or tensors[start].data is not None:
        raise FormatError("the output is not computed from the input", where=file)
