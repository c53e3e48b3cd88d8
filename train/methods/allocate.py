"""Where the zeros go: which share of each kernel is pruned so that the whole has the share that was asked for.

`uniform` prunes every kernel alike, as tfmot does. `balanced` asks more zeros of kernels with many weights, where one
more is missed the least, and of kernels whose weights cost the chip the most instructions, by the compiler's own model.
Methods that derive the shares prune large kernels hardest, too (the Erdos-Renyi kernel of RigL, Evci et al. 2020,
https://arxiv.org/abs/1911.11134; LAMP, Lee et al. 2021, https://arxiv.org/abs/2010.07611).

The share that a kernel keeps is proportional to (its weights)^-0.35 (instructions of one weight)^-0.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from train.network import Network

SIZE_POWER, COST_POWER = 0.35, 0.18
PAIRS = 1000  # the cost of a weight is a difference quotient over this many pairs
MOST = 0.97  # of one kernel


def uniform(kernels: Sequence[tf.Variable], sparsity: float) -> list[float]:
    """The same share of zeros for every kernel."""
    return [sparsity] * len(kernels)


def balanced(network: Network, kernels: Sequence[tf.Variable], sparsity: float) -> list[float]:
    """A share of zeros for each kernel; over all their weights together at least `sparsity`."""
    pixels = _output_sides(network)
    weights = np.array([int(np.prod(kernel.shape)) for kernel in kernels])
    costs = np.array([_instructions(*pixels[id(kernel)]) for kernel in kernels])
    return list(_meeting(weights, weights**-SIZE_POWER * costs**-COST_POWER, sparsity))


def _meeting(weights: np.ndarray, kept: np.ndarray, sparsity: float) -> np.ndarray:
    """Shares of zeros that reach `sparsity` in total; what is kept is proportional to `kept`, within bounds."""
    most = max(MOST, sparsity)
    low, high = 0.0, 1.0 / kept.min()
    for _ in range(100):
        middle = (low + high) / 2
        shares = np.clip(1 - middle * kept, 0.0, most)
        low, high = (middle, high) if shares @ weights >= sparsity * weights.sum() else (low, middle)
    return np.clip(1 - low * kept, 0.0, most)


def _output_sides(network: Network) -> dict[int, tuple[int, int]]:
    """Height and width of what each kernel's layer puts out, by the kernel's id; 1 by 1 for dense layers."""
    layers = [layer for layer in (*network.backbone.layers, *network.head.layers) if hasattr(layer, "kernel")]
    shapes = {id(layer.kernel): layer.output_shape for layer in layers}
    return {key: (shape[1], shape[2]) if len(shape) == 4 else (1, 1) for key, shape in shapes.items()}


def _instructions(height: int, width: int) -> float:
    """What one more weight costs for each inference on RV32IMC."""
    from firmware.compiler.cost import sparse

    return (sparse(1, PAIRS, height, width) - sparse(1, 0, height, width)) / (2 * PAIRS)
