"""Computes what depends on shapes alone: SHAPE, STRIDED_SLICE, PACK and their like before a RESHAPE.

Converters write such chains where the batch size is free; here it is 1 and every shape is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firmware.compiler.schema import RawModel, RawOperator, RawTensor

Integers = npt.NDArray[np.int64]
DTYPES = {"int32": "<i4", "int64": "<i8"}


def folded(model: RawModel) -> RawModel:
    """The model without the operators that compute integers from shapes and constants; those become constants."""
    known: dict[int, Integers] = {}
    for tensor in model.tensors:
        if tensor.data is not None and tensor.dtype in DTYPES:
            known[tensor.index] = (
                np.frombuffer(tensor.data, DTYPES[tensor.dtype]).astype(np.int64).reshape(tensor.shape)
            )
    kept = []
    for operator in model.operators:
        value = _value(model, operator, known)
        if value is None:
            kept.append(operator)
        else:
            known[operator.outputs[0]] = value
    tensors = tuple(_constant(t, known) for t in model.tensors)
    return replace(model, tensors=tensors, operators=tuple(kept))


def _constant(tensor: RawTensor, known: Mapping[int, Integers]) -> RawTensor:
    value = known.get(tensor.index)
    if value is None or tensor.data is not None:
        return tensor
    return replace(tensor, shape=value.shape, data=value.astype(DTYPES[tensor.dtype]).tobytes())


def _value(model: RawModel, operator: RawOperator, known: Mapping[int, Integers]) -> Integers | None:
    """What an operator gives, if it gives integers that can be known."""
    if len(operator.outputs) != 1 or model.tensors[operator.outputs[0]].dtype not in DTYPES:
        return None
    if operator.name == "SHAPE":
        return np.array(model.tensors[operator.inputs[0]].shape, np.int64)
    if operator.name not in FOLDS or any(i not in known for i in operator.inputs):
        return None
    try:
        return np.asarray(FOLDS[operator.name](operator, [known[i] for i in operator.inputs]), np.int64)
    except (IndexError, ValueError):
        return None


def _option(operator: RawOperator, field: int, code: str = "i") -> int:
    return operator.options.integer(field, code) if operator.options else 0


def _slice(operator: RawOperator, inputs: list[Integers]) -> Integers:
    values, *bounds = inputs
    if _option(operator, 2) or _option(operator, 3):
        raise ValueError
    begin_mask, end_mask, shrink = (_option(operator, i) for i in (0, 1, 4))
    parts: list[int | slice] = []
    for axis, (begin, end, step) in enumerate(zip(*(b.tolist() for b in bounds), strict=True)):
        if shrink >> axis & 1:
            parts.append(begin)
        else:
            parts.append(slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step))
    return np.asarray(values[tuple(parts)])


FOLDS: dict[str, Callable[[RawOperator, list[Integers]], Integers]] = {
    "ADD": lambda _, inputs: inputs[0] + inputs[1],
    "CAST": lambda _, inputs: inputs[0],
    "CONCATENATION": lambda operator, inputs: np.concatenate(inputs, axis=_option(operator, 0)),
    "EXPAND_DIMS": lambda _, inputs: np.expand_dims(inputs[0], int(inputs[1].reshape(-1)[0])),
    "GATHER": lambda operator, inputs: np.take(inputs[0], inputs[1], axis=_option(operator, 0)),
    "MUL": lambda _, inputs: inputs[0] * inputs[1],
    "PACK": lambda operator, inputs: np.stack(inputs, axis=_option(operator, 1)),
    "REDUCE_PROD": lambda _, inputs: np.prod(inputs[0], axis=tuple(inputs[1].reshape(-1).tolist())),
    "RESHAPE": lambda _, inputs: inputs[0].reshape(inputs[1].tolist()),
    "SQUEEZE": lambda _, inputs: np.squeeze(inputs[0]),
    "STRIDED_SLICE": _slice,
    "SUB": lambda _, inputs: inputs[0] - inputs[1],
}
