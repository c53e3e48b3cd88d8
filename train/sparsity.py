"""How many weights are zero: in the network's kernels, and in the INT8 file as it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from train.checks import Check
from train.network import Network, all_kernels, prunable_kernels

if TYPE_CHECKING:
    from train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Sparsity:
    """Shares of zero weights.

    Attributes:
        prunable: over the float kernels of convolutions (not depthwise) and dense layers together.
        all_kernels: over these and the depthwise kernels.
        int8_file: over the prunable kernels as the INT8 file stores them.
        kernels: of each prunable kernel alone.
    """

    prunable: float
    all_kernels: float
    int8_file: float
    kernels: Mapping[str, float]


def count_zeros(network: Network, int8_file: bytes) -> Sparsity:
    """Counts what is zero in the float kernels and in the INT8 file."""
    prunable = {kernel.name.removesuffix(":0"): kernel.numpy() for kernel in prunable_kernels(network)}
    return Sparsity(
        prunable=sparsity(list(prunable.values())),
        all_kernels=sparsity([kernel.numpy() for kernel in all_kernels(network)]),
        int8_file=sparsity(list(prunable_weights(int8_file))),
        kernels={name: sparsity([kernel]) for name, kernel in prunable.items()},
    )


def sparsity_checks(recipe: Recipe, zeros: Sparsity) -> list[Check]:
    """Whether the model is as sparse as was asked for."""
    if not recipe.prune:
        return []
    asked, least = recipe.final_sparsity, min(zeros.kernels.values())
    if recipe.sparsity_allocation == "uniform":
        kernels = Check("zeros in every prunable kernel at least", asked, least, least >= asked)
    else:
        kernels = Check("zeros in all prunable kernels at least", asked, zeros.prunable, zeros.prunable >= asked)
    return [
        kernels,
        Check("zeros in the INT8 file at least", asked, zeros.int8_file, zeros.int8_file >= asked),
    ]


def sparsity(arrays: Sequence[np.ndarray]) -> float:
    """The share of zeros over all `arrays` together, 0 to 1."""
    return float(sum((a == 0).sum() for a in arrays) / max(1, sum(a.size for a in arrays)))


def prunable_weights(tflite: bytes | bytearray) -> Iterator[np.ndarray]:
    """The stored weights of every convolution (not depthwise) and dense layer of a `.tflite` file."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED}
    dtypes = {schema.TensorType.INT8: np.int8, schema.TensorType.FLOAT32: np.float32}
    model = schema.Model.GetRootAs(tflite)
    graph = model.Subgraphs(0)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) in kinds:
            tensor = graph.Tensors(operator.Inputs(1))
            yield model.Buffers(tensor.Buffer()).DataAsNumpy().view(dtypes[tensor.Type()])
