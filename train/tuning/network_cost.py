"""What a network takes before it is trained: one of its shape with random weights and the asked zeros, compiled.

Which weights are zero is drawn at random: an exact share of each kernel, as the recipe's allocation spreads them.
Training puts zeros where they cluster, so that a real network takes up to 13 % fewer instructions than this one.

TensorFlow's converter keeps memory at every call, so this belongs into a process of its own; see `costs.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import ExportError
from firmware.compiler.estimate import Arenas, estimate
from firmware.profile import CODE_BYTES
from train import backend
from train.backbones import BACKBONES, NetworkSource, chosen
from train.methods import allocate, int8_ready, quantize
from train.network import Network, build_network, prunable_kernels
from train.sparsity import prunable_weights
from train.tasks import TASKS
from train.tuning.sketch import Cost, Sketch, Zeros

if TYPE_CHECKING:
    from train.tasks import Task

SAMPLES = 4  # random inputs, which give every layer a range
SEED = 1


def costs_of(sketch: Sketch, zeros: Sequence[Zeros]) -> list[Cost]:
    """The cost of a network with each of these shares of zeros.

    Raises:
        UsageError, DataError: there is no such network.
        ExportError: it cannot be converted or compiled.
    """
    backend.start(deterministic=False)
    network = _random_network(sketch)
    file = _int8_file(network)
    found: list[Cost] = []
    arenas: Arenas | None = None
    for each in zeros:
        model = file if each.share == 0 else _with_zeros(file, _shares(network, each))
        taken = estimate(model, arenas=arenas)
        arenas = taken.arenas
        found.append(Cost(*arenas, taken.constant_bytes + CODE_BYTES, taken.instructions))
    return found


def _random_network(sketch: Sketch) -> Network:
    recipe = sketch.recipe()
    task: Task = TASKS.named(sketch.task).of_rows(sketch.labels, np.empty((0, sketch.outputs)))
    source = chosen(recipe, ()) or BACKBONES.named(sketch.backbone)
    backbone = source.of(task, sketch.shape, SEED) if isinstance(source, NetworkSource) else source
    backbone.check(recipe, sketch.shape)
    network = build_network(backbone, task, recipe, sketch.shape)
    _give_ranges(network)
    int8_ready.snap_kernels(network)
    int8_ready.snap_scales(network)
    return network


def _inputs(network: Network) -> np.ndarray:
    """Random inputs [N, ...] whose values reach exactly 0 and 1."""
    inputs = np.random.default_rng(SEED).random((SAMPLES, *network.backbone.input_shape[1:]), np.float32)
    inputs[0].flat[0], inputs[0].flat[-1] = 0, 1
    return inputs


def _give_ranges(network: Network) -> None:
    """Lets every normalisation store what the random inputs have there, so that no layer fades to nothing."""
    for layer in network.backbone.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    network.backbone(_inputs(network), training=True)


def _int8_file(network: Network) -> bytes:
    return quantize.to_int8(quantize.freeze(network), _inputs(network))


def _shares(network: Network, zeros: Zeros) -> list[float]:
    """The share of zeros of each prunable kernel."""
    kernels = prunable_kernels(network)
    if zeros.allocation == "uniform":
        return allocate.uniform(kernels, zeros.share)
    return allocate.balanced(network, kernels, zeros.share)


def _with_zeros(file: bytes, shares: Sequence[float]) -> bytes:
    """The file with these shares of random zeros in its prunable kernels, which are in the network's order.

    Raises:
        ExportError: the file has other kernels than the network.
    """
    changed, random = bytearray(file), np.random.default_rng(SEED)
    kernels: list[Any] = list(prunable_weights(changed))  # where they lie in the file
    if len(kernels) != len(shares):
        raise ExportError(f"{len(kernels)} kernels in the INT8 file, but {len(shares)} that are pruned")
    for values, share in zip(kernels, shares, strict=True):
        values[values == 0] = 1  # of what rounding made, so that the share is exact
        values[random.permutation(values.size) < round(values.size * share)] = 0
    return bytes(changed)
