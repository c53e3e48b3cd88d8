"""What the network before fine-tuning says of every picture: its features, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.block.npy import scratch
from train.batches import as_input, batches, two_at_once
from train.views import Views

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras as keras

    from train.methods.trainer import Trainer
    from train.tasks import Probe

BATCH = 64
MIRROR_HARM = 0.02  # accuracy that mirror images must be shown to cost before they are left out


@dataclass(frozen=True, slots=True)
class Features:
    """Features of every set from one backbone, and the linear probe on them.

    Attributes:
        training: float32 [N, D], or [2N, D] with those of the mirror images behind.
        mirrored: whether they are.
        held_out: [N, D] of validation and testing.
        probe: the linear one, fitted on the pictures as they are.
    """

    training: np.ndarray
    mirrored: bool
    held_out: Mapping[str, np.ndarray]
    probe: Probe


def extract(trainer: Trainer, *, mirror: bool) -> Features:
    """Runs the backbone as it is over every set.

    Mirror images show the same thing in most sets, and the opposite in one of left and right turns. So they are left
    out, with a word, where the probe recognises mirrored validation pictures worse, by more than chance explains.

    Args:
        trainer: gives the backbone and the sets.
        mirror: whether mirror images are wanted.
    """
    data, backbone = trainer.data, trainer.network.backbone
    views = {name: Views(samples.x, samples.y) for name, samples in data.sets().items()}
    run = _compiled(backbone, views["training"])
    count = len(data.training)
    learned = _room(trainer, backbone, count * (2 if mirror else 1))
    _fill(trainer, run, learned[:count], views["training"])
    plain = {name: _room(trainer, backbone, len(view)) for name, view in views.items() if name != "training"}
    for name, found in plain.items():
        _fill(trainer, run, found, views[name])
    held = plain["validation"]
    probe = data.task.fit_probe(learned[:count], data.training.y, held, data.validation.y)
    if mirror:
        truth, mirrored = data.validation.y, _room(trainer, backbone, len(data.validation))
        _fill(trainer, run, mirrored, views["validation"], mirrored=True)
        plain_measure, mirrored_measure = (data.task.measure(truth, probe.predict(x)) for x in (held, mirrored))
        harm = data.task.drop(plain_measure, mirrored_measure)
        if harm.shown > MIRROR_HARM:
            mirror = False
            trainer.progress.note(
                f"Mirror images are left out: they cost {harm.measured:.3f} of {data.task.metric} here"
            )
    if mirror:
        _fill(trainer, run, learned[count:], views["training"], mirrored=True)
    return Features(learned if mirror else learned[:count], mirror, plain, probe)


def compute(trainer: Trainer, model: keras.Model, views: Views, *, mirror: bool) -> np.ndarray:
    """What a model gives for every picture [N, ...], with `mirror` and for their mirror images behind [2N, ...]."""
    run, count = _compiled(model, views), len(views)
    found = _room(trainer, model, count * (2 if mirror else 1))
    for mirrored in (False, True)[: 1 + mirror]:
        _fill(trainer, run, found[count * mirrored :][:count], views, mirrored=mirrored)
    return found


def _compiled(model: keras.Model, views: Views) -> Callable[[np.ndarray], tf.Tensor]:
    """The model as a function of a batch of the pictures."""
    import tensorflow as tf

    run: Callable[[np.ndarray], tf.Tensor] = tf.function(
        lambda x: model(as_input(x), training=False), autograph=False, input_signature=views.signature()[:1]
    )
    return run


def _room(trainer: Trainer, model: keras.Model, rows: int) -> np.ndarray:
    """For what a model gives for so many rows; where that is very much, in a file beside the results."""
    return scratch((rows, *model.output_shape[1:]), np.float32, trainer.folder)


def _fill(
    trainer: Trainer,
    run: Callable[[np.ndarray], tf.Tensor],
    features: np.ndarray,
    views: Views,
    *,
    mirrored: bool = False,
) -> None:
    """Computes the features [N, D] of every picture, or of its mirror image, in their order."""
    with trainer.progress.task("features", len(views), "picture") as task:
        done = 0
        read = batches(views, np.arange(len(views)) + len(views) * mirrored, BATCH)
        for found in two_at_once(lambda x, _: run(x).numpy(), read):
            features[done : done + len(found)] = found
            done += len(found)
            task.advance(len(found))
