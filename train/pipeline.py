"""The main job, from a folder of data to an INT8 model and its report, in a straight line."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.block.arrays import holds_arrays
from ei_compat.block.run_folder import (
    CHECKPOINT,
    EXPLORER,
    FLOAT_FILE,
    INT8_FILE,
    KERAS,
    MODEL_FILES,
    PAGE,
    REPORT,
    SAVED_MODEL,
)
from ei_compat.core.errors import Interrupted, UsageError
from train import backend, phases
from train.array_data import normalised
from train.backbones import (
    Backbone,
    BringsHead,
    Finished,
    FinishedModel,
    NetworkSource,
    TakesFeatures,
    chosen,
    finished,
    unused_options,
    usual,
)
from train.costs import Stopwatch, peak_memory
from train.data import load_data
from train.evaluate import predict_sets
from train.export import keras_zip, saved_model_zip
from train.gates import Gate, warnings_of
from train.job import Job, adapted, command_of, settled, with_defaults
from train.methods import finetune, quantize
from train.methods.finetune import Before
from train.methods.trainer import Trainer, seeded_dropout
from train.network import Network, build_network, prunable_kernels
from train.reporting.findings import Pruned, Seen, look
from train.reporting.page import page_of
from train.runs.checkpoint import Checkpoints
from train.runs.config import fingerprint, make_config
from train.runs.folder import OutputFolder, private_folder, texts
from train.runs.predictions import answered, predictions_text
from train.runs.report import Report
from train.samples import TrainingData
from train.sparsity import Sparsity, count_zeros, sparsity_gates
from train.supervision import HOW_TO_GO_ON
from train.tasks import Drop, Scores
from train.workers import FINISHED, LostError, Place, Workers, read_place

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.backbones.weights_file import WeightsFile
    from train.recipe import Recipe

DISK_FACTOR = 18  # disk space for each byte of weights: two checkpoints with Adam's moments, and the results


def run(job: Job, progress: Progress) -> Report | None:
    """Trains, converts, measures, and writes everything into the output directory, each file once it is finished.

    Where `TF_CONFIG` describes a cluster, several processes train together and the chief goes on alone: the others get
    None. They write into a folder of their own, which they leave no trace of.

    Raises:
        UsageError, DataError: an option, the data or the output directory.
        TrainingError, ExportError: a phase failed.
        Interrupted: a signal came; the output directory holds a checkpoint if training had begun.
    """
    place = read_place(os.environ)
    if place is None or place.index == 0:
        return _run(job, place, job.out, progress)
    with private_folder(job.out, resume=job.resume, replace=job.overwrite) as own:
        _run(replace(job, out=own), place, job.out, progress)
    return None


def _run(job: Job, place: Place | None, results: Path, progress: Progress) -> Report | None:
    """The run of one process; the chief's results appear in `results`."""
    try:
        with OutputFolder(job.out) as folder:
            return _whole(job, place, folder, results, progress)
    except Interrupted as error:
        if error.fix is None and (job.out / CHECKPOINT).exists():
            raise Interrupted(error.signal, fix=HOW_TO_GO_ON) from None
        raise


