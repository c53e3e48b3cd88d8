"""What the network before fine-tuning says of every picture: its features, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.block.npy import scratch
from train.batches import batches, two_at_once
from train.network import compiled
from train.views import Variants, Views

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.methods.trainer import Trainer
    from train.tasks import Probe

BATCH = 64
MOST_HARM = 0.02  # accuracy that variants of pictures must be shown to cost before they are left out


@dataclass(frozen=True, slots=True)
class Features:
    """Features of every set from one backbone, and the linear probe on them.

    Attributes:
        training: float32 [N * variants, D], those of the pictures as they are in front.
        variants: that there are of each picture.
        held_out: [N, D] of validation and testing.
        probe: the linear one, fitted on the pictures as they are.
    """

    training: np.ndarray
    variants: Variants
    held_out: Mapping[str, np.ndarray]
    probe: Probe


def extract(trainer: Trainer) -> Features:
    """Runs the backbone as it is over every set, and over the variants of training that the recipe asks for.

    A mirror image or a part of a picture shows the same thing in most sets, but not in one of left and right turns, or
    of where something lies. So each kind is left out, with a word, where the probe recognises such variants of
    validation pictures worse, by more than chance explains.
    """
    data, backbone, recipe = trainer.data, trainer.network.backbone, trainer.recipe
    wanted = Variants(recipe.mirror, recipe.closer_looks, recipe.seed)
    own, run = Views(data.training.x, data.training.y, wanted), trainer.network.features(data.training)
    count = len(own)
    learned = _room(trainer, backbone, own.rows)
    _fill(trainer, run, learned[:count], own)
    held_out = {
        name: _filled(trainer, backbone, run, Views(samples.x, samples.y)) for name, samples in data.held_out().items()
    }
    held = held_out["validation"]
    probe = data.task.fit_probe(learned[:count], data.training.y, held, data.validation.y)

    def harmless(kind: Variants, called: str) -> bool:
        """Whether validation pictures are recognised in the one variant beside themselves that this kind gives."""
        truth, views = data.validation.y, Views(data.validation.x, data.validation.y, kind)
        varied = _room(trainer, backbone, len(views))
        _fill(trainer, run, varied, views, len(views))
        harm = data.task.drop(*(data.task.measure(truth, probe.predict(x)) for x in (held, varied)))
        if harm.shown > MOST_HARM:
            trainer.progress.note(f"{called} are left out: they cost {harm.measured:.3f} of {data.task.metric} here")
        return harm.shown <= MOST_HARM

    mirrored = wanted.mirrored and harmless(Variants(mirrored=True), "Mirror images")
    nearer = wanted.closer > 0 and harmless(Variants(closer=1, seed=recipe.seed), "Closer looks")
    views = replace(own, variants=replace(wanted, mirrored=mirrored, closer=wanted.closer if nearer else 0))
    _fill(trainer, run, learned[count : views.rows], views, count)
    return Features(learned[: views.rows], views.variants, held_out, probe)


def compute(trainer: Trainer, model: keras.Model, *several: Views) -> list[np.ndarray]:
    """What a model gives for every row of each of the views, which are of one kind of pictures [N * variants, ...]."""
    run = compiled(model, several[0])
    return [_filled(trainer, model, run, views) for views in several]


def _room(trainer: Trainer, model: keras.Model, rows: int) -> np.ndarray:
    """For what a model gives for so many rows; where that is very much, in a file beside the results."""
    return scratch((rows, *model.output_shape[1:]), np.float32, trainer.folder)


def _filled(trainer: Trainer, model: keras.Model, run: Callable[[np.ndarray], tf.Tensor], views: Views) -> np.ndarray:
    """What a model, compiled as `run`, gives for every row."""
    found = _room(trainer, model, views.rows)
    _fill(trainer, run, found, views)
    return found


def _fill(
    trainer: Trainer, run: Callable[[np.ndarray], tf.Tensor], found: np.ndarray, views: Views, first: int = 0
) -> None:
    """Computes what there is room for: of the views' rows from `first` on, in their order."""
    with trainer.progress.task("features", len(found), "picture") as task:
        done = 0
        read = batches(views, np.arange(first, first + len(found)), BATCH)
        for part in two_at_once(lambda x, _: run(x).numpy(), read):
            found[done : done + len(part)] = part
            done += len(part)
            task.advance(len(part))
