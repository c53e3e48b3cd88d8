"""Magnitude pruning: the smallest weights of every prunable kernel are held at zero while the rest goes on learning.

The schedule is tfmot's polynomial decay (Zhu & Gupta 2017, https://arxiv.org/abs/1710.01878). Its wrapper is not used:
wrapping MobileNetV2 costs about 50 s of graph building, and masks that the training step multiplies in cost next to
nothing. The masks are counted exactly, so that a kernel is never below the sparsity that was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Pruner:
    """The masks of a training run and when they tighten.

    Attributes:
        kernels: the variables that are pruned.
        masks: for each kernel a variable of its shape, 1 where a weight lives and 0 where it is held at zero.
        finals: for each kernel the share of zeros at the end.
        sparsities: for each step of the phase, the share of zeros that the schedule asks for over all kernels.
        every: steps between two updates of the masks.
    """

    kernels: Sequence[tf.Variable]
    masks: Sequence[tf.Variable]
    finals: Sequence[float]
    sparsities: np.ndarray
    every: int

    @property
    def first_final_step(self) -> int:
        """The first step that runs entirely at the final sparsity."""
        return int(np.argmax(self.sparsities >= self.sparsities[-1]))

    @property
    def shares(self) -> dict[int, float]:
        """The share of zeros at the end, by the id of each kernel."""
        return {id(kernel): final for kernel, final in zip(self.kernels, self.finals, strict=True)}

    def of(self, own: Collection[int], first: int) -> Pruner:
        """The pruner of the kernels with these ids alone, from that of its steps on."""
        parts = [part for part in zip(self.kernels, self.masks, self.finals, strict=True) if id(part[0]) in own]
        kernels, masks, finals = zip(*parts, strict=True)
        return Pruner(kernels, masks, finals, self.sparsities[first:], self.every)

    def before_step(self, step: int) -> None:
        """Tightens the masks when this step (0-based) is due to; at the final sparsity they stay as they are."""
        last = self.first_final_step
        if step == last or (step < last and step % self.every == 0):
            for kernel, mask, final in zip(self.kernels, self.masks, self.finals, strict=True):
                value = kernel.numpy()
                keep = largest(value, self._share(step, final))
                mask.assign(keep)
                kernel.assign(value * keep)

    def _share(self, step: int, final: float) -> float:
        """Zeros of a kernel at this step: as far on the way to its own final share as the whole is to the whole's."""
        first, last, now = float(self.sparsities[0]), float(self.sparsities[-1]), float(self.sparsities[step])
        if step >= self.first_final_step:
            return final
        return min(first, final) + (final - min(first, final)) * (now - first) / (last - first)

    def apply(self) -> None:
        """Puts the masked weights back to zero; part of the training step's graph."""
        for kernel, mask in zip(self.kernels, self.masks, strict=True):
            kernel.assign(kernel * mask)


def make_pruner(
    recipe: Recipe, kernels: Sequence[tf.Variable], steps: int, finals: Sequence[float] | None = None
) -> Pruner:
    """A pruner that reaches the recipe's final sparsity after `prune_ramp` of `steps` (at least 1).

    Args:
        recipe: the schedule.
        kernels: what is pruned.
        steps: of the phase.
        finals: the share of zeros of each kernel at the end; the recipe's final sparsity by default.
    """
    import tensorflow as tf
    from tensorflow_model_optimization.sparsity.keras import PolynomialDecay

    ramp = min(max(1, round(steps * recipe.prune_ramp)), max(steps - 1, 0))
    schedule = PolynomialDecay(
        recipe.initial_sparsity, recipe.final_sparsity, begin_step=0, end_step=max(ramp, 1), frequency=1
    )
    sparsities = np.array([float(schedule(tf.constant(step))[1]) for step in range(min(ramp, steps))])
    sparsities = np.minimum(sparsities, recipe.final_sparsity)  # float32 passes it by a hair
    sparsities = np.concatenate([sparsities, np.full(steps - len(sparsities), recipe.final_sparsity)])
    masks = [tf.Variable(tf.ones_like(kernel), trainable=False) for kernel in kernels]
    finals = [recipe.final_sparsity] * len(kernels) if finals is None else finals
    return Pruner(kernels, masks, finals, sparsities, recipe.prune_every)


def largest(value: np.ndarray, sparsity: float) -> np.ndarray:
    """A mask of `value`'s shape that keeps its largest magnitudes, at least `sparsity` of it zero; ties by position."""
    kept = int(np.floor(value.size * (1 - sparsity) + 1e-9))
    if kept == 0:
        return np.zeros_like(value)
    magnitude = np.abs(value).ravel()
    live = magnitude[magnitude > 0]  # numpy takes up to twenty times as long where half of the values are equal
    first = len(live) - kept
    smallest = np.partition(live, first)[first] if first >= 0 else 0.0  # of those that are kept
    mask: np.ndarray = magnitude > smallest
    ties = np.flatnonzero(magnitude == smallest)
    mask[ties[: kept - np.count_nonzero(mask)]] = True
    return mask.reshape(value.shape).astype(value.dtype)