def _whole(job: Job, place: Place | None, folder: OutputFolder, results: Path, progress: Progress) -> Report | None:
    """The run itself."""
    watch = Stopwatch()
    with watch("prepare"):
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
        if job.resume and (earlier := folder.finished(config)) is not None:
            checkpoints.remove()
            progress.note(f"{results} holds the results of these very options: nothing is left to do")
            return earlier
        state = checkpoints.load() if job.resume else None
        resumed = state is not None
        if job.resume:
            progress.note(
                f"Going on in {state.phase} at step {state.step}" if state else "Nothing to resume, starting anew"
            )
        trainer = _start(job, place, backbone, recipe, data, weights, checkpoints, progress)
        folder.require(DISK_FACTOR * sum(variable.numpy().nbytes for variable in trainer.network.variables))
        if state is None:
            folder.clear()

    progress.note("Training model...")
    progress.note(f"Training on {len(data.training)} inputs, validating on {len(data.validation)} inputs")
    progress.note(f"Using batch size: {recipe.batch_size}")
    work = phases.Work(trainer, state)
    phases.train(work, watch)
    progress.note("Finished training")
    if trainer.workers is not None and not trainer.workers.is_chief:
        _wait_for_chief(trainer.workers, results, progress)
        return None

    models: dict[str, bytes] = {}
    loaded = data
    trainer, data = work.trainer, work.trainer.data
    with watch("convert_float"), progress.task("convert"):
        own = backbone if isinstance(backbone, BringsHead) else data.task
        network = Network(trainer.network.backbone, own.deployed_head(recipe, trainer.network.head))
        frozen = quantize.freeze(network)
        models[FLOAT_FILE] = quantize.to_float(frozen)
        folder.write({FLOAT_FILE: models[FLOAT_FILE]})
    with watch("convert_int8"), progress.task("convert to INT8"):
        models[INT8_FILE] = quantize.to_int8(frozen, quantize.calibration_set(data, recipe), data.task.output_range)
        folder.write({INT8_FILE: models[INT8_FILE]})
    with watch("export"), progress.task("export"):
        for name, export in ((SAVED_MODEL, saved_model_zip), (KERAS, keras_zip)):
            models[name] = export(network)
            folder.write({name: models[name]})
    with watch("evaluate"):
        data = data.changed(data.scaling.as_given)
        held_out = {name: samples for name, samples in data.sets().items() if name != "training"}
        answers = {kind: predict_sets(models[name], kind, held_out, progress) for kind, name in MODEL_FILES.items()}
        metrics = {kind: _scores(by_set, data) for kind, by_set in answers.items()}
        zeros = count_zeros(network, models[INT8_FILE])
        measured = data.task.measure(data.validation.y, answers["float32"]["validation"])
        written = data.task.drop(work.chosen, measured)
        lost = _lost(work.before, answers["float32"], data) if recipe.prune else None
        gates = _gates(recipe, zeros, answers, written, lost, data)
        for line in warnings_of(gates):
            progress.warn(line)

    with watch("report"):
        sets = answered(data.sets(), answers)
        found = look(
            models, loaded, data.validation, sets, _pruned(trainer, network, zeros), _seen(work, job), progress
        )
        if (explorer := found.explorer) is not None:
            found.attempt("explorer", lambda: folder.write({EXPLORER: explorer}))

    report = Report(
        task=data.task.name,
        classes=data.task.labels,
        samples={name: len(samples) for name, samples in data.sets().items()},
        broken=data.broken,
        reading=data.reading.as_json(),
        metrics=metrics,
        unpruned={name: _metrics(found) for name, found in work.before.held_out.items()},
        sparsity=zeros,
        gates=gates,
        seconds=watch.laps | {"total": watch.total},
        peak_memory_bytes=peak_memory(),
        files={name: len(content) for name, content in models.items()},
        history=work.reached.history,
        best_epochs=work.reached.best_epochs,
        resumed=resumed,
        command=command_of(job),
        **found.parts,
    )
    folder.write(texts(report, config, predictions_text(data.task, sets)))
    checkpoints.remove()
    found.attempt("report.html", lambda: folder.write({PAGE: page_of(job.out).encode()}))
    if trainer.workers is not None:
        _dismiss(trainer.workers, progress)
    return report


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


def _wait_for_chief(workers: Workers, results: Path, progress: Progress) -> None:
    """Stays until the chief, who goes on alone, is done; who leaves earlier is not there when it has to start again."""
    progress.note("Waiting for the chief, who goes on alone")
    try:
        workers.check_agreement(FINISHED)
    except LostError:
        if not (results / REPORT).exists():  # else it was done, and gone before its word arrived here
            raise


def _dismiss(workers: Workers, progress: Progress) -> None:
    """Lets the others go. The results are written, so one who is lost by now is no failure."""
    try:
        workers.check_agreement(FINISHED)
    except LostError:
        progress.note("Another process of the cluster was lost after its work was done")


