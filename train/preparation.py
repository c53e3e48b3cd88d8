"""What a run needs before anything is learned: its data, its backbone, its recipe as it is trained, and its network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ei_compat.block.arrays import holds_arrays
from ei_compat.core.errors import UsageError
from train import backend, phases
from train.array_data import normalised
from train.backbones import (
    Finished,
    FinishedModel,
    NetworkSource,
    TakesFeatures,
    chosen,
    finished,
    unused_options,
    usual,
)
from train.data import load_data
from train.job import adapted, settled, with_defaults
from train.methods.trainer import Trainer, seeded_dropout
from train.network import build_network
from train.runs.checkpoint import Checkpoints
from train.runs.config import fingerprint, make_config
from train.workers import Workers

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.backbones import Backbone
    from train.backbones.weights_file import WeightsFile
    from train.job import Job
    from train.recipe import Recipe
    from train.runs.folder import OutputFolder
    from train.runs.tracking import Trackers
    from train.samples import TrainingData
    from train.workers import Place

DISK_FACTOR = 18  # disk space for each byte of weights: two checkpoints with Adam's moments, and the results


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that is settled, before TensorFlow builds anything.

    Attributes:
        job: what was asked for, with what its finished model, where it has one, answers of the recipe.
        data: as training is given it.
        backbone: the network.
        recipe: as it is trained.
        weights: that the backbone begins with, or None.
        config: everything that decides the result.
        checkpoints: of this very configuration.
    """

    job: Job
    data: TrainingData
    backbone: Backbone
    recipe: Recipe
    weights: WeightsFile | None
    config: dict[str, Any]
    checkpoints: Checkpoints


def make_plan(job: Job, place: Place | None, folder: OutputFolder, progress: Progress) -> Plan:
    """Reads the data and settles backbone, weights and recipe; raises what `pipeline.run` does."""
    if not (job.resume or job.overwrite):
        folder.refuse_earlier()
    job, model = _with_model(job)
    source = chosen(job.recipe, job.overridden) if model is None else model
    data = load_data(job, progress)
    if model is not None and data.info_file is None and len(data.shape) == 3:
        model.check_images()
    backbone = _built(source, job, data, place) if isinstance(source, NetworkSource) else source
    backbone = backbone or usual(data.shape)
    for option in unused_options(backbone, job.overridden):
        progress.warn(f"{option} is not used: {backbone.name} has no such thing")
    asked = with_defaults(job, backbone.defaults(pretrained=True))
    backbone.check(asked, data.shape)
    weights = backbone.find_weights(asked, data.shape, progress)
    named = {"backbone": backbone.name} if source is None else {}
    pretrained = weights is not None
    defaults = named | dict(backbone.defaults(pretrained=pretrained))
    recipe = adapted(job, data, defaults, pretrained=pretrained and model is None)
    if isinstance(backbone, TakesFeatures):
        data = normalised(data, backbone.columns(recipe, data.shape))
    config = make_config(job, recipe, data, weights)
    checkpoints = Checkpoints(job.out, fingerprint(config), deadline=_deadline(job, data))
    return Plan(job, data, backbone, recipe, weights, config, checkpoints)


def begin(plan: Plan, place: Place | None, folder: OutputFolder, trackers: Trackers, progress: Progress) -> phases.Work:
    """Builds the network, at the checkpoint where one is resumed; what an earlier run left is removed else.

    Raises:
        UsageError: the checkpoint is another run's, or damaged.
        DataError: the disk is too small.
    """
    state = plan.checkpoints.load() if plan.job.resume else None
    if plan.job.resume:
        at = "Nothing to resume, starting anew" if state is None else f"Going on in {state.phase} at step {state.step}"
        progress.note(at)
    trainer = _start(plan, place, trackers, progress)
    folder.require(DISK_FACTOR * sum(variable.numpy().nbytes for variable in trainer.network.variables))
    if state is None:
        folder.clear()
    trackers.begin(plan.config, [] if state is None else state.history)
    return phases.Work(trainer, state)


def _with_model(job: Job) -> tuple[Job, FinishedModel | None]:
    """The job with what its finished model, where it has one, answers of the recipe."""
    if job.model is None:
        return job, None
    backend.start(deterministic=job.deterministic)
    scaling = job.recipe.input_scaling if "input_scaling" in job.given else None
    model = finished(job.model, scaling=scaling, labels=job.labels)
    if not (job.data.is_dir() and holds_arrays(job.data)):
        model.check_images()
    return settled(job, model.settles()), model


def _built(source: NetworkSource, job: Job, data: TrainingData, place: Place | None) -> Backbone:
    """The backbone of a network that has to be built to be known, before processes could join."""
    if place is not None:
        raise UsageError("a network of one's own trains in one process", where="--network", fix="unset TF_CONFIG")
    backend.start(deterministic=job.deterministic)
    return source.of(data.task, data.shape, job.recipe.seed)


def _start(plan: Plan, place: Place | None, trackers: Trackers, progress: Progress) -> Trainer:
    """Starts TensorFlow and builds the network with its weights."""
    job, backbone, recipe, data, weights = plan.job, plan.backbone, plan.recipe, plan.data, plan.weights
    backend.start(deterministic=job.deterministic)
    if job.deterministic:
        threads = backend.machine()["threads"]
        progress.note(f"Deterministic with {threads} threads on this processor; another machine may give other bytes")
    import tensorflow as tf

    workers = None
    if place is not None:
        progress.note(f"Process {place.index} of {place.count} waits for the others")
        workers = Workers(place)  # before TensorFlow does anything else
        workers.check_agreement(plan.checkpoints.digest())
    global_step = tf.Variable(0, dtype=tf.int64, trainable=False, name="global_step")
    network = build_network(backbone, data.task, recipe, data.shape, seeded_dropout(recipe.seed, global_step))
    if weights is not None:
        body = network.backbone
        backbone.load_weights(body, weights, data.scaling.zero)
        if all(layer.trainable for layer in body.layers):
            body.trainable = False
    called = backbone.called if isinstance(backbone, Finished) else None
    return Trainer(
        recipe, network, global_step, data, plan.checkpoints, progress, workers, job.out, called, trackers.epoch
    )


def _deadline(job: Job, data: TrainingData) -> float | None:
    """When training must stop, on the monotonic clock, or None."""
    if not job.enforce_time_limit or not data.max_training_seconds:
        return None
    return time.monotonic() + data.max_training_seconds
