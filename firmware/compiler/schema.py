"""The parts of the `.tflite` schema that the compiler reads, as plain values.

Source: TensorFlow Lite's schema, version 3. Numbers below are its field ids and enumeration values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ei_compat.core.errors import FormatError, LimitError
from firmware.compiler.flatbuffer import Table, root

MAX_TENSORS = 8192
MAX_OPERATORS = 1024
MAX_ELEMENTS = 1 << 26  # of one tensor

TYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    5: "string",
    6: "bool",
    7: "int16",
    9: "int8",
    17: "int4",
}
ITEM_BYTES = {"float32": 4, "int32": 4, "uint8": 1, "int64": 8, "bool": 1, "int16": 2, "int8": 1}

BUILTIN_NAMES = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE", 7: "EMBEDDING_LOOKUP", 8: "FLOOR", 9: "FULLY_CONNECTED", 10: "HASHTABLE_LOOKUP",
    11: "L2_NORMALIZATION", 12: "L2_POOL_2D", 13: "LOCAL_RESPONSE_NORMALIZATION", 14: "LOGISTIC",
    15: "LSH_PROJECTION", 16: "LSTM", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 20: "RELU_N1_TO_1", 21: "RELU6",
    22: "RESHAPE", 23: "RESIZE_BILINEAR", 24: "RNN", 25: "SOFTMAX", 26: "SPACE_TO_DEPTH", 27: "SVDF", 28: "TANH",
    32: "CUSTOM", 33: "EMBEDDING_LOOKUP_SPARSE", 34: "PAD", 35: "UNIDIRECTIONAL_SEQUENCE_RNN", 36: "GATHER",
    37: "BATCH_TO_SPACE_ND", 38: "SPACE_TO_BATCH_ND", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV",
    43: "SQUEEZE", 44: "UNIDIRECTIONAL_SEQUENCE_LSTM", 45: "STRIDED_SLICE", 46: "BIDIRECTIONAL_SEQUENCE_RNN",
    47: "EXP", 49: "SPLIT", 52: "BIDIRECTIONAL_SEQUENCE_LSTM", 53: "CAST", 54: "PRELU", 55: "MAXIMUM", 56: "ARG_MAX",
    57: "MINIMUM", 59: "NEG", 60: "PADV2", 65: "SLICE", 67: "TRANSPOSE_CONV", 70: "EXPAND_DIMS", 73: "LOG", 74: "SUM",
    75: "SQRT", 76: "RSQRT", 77: "SHAPE", 78: "POW", 81: "REDUCE_PROD", 82: "REDUCE_MAX", 83: "PACK", 88: "UNPACK",
    89: "REDUCE_MIN", 92: "SQUARE", 94: "FILL", 97: "RESIZE_NEAREST_NEIGHBOR", 98: "LEAKY_RELU",
    99: "SQUARED_DIFFERENCE", 100: "MIRROR_PAD", 101: "ABS", 102: "SPLIT_V", 111: "ELU", 114: "QUANTIZE",
    117: "HARD_SWISH", 118: "IF", 119: "WHILE", 126: "BATCH_MATMUL", 129: "CALL_ONCE", 142: "VAR_HANDLE",
    143: "READ_VARIABLE", 144: "ASSIGN_VARIABLE", 150: "GELU",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor as the file has it; `data` is None unless it is a constant."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: bytes | None
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    is_variable: bool


@dataclass(frozen=True, slots=True)
class RawOperator:
    """An operator as the file has it; `options` is its table of options, if any."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True, slots=True)
class RawModel:
    """The first subgraph of a file, and how many there are."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file: str
    subgraphs: int


def read(data: bytes, file: str) -> RawModel:
    """Reads a `.tflite` file.

    Args:
        data: the file's bytes.
        file: how errors name it.

    Raises:
        FormatError: the bytes are no well-formed model.
        LimitError: it has more tensors, operators or elements than any model for a microcontroller.
    """
    model = root(data, b"TFL3", file)
    version = model.integer(0, "I")
    if version != 3:
        raise FormatError(f"schema version {version}, expected 3", where=file, fix="convert the model again")
    graphs = model.tables(2)
    if not graphs:
        raise FormatError("no subgraph", where=file, fix="convert the model again")
    graph = graphs[0]
    if (graph.length(0) or 0) > MAX_TENSORS or (graph.length(3) or 0) > MAX_OPERATORS:
        raise LimitError(f"more than {MAX_TENSORS} tensors or {MAX_OPERATORS} operators", where=file)
    buffers = model.tables(4)
    tensors = tuple(_tensor(index, table, buffers) for index, table in enumerate(graph.tables(0)))
    codes = model.tables(1)
    operators = tuple(_operator(index, table, codes, len(tensors)) for index, table in enumerate(graph.tables(3)))
    inputs, outputs = graph.integers(1, "i"), graph.integers(2, "i")
    for index in inputs + outputs:
        if not 0 <= index < len(tensors):
            raise graph.fail(f"the model names tensor {index} of {len(tensors)}")
    return RawModel(tensors, operators, inputs, outputs, file, len(graphs))


def _tensor(index: int, table: Table, buffers: tuple[Table, ...]) -> RawTensor:
    shape = table.integers(0, "i")
    code = table.integer(1, "b")
    dtype = TYPES.get(code, f"type {code}")
    if len(shape) > 8 or any(d < 0 for d in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise table.fail(f"tensor {index} has the shape {list(shape)}")
    number = table.integer(2, "I")
    if number >= len(buffers) and number != 0:
        raise table.fail(f"tensor {index} names buffer {number} of {len(buffers)}")
    data: bytes | None = buffers[number].bytes(0) if buffers else b""
    if not data:
        data = None
    elif len(data) != math.prod(shape) * ITEM_BYTES.get(dtype, 1) and dtype in ITEM_BYTES:
        raise table.fail(f"tensor {index} has {len(data)} bytes for the shape {list(shape)} of {dtype}")
    quantization = table.table(4)
    scales = quantization.reals(2) if quantization else ()
    if any(not (math.isfinite(s) and s >= 0) for s in scales):
        raise table.fail(f"tensor {index} has a scale that is negative or not finite")
    return RawTensor(
        index=index,
        name=table.text(3),
        shape=shape,
        dtype=dtype,
        data=data,
        scales=scales,
        zero_points=quantization.integers(3, "q") if quantization else (),
        quantized_dimension=quantization.integer(6, "i") if quantization else 0,
        is_variable=table.boolean(5),
    )


def _operator(index: int, table: Table, codes: tuple[Table, ...], tensors: int) -> RawOperator:
    number = table.integer(0, "I")
    if number >= len(codes):
        raise table.fail(f"operator {index} names operator code {number} of {len(codes)}")
    code = max(codes[number].integer(0, "b"), codes[number].integer(3, "i"))
    name = BUILTIN_NAMES.get(code, f"builtin {code}")
    if name == "CUSTOM":
        name = f"CUSTOM {codes[number].text(1)!r}"
    inputs, outputs = table.integers(1, "i"), table.integers(2, "i")
    if any(not -1 <= i < tensors for i in inputs) or any(not 0 <= i < tensors for i in outputs):
        raise table.fail(f"operator {index} ({name}) names a tensor that is not there")
    return RawOperator(index, name, inputs, outputs, table.table(4))