def _start(
    job: Job,
    place: Place | None,
    backbone: Backbone,
    recipe: Recipe,
    data: TrainingData,
    weights: WeightsFile | None,
    checkpoints: Checkpoints,
    progress: Progress,
) -> Trainer:
    """Starts TensorFlow and builds the network with its weights."""
    backend.start(deterministic=job.deterministic)
    if job.deterministic:
        threads = backend.machine()["threads"]
        progress.note(f"Deterministic with {threads} threads on this processor; another machine may give other bytes")
    import tensorflow as tf

    workers = None
    if place is not None:
        progress.note(f"Process {place.index} of {place.count} waits for the others")
        workers = Workers(place)  # before TensorFlow does anything else
        workers.check_agreement(checkpoints.digest())
    global_step = tf.Variable(0, dtype=tf.int64, trainable=False, name="global_step")
    network = build_network(backbone, data.task, recipe, data.shape, seeded_dropout(recipe.seed, global_step))
    if weights is not None:
        body = network.backbone
        backbone.load_weights(body, weights, data.scaling.zero)
        if all(layer.trainable for layer in body.layers):
            body.trainable = False
    called = backbone.called if isinstance(backbone, Finished) else None
    return Trainer(recipe, network, global_step, data, checkpoints, progress, workers, job.out, called)


def _scores(answers: Mapping[str, np.ndarray], data: TrainingData) -> dict[str, Scores]:
    """How good they are."""
    return {name: data.task.score(data.sets()[name].y, said) for name, said in answers.items()}


def _lost(before: Before, answers: Mapping[str, np.ndarray], data: TrainingData) -> Drop:
    """What pruning lost on all held-out samples together, against the better of the unpruned networks."""
    task = data.task
    after = np.concatenate([task.measure(data.sets()[name].y, said) for name, said in answers.items()])
    rivals = [np.concatenate([found[name] for name in answers]) for found in before.held_out.values()]
    return task.drop(max(rivals, key=lambda found: found.sum() * (1 if task.higher_is_better else -1)), after)


def _metrics(measured: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(found.mean()) for name, found in measured.items()}


def _gates(
    recipe: Recipe,
    zeros: Sparsity,
    answers: Mapping[str, Mapping[str, np.ndarray]],
    written: Drop,
    lost: Drop | None,
    data: TrainingData,
) -> list[Gate]:
    """Whether the model is as sparse, and as good after pruning and as INT8, as was asked for.

    Both files come from a network that was made ready for INT8 after training, so that it could be ruined without INT8
    being worse than float. Therefore the float file is held against the network that training chose, too.

    What is lost is taken over all held-out samples together: on a small testing set a single one is a percent.
    """
    held_out, task = answers["float32"], data.task
    y = np.concatenate([data.sets()[name].y for name in held_out])
    float_outputs, int8_outputs = (np.concatenate([answers[kind][name] for name in held_out]) for kind in answers)
    return [
        *task.int8_gates(recipe, y, float_outputs, int8_outputs),
        *task.training_gates(recipe, written, lost),
        *sparsity_gates(recipe, zeros),
    ]


def _pruned(trainer: Trainer, network: Network, zeros: Sparsity) -> Pruned:
    """What pruning was to do."""
    sizes = [int(np.prod(kernel.shape)) for kernel in prunable_kernels(network)]
    return Pruned(zeros, sizes, finetune.zeros(trainer) if trainer.recipe.prune else None)


def _seen(work: phases.Work, job: Job) -> Seen:
    """What the network saw before fine-tuning, without the mirror images."""
    features, count = work.before.features, len(work.trainer.data.training)
    return Seen(
        {"training": features.training[:count], **features.held_out},
        frozen=work.features is not None and job.model is None,
    )


def _deadline(job: Job, data: TrainingData) -> float | None:
    """When training must stop, on the monotonic clock, or None."""
    if not job.enforce_time_limit or not data.max_training_seconds:
        return None
    return time.monotonic() + data.max_training_seconds
