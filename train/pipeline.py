"""The main job, from a folder of pictures to an INT8 model: the phases in a straight line."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.errors import Interrupted
from train import backend, features, finetune, head, outputs, quantize
from train.checkpoint import FILE_NAME as CHECKPOINT
from train.checkpoint import HOW_TO_GO_ON, Checkpoints
from train.compare import Drop, drop
from train.data import TrainingData, load_data
from train.evaluate import Scores, predict, prunable_weights, score
from train.export import keras_zip, saved_model_zip
from train.int8_ready import make_int8_ready
from train.job import Job, adapted
from train.loop import State, as_input, batches
from train.model import Network, all_kernels, build_network, prunable_kernels
from train.outputs import FLOAT_FILE, INT8_FILE
from train.prune import sparsity
from train.report import Gate, Report, Sparsity
from train.training import Training, seeded_dropout
from train.weights import WeightsFile, find_weights, load_weights
from train.workers import FINISHED, Place, Workers, read_place

if TYPE_CHECKING:
    from ei_compat.progress import Progress
    from train.recipe import Recipe

ROUNDING = 1e-9  # of the difference of two shares


def run(job: Job, progress: Progress) -> Report | None:
    """Trains, converts, measures, and writes everything into the output directory.

    Where `TF_CONFIG` describes a cluster, several processes train together and the chief goes on alone: the others get
    None. They write into a folder of their own, which they leave no trace of.

    Raises:
        UsageError, DataError: an option, the data or the output directory.
        TrainingError, ExportError: a phase failed.
        Interrupted: a signal came; the output directory holds a checkpoint if training had begun.
    """
    place = read_place(os.environ)
    if place is None or place.index == 0:
        return _run(job, place, progress)
    with tempfile.TemporaryDirectory() as own:
        if job.resume and (job.out / CHECKPOINT).exists():
            shutil.copy(job.out / CHECKPOINT, own)
        return _run(replace(job, out=Path(own)), place, progress)


def _run(job: Job, place: Place | None, progress: Progress) -> Report | None:
    """The run of one process."""
    made = not job.out.exists()
    try:
        return _phases(job, place, progress)
    except Interrupted as error:
        if error.fix is None and (job.out / CHECKPOINT).exists():
            raise Interrupted(error.signal, fix=HOW_TO_GO_ON) from None
        raise
    finally:
        if made and job.out.is_dir() and not any(job.out.iterdir()):
            job.out.rmdir()  # nothing came of it


def _phases(job: Job, place: Place | None, progress: Progress) -> Report | None:
    """The run itself."""
    watch = Stopwatch()
    with watch("prepare"):
        outputs.prepare_folder(job.out)
        data = load_data(job, progress)
        weights = find_weights(job.recipe.weights, alpha=job.recipe.alpha, size=max(data.shape[:2]), progress=progress)
        recipe = adapted(job, data.shape, pretrained=weights is not None, pictures=len(data.training))
        config = outputs.config(job, recipe, data, weights)
        checkpoints = Checkpoints(job.out, outputs.fingerprint(config), deadline=_deadline(job, data))
        state = checkpoints.load() if job.resume else None
        resumed = state is not None
        if job.resume:
            progress.note(
                f"Going on in {state.phase} at step {state.step}" if state else "Nothing to resume, starting anew"
            )
        training = _start(job, place, recipe, data, weights, checkpoints, progress)

    progress.note("Training model...")
    progress.note(f"Training on {len(data.training)} inputs, validating on {len(data.validation)} inputs")
    progress.note(f"Using batch size: {recipe.batch_size}")
    with watch("features"):
        known = features.extract(training, mirror=recipe.mirror) if training.pretrained else None
    with watch("head"):
        if state is None or state.phase == head.PHASE:
            state = head.train_head(training, state or State(head.PHASE), known)
            state = finetune.begin(training, state)
    with watch("finetune"):
        before = finetune.look_before(training, state, known)
        if recipe.fine_tune_epochs:
            state = finetune.fine_tune(training, state, before)
    progress.note("Finished training")
    if training.workers is not None and not training.workers.is_chief:
        progress.note("Waiting for the chief, who goes on alone")
        training.workers.check_agreement(FINISHED)  # who leaves earlier is not there when the chief has to start again
        return None
    with watch("int8_ready"):
        chosen = _right(training)
        make_int8_ready(training)

    models: dict[str, bytes] = {}
    with watch("convert_float"):
        frozen = quantize.freeze(training.network)
        models[FLOAT_FILE] = quantize.to_float(frozen)
    with watch("convert_int8"):
        calibration = quantize.calibration_set(
            data.training, len(data.classes), recipe.calibration_samples, recipe.seed
        )
        models[INT8_FILE] = quantize.to_int8(frozen, calibration)
    with watch("export"):
        models["saved_model.zip"] = saved_model_zip(training.network)
        models["model.h5.zip"] = keras_zip(training.network, recipe, len(data.classes))
    with watch("evaluate"):
        answers = {
            kind: _answers(models[name], kind, data, progress)
            for kind, name in (("float32", FLOAT_FILE), ("int8", INT8_FILE))
        }
        metrics = {kind: _scores(by_set, data) for kind, by_set in answers.items()}
        zeros = _count_zeros(training.network, models[INT8_FILE])
        written = drop(chosen, answers["float32"]["validation"].argmax(axis=1) == data.validation.y)
        lost = _lost(before, answers["float32"], data) if recipe.prune else None

    report = Report(
        classes=data.classes,
        samples={name: len(samples) for name, samples in data.sets().items()},
        broken=data.broken,
        reading=data.reading.as_json(),
        metrics=metrics,
        unpruned={name: _shares(right) for name, right in before.held_out.items()},
        sparsity=zeros,
        gates=_gates(recipe, zeros, metrics, written, lost),
        seconds=watch.laps | {"total": watch.total},
        peak_memory_bytes=_peak_memory(),
        files={name: len(content) for name, content in models.items()},
        history=state.history,
        best_epochs=state.best_epochs,
        resumed=resumed,
    )
    outputs.write_results(job.out, report, config, models)
    checkpoints.remove()
    if training.workers is not None:
        training.workers.check_agreement(FINISHED)
    return report


def _start(
    job: Job,
    place: Place | None,
    recipe: Recipe,
    data: TrainingData,
    weights: WeightsFile | None,
    checkpoints: Checkpoints,
    progress: Progress,
) -> Training:
    """Starts TensorFlow and builds the network with its weights."""
    backend.start(deterministic=job.deterministic)
    import tensorflow as tf

    workers = None
    if place is not None:
        progress.note(f"Process {place.index} of {place.count} waits for the others")
        workers = Workers(place)  # before TensorFlow does anything else
        workers.check_agreement(checkpoints.digest())
    clock = tf.Variable(0, dtype=tf.int64, trainable=False, name="clock")
    network = build_network(recipe, data.shape, len(data.classes), seeded_dropout(recipe.seed, clock))
    if weights is not None:
        load_weights(network.backbone, weights)
    return Training(recipe, network, clock, data, weights is not None, checkpoints, progress, workers, job.out)


def _right(training: Training) -> np.ndarray:
    """For each validation picture [N] whether the network as it is now recognises it."""
    import tensorflow as tf

    network, held = training.network, training.data.validation
    answer = tf.function(lambda x: network(as_input(x), training=False), autograph=False)
    said = [answer(tf.constant(x)).numpy() for x, _ in batches(held, np.arange(len(held)), 64)]
    return np.concatenate(said).argmax(axis=1) == held.y


def _answers(tflite: bytes, kind: str, data: TrainingData, progress: Progress) -> dict[str, np.ndarray]:
    """What one file says of every held-out set: probabilities [N, classes]."""
    held_out = {name: samples for name, samples in data.sets().items() if name != "training"}
    return {
        name: predict(tflite, samples, name=f"{kind} {name}", progress=progress) for name, samples in held_out.items()
    }


def _scores(answers: Mapping[str, np.ndarray], data: TrainingData) -> dict[str, Scores]:
    """How good they are."""
    return {name: score(said, data.sets()[name].y, data.classes) for name, said in answers.items()}


def _lost(before: finetune.Before, answers: Mapping[str, np.ndarray], data: TrainingData) -> Drop:
    """What pruning lost on all held-out pictures together, against the better of the unpruned networks."""
    after = np.concatenate([said.argmax(axis=1) == data.sets()[name].y for name, said in answers.items()])
    rivals = [np.concatenate([right[name] for name in answers]) for right in before.held_out.values()]
    return drop(max(rivals, key=np.sum), after)


def _shares(right: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(hits.mean()) for name, hits in right.items()}


def _count_zeros(network: Network, int8_file: bytes) -> Sparsity:
    """Counts what is zero in the float kernels and in the INT8 file."""
    prunable = {kernel.name.removesuffix(":0"): kernel.numpy() for kernel in prunable_kernels(network)}
    return Sparsity(
        prunable=sparsity(list(prunable.values())),
        all_kernels=sparsity([kernel.numpy() for kernel in all_kernels(network)]),
        int8_file=sparsity(list(prunable_weights(int8_file))),
        kernels={name: sparsity([kernel]) for name, kernel in prunable.items()},
    )


def _gates(
    recipe: Recipe, zeros: Sparsity, metrics: Mapping[str, Mapping[str, Scores]], written: Drop, lost: Drop | None
) -> list[Gate]:
    """Whether the model is as sparse, and as good after pruning and as INT8, as was asked for.

    Both files come from a network that was made ready for INT8 after training, so that it could be ruined without INT8
    being worse than float. Therefore the float file is held against the network that training chose, too.

    What is lost is taken over all held-out pictures together: on a small testing set a single picture is a percent. Of
    what pruning lost, only what these pictures show with 95 % confidence counts: the networks differ in many answers,
    and by chance alone 50 pictures would fail one good run in three.
    """
    drop = _accuracy(metrics["float32"]) - _accuracy(metrics["int8"])
    within = drop <= recipe.max_int8_drop + ROUNDING
    gates = [Gate("INT8's loss of accuracy on held-out pictures at most", recipe.max_int8_drop, drop, within)]
    name = "the float file's loss of accuracy after training, as far as validation shows it, at most"
    gates.append(Gate(name, recipe.max_int8_drop, written.shown, written.shown <= recipe.max_int8_drop + ROUNDING))
    if lost is not None:
        name = "pruning's loss of accuracy, as far as the held-out pictures show it, at most"
        within = lost.shown <= recipe.max_prune_drop + ROUNDING
        gates.append(Gate(name, recipe.max_prune_drop, lost.shown, within))
    if recipe.prune:
        asked, least = recipe.final_sparsity, min(zeros.kernels.values())
        if recipe.sparsity_allocation == "uniform":
            gates.append(Gate("zeros in every prunable kernel at least", asked, least, least >= asked))
        else:
            gates.append(Gate("zeros in all prunable kernels at least", asked, zeros.prunable, zeros.prunable >= asked))
        gates.append(Gate("zeros in the INT8 file at least", asked, zeros.int8_file, zeros.int8_file >= asked))
    return gates


def _accuracy(scores: Mapping[str, Scores]) -> float:
    """Accuracy over all sets together."""
    samples = sum(s.samples for s in scores.values())
    return sum(s.accuracy * s.samples for s in scores.values()) / samples


def _deadline(job: Job, data: TrainingData) -> float | None:
    """When training must stop, on the monotonic clock, or None."""
    if not job.enforce_time_limit or not data.max_training_seconds:
        return None
    return time.monotonic() + data.max_training_seconds


def _peak_memory() -> int:
    """The largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Stopwatch:
    """Seconds of each phase, in order."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.laps: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Times a block."""
        started = time.monotonic()
        yield
        self.laps[name] = round(time.monotonic() - started, 3)

    @property
    def total(self) -> float:
        """Seconds since the stopwatch was made."""
        return round(time.monotonic() - self._started, 3)
