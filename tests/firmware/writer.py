"""Writes small int8 `.tflite` files, so that tests can ask for any operator with any option and quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np

TYPE_CODES = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "int16": 7, "int8": 9}
OPERATOR_CODES = {
    "ADD": 0, "AVERAGE_POOL_2D": 1, "CONCATENATION": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "DEQUANTIZE": 6,
    "FULLY_CONNECTED": 9, "LOGISTIC": 14, "MAX_POOL_2D": 17, "MUL": 18, "RELU": 19, "RELU_N1_TO_1": 20, "RELU6": 21,
    "RESHAPE": 22, "SOFTMAX": 25, "TANH": 28, "PAD": 34, "GATHER": 36, "TRANSPOSE": 39, "MEAN": 40, "SUB": 41,
    "SQUEEZE": 43, "STRIDED_SLICE": 45, "EXPAND_DIMS": 70, "LEAKY_RELU": 98, "QUANTIZE": 114, "RESIZE_BILINEAR": 23,
    "SVDF": 27, "UNIDIRECTIONAL_SEQUENCE_LSTM": 44, "SPLIT": 49, "NEG": 59, "PADV2": 60, "SLICE": 65, "SUM": 74,
    "SHAPE": 77, "REDUCE_MAX": 82, "PACK": 83, "UNPACK": 88, "RESIZE_NEAREST_NEIGHBOR": 97, "ABS": 101, "SPLIT_V": 102,
    "HARD_SWISH": 117, "VAR_HANDLE": 142, "DEPTH_TO_SPACE": 5, "SPACE_TO_DEPTH": 26, "EXP": 47, "PRELU": 54,
    "MAXIMUM": 55, "MINIMUM": 57, "GELU": 150,
}  # fmt: skip
# operator: (number of its options table in the union, fields as (slot, code) by name)
OPTIONS: dict[str, tuple[int, dict[str, tuple[int, str]]]] = {
    "CONV_2D": (1, {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "activation": (3, "b"),
                    "dilation_w": (4, "i"), "dilation_h": (5, "i")}),
    "DEPTHWISE_CONV_2D": (2, {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "multiplier": (3, "i"),
                              "activation": (4, "b"), "dilation_w": (5, "i"), "dilation_h": (6, "i")}),
    "AVERAGE_POOL_2D": (5, {"padding": (0, "b"), "stride_w": (1, "i"), "stride_h": (2, "i"), "filter_w": (3, "i"),
                            "filter_h": (4, "i"), "activation": (5, "b")}),
    "FULLY_CONNECTED": (8, {"activation": (0, "b"), "format": (1, "b"), "keep": (2, "B")}),
    "SOFTMAX": (9, {"beta": (0, "f")}),
    "CONCATENATION": (10, {"axis": (0, "i"), "activation": (1, "b")}),
    "ADD": (11, {"activation": (0, "b")}),
    "RESHAPE": (17, {}),
    "MUL": (21, {"activation": (0, "b")}),
    "PAD": (22, {}),
    "TRANSPOSE": (26, {}),
    "MEAN": (27, {"keep": (0, "B")}),
    "SUB": (28, {"activation": (0, "b")}),
    "SQUEEZE": (30, {}),
    "STRIDED_SLICE": (32, {"begin_mask": (0, "i"), "end_mask": (1, "i"), "ellipsis": (2, "i"), "new_axis": (3, "i"),
                           "shrink": (4, "i")}),
    "EXPAND_DIMS": (52, {}),
    "LEAKY_RELU": (75, {"alpha": (0, "f")}),
    "QUANTIZE": (83, {}),
    "RESIZE_BILINEAR": (15, {"corners": (2, "B"), "centers": (3, "B")}),
    "RESIZE_NEAREST_NEIGHBOR": (74, {"corners": (0, "B"), "centers": (1, "B")}),
    "SPLIT": (35, {"count": (0, "i")}),
    "SPLIT_V": (79, {"count": (0, "i")}),
    "PACK": (59, {"count": (0, "i"), "axis": (1, "i")}),
    "UNPACK": (64, {"count": (0, "i"), "axis": (1, "i")}),
    "SLICE": (45, {}),
    "SHAPE": (55, {"type": (0, "b")}),
    "ABS": (78, {}),
    "NEG": (42, {}),
    "PADV2": (40, {}),
    "HARD_SWISH": (91, {}),
    "DEPTH_TO_SPACE": (94, {"block": (0, "i")}),
    "SPACE_TO_DEPTH": (19, {"block": (0, "i")}),
    "EXP": (33, {}),
    "MAXIMUM": (39, {}),
    "MINIMUM": (39, {}),
    "GELU": (116, {"approximate": (0, "B")}),
}  # fmt: skip
OLDEST = (
    "RESHAPE",
    "RELU_N1_TO_1",
    "NEG",
    "HARD_SWISH",
    "VAR_HANDLE",
    "SHAPE",
    "PRELU",
    "DEPTH_TO_SPACE",
)  # whose version 1 takes int8
OPTIONS["MAX_POOL_2D"] = OPTIONS["AVERAGE_POOL_2D"]
OPTIONS["SUM"] = OPTIONS["REDUCE_MAX"] = OPTIONS["MEAN"]


@dataclass
class Writer:
    """A model in the making: add tensors and operators, then `finish`."""

    tensors: list[dict[str, Any]] = field(default_factory=list)
    operators: list[tuple[str, list[int], list[int], dict[str, Any]]] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        scale: float | Sequence[float] = 0.1,
        zero_point: int = 0,
        dtype: str = "int8",
        data: np.ndarray | None = None,
        dimension: int = 0,
        name: str = "t",
    ) -> int:
        """Adds a tensor; several scales mean per channel along `dimension`."""
        scales = [scale] if isinstance(scale, int | float) else list(scale)
        self.tensors.append(
            {"shape": list(shape), "scales": scales, "zeros": [zero_point] * len(scales), "dtype": dtype, "data": data,
             "dimension": dimension, "name": name}
        )  # fmt: skip
        return len(self.tensors) - 1

    def constant(self, values: Sequence[int] | np.ndarray, dtype: str = "int32") -> int:
        """Adds a constant without quantisation."""
        array = np.asarray(values, dtype)
        self.tensors.append(
            {
                "shape": list(array.shape),
                "scales": [],
                "zeros": [],
                "dtype": dtype,
                "data": array,
                "dimension": 0,
                "name": "c",
            }
        )
        return len(self.tensors) - 1

    def operator(self, name: str, inputs: Sequence[int], output: int, **options: Any) -> int:
        """Adds an operator; returns its output tensor."""
        self.operators.append((name, list(inputs), [output], options))
        return output

    def several(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """Adds an operator with several outputs."""
        self.operators.append((name, list(inputs), list(outputs), options))

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], version: int = 3) -> bytes:
        """The file."""
        b = flatbuffers.Builder(1024)
        buffers = [b""] + [t["data"].tobytes() if t["data"] is not None else b"" for t in self.tensors]
        buffer_tables = [_buffer(b, data) for data in buffers]
        tensor_tables = [_tensor(b, t, i + 1) for i, t in enumerate(self.tensors)]
        names = sorted({name for name, *_ in self.operators})
        code_tables = [_code(b, OPERATOR_CODES[name], 1 if name in OLDEST else 2) for name in names]
        operator_tables = [_operator(b, names.index(n), n, i, o, options) for n, i, o, options in self.operators]
        parts = (_tables(b, tensor_tables), _integers(b, inputs), _integers(b, outputs), _tables(b, operator_tables))
        b.StartObject(5)
        for slot, part in enumerate(parts):
            b.PrependUOffsetTRelativeSlot(slot, part, 0)
        graphs = _tables(b, [b.EndObject()])
        codes, all_buffers = _tables(b, code_tables), _tables(b, buffer_tables)
        b.StartObject(8)
        b.PrependUint32Slot(0, version, 0)
        b.PrependUOffsetTRelativeSlot(1, codes, 0)
        b.PrependUOffsetTRelativeSlot(2, graphs, 0)
        b.PrependUOffsetTRelativeSlot(4, all_buffers, 0)
        b.Finish(b.EndObject(), file_identifier=b"TFL3")
        return bytes(b.Output())


def _tables(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _integers(b: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _buffer(b: flatbuffers.Builder, data: bytes) -> int:
    vector = b.CreateNumpyVector(np.frombuffer(data, np.uint8)) if data else 0
    b.StartObject(1)
    if data:
        b.PrependUOffsetTRelativeSlot(0, vector, 0)
    return int(b.EndObject())


def _tensor(b: flatbuffers.Builder, t: dict[str, Any], buffer: int) -> int:
    name, shape = b.CreateString(t["name"]), _integers(b, t["shape"])
    quantization = 0
    if t["scales"]:
        scales = b.CreateNumpyVector(np.asarray(t["scales"], np.float32))
        zeros = b.CreateNumpyVector(np.asarray(t["zeros"], np.int64))
        b.StartObject(7)
        b.PrependUOffsetTRelativeSlot(2, scales, 0)
        b.PrependUOffsetTRelativeSlot(3, zeros, 0)
        b.PrependInt32Slot(6, t["dimension"], 0)
        quantization = b.EndObject()
    b.StartObject(8)
    b.PrependUOffsetTRelativeSlot(0, shape, 0)
    b.PrependInt8Slot(1, TYPE_CODES[t["dtype"]], 0)
    b.PrependUint32Slot(2, buffer, 0)
    b.PrependUOffsetTRelativeSlot(3, name, 0)
    if quantization:
        b.PrependUOffsetTRelativeSlot(4, quantization, 0)
    return int(b.EndObject())


def _code(b: flatbuffers.Builder, code: int, version: int) -> int:
    b.StartObject(4)
    b.PrependInt8Slot(0, min(code, 127), 0)
    b.PrependInt32Slot(2, version, 1)  # 2 allows int8 where 1 was float
    b.PrependInt32Slot(3, code, 0)
    return int(b.EndObject())


def _operator(
    b: flatbuffers.Builder, code: int, name: str, inputs: list[int], outputs: list[int], options: dict[str, Any]
) -> int:
    table = 0
    kind = 0
    if name in OPTIONS:
        kind, fields = OPTIONS[name]
        b.StartObject(8)
        for key, value in options.items():
            slot, code_letter = fields[key]
            if code_letter == "i":
                b.PrependInt32Slot(slot, value, -(1 << 31))
            elif code_letter == "f":
                b.PrependFloat32Slot(slot, value, -1e30)
            else:
                b.PrependInt8Slot(slot, value, -128)
        table = b.EndObject()
    ins, outs = _integers(b, inputs), _integers(b, outputs)
    b.StartObject(5)
    b.PrependUint32Slot(0, code, 0)
    b.PrependUOffsetTRelativeSlot(1, ins, 0)
    b.PrependUOffsetTRelativeSlot(2, outs, 0)
    if table:
        b.PrependUint8Slot(3, kind, 0)
        b.PrependUOffsetTRelativeSlot(4, table, 0)
    return int(b.EndObject())
