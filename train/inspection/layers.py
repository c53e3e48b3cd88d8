"""The model layer by layer: the zeros of each kernel, and how far INT8 is from float behind each layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train import backend
from train.evaluate import dequantised, quantised
from train.sparsity import Sparsity, prunable_weights, sparsity

IMAGES = 8  # that the error of each layer is measured on
WORKERS = re.compile(r"(Conv2D|depthwise|MatMul)\d*$")  # the operation that names a layer, where several were fused


@dataclass(frozen=True, slots=True)
class Kernel:
    """The zeros of one prunable kernel, as shares from 0 to 1.

    Attributes:
        name: of its layer.
        weights: how many there are.
        asked: what pruning was to reach; None where nothing is pruned.
        reached: in the float file.
        int8: in the INT8 file; None where its kernels could not be told apart.
    """

    name: str
    weights: int
    asked: float | None
    reached: float
    int8: float | None


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far INT8 is from float behind one layer, errors of all layers before it included.

    Attributes:
        name: of the layer.
        kind: of its operator, such as `CONV_2D`.
        error: root mean square of the difference over that of the float values; 0 is exact.
    """

    name: str
    kind: str
    error: float


def kernels_of(
    zeros: Sparsity, sizes: Sequence[int], asked: Sequence[float] | None, int8_file: bytes
) -> tuple[Kernel, ...]:
    """The zeros of each kernel.

    Args:
        zeros: gives the names and what was reached.
        sizes: weights of each, in that order.
        asked: share of zeros of each, or None.
        int8_file: has the same kernels in the same order, unless its converter fused or doubled some.
    """
    stored = list(prunable_weights(int8_file))
    same = [weights.size for weights in stored] == list(sizes)
    return tuple(
        Kernel(
            name.rpartition("/")[0] or name,
            size,
            None if asked is None else float(asked[index]),
            reached,
            sparsity([stored[index]]) if same else None,
        )
        for index, ((name, reached), size) in enumerate(zip(zeros.kernels.items(), sizes, strict=True))
    )


def layer_errors(float_file: bytes, int8_file: bytes, inputs: np.ndarray) -> tuple[LayerError, ...]:
    """Runs both files on the same pictures and compares what stands behind every operator.

    Args:
        float_file: of the network.
        int8_file: of the same, so that its tensors have the same names.
        inputs: float32 [N, ...] as the deployed model is given them.

    Returns:
        An error per operator that both have, in the order of the INT8 file.
    """
    with backend.without_native_chatter():
        plain, quantised = _Steps(float_file), _Steps(int8_file)
    wanted = [name for name in quantised.outputs if name in plain.outputs]
    squares = dict.fromkeys(wanted, (0.0, 0.0))
    for row in inputs:
        expected, found = plain.run(row, wanted), quantised.run(row, wanted)
        for name in wanted:
            error, signal = squares[name]
            squares[name] = (
                error + float(np.square(found[name] - expected[name]).sum()),
                signal + float(np.square(expected[name]).sum()),
            )
    return tuple(
        LayerError(layer_name(name), quantised.outputs[name][1], float(np.sqrt(error / signal)) if signal else 0.0)
        for name, (error, signal) in squares.items()
    )


def layer_name(tensor: str) -> str:
    """A layer's name in that of the tensor behind it, which lists all operations that were fused."""
    parts = tensor.split(";")
    working = next((part for part in parts if WORKERS.search(part)), parts[0])
    *scopes, _ = working.split("/")
    return scopes[-1] if scopes else working


class _Steps:
    """A model whose tensors behind every operator can be looked at.

    Attributes:
        outputs: for each tensor's name, its index and its operator.
    """

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        self._entry = self._interpreter.get_input_details()[0]
        self._details: dict[int, Mapping[str, Any]] = {
            each["index"]: each for each in self._interpreter.get_tensor_details()
        }
        self.outputs = {
            self._details[operator["outputs"][0]]["name"]: (int(operator["outputs"][0]), str(operator["op_name"]))
            for operator in self._interpreter._get_ops_details()
        }

    def run(self, row: np.ndarray, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        """The real values of these tensors, float32, for one input."""
        entry = self._entry
        self._interpreter.set_tensor(entry["index"], quantised(row[np.newaxis], entry))
        self._interpreter.invoke()
        return {name: self._real(self.outputs[name][0]) for name in wanted}

    def _real(self, index: int) -> np.ndarray:
        return dequantised(self._interpreter.get_tensor(index), self._details[index])
