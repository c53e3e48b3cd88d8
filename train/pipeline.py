"""The main job, from a folder of data to an INT8 model and its report, in a straight line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ei_compat.block.run_folder import (
    CARD,
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
from ei_compat.core.errors import Interrupted
from train import phases
from train.backbones import BringsHead
from train.checks import Check, warnings_of
from train.costs import Stopwatch, peak_memory
from train.evaluate import predict_sets
from train.export import keras_zip, saved_model_zip
from train.inspection.board import BoardElsewhere
from train.job import Job, command_of
from train.methods import finetune, quantize
from train.methods.finetune import Before
from train.methods.trainer import Trainer
from train.network import Network, prunable_kernels
from train.preparation import Plan, begin, make_plan
from train.reporting.findings import Findings, Pruned, Seen, look
from train.reporting.page import page_of
from train.runs import tracking
from train.runs.folder import OutputFolder, private_folder, texts
from train.runs.model_card import model_card
from train.runs.predictions import answered, predictions_text
from train.runs.report import Report
from train.runs.tracking import trackers_of
from train.samples import TrainingData
from train.sparsity import Sparsity, count_zeros, sparsity_checks
from train.supervision import HOW_TO_GO_ON
from train.tasks import Answered, Drop, Scores
from train.workers import FINISHED, LostError, Place, Workers, read_place

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.recipe import Recipe


def run(job: Job, progress: Progress) -> Report | None:
    """Trains, converts, measures, and writes everything into the output directory, each file once it is finished.

    Where `TF_CONFIG` describes a cluster, several processes train together and the chief goes on alone: the others get
    None. They write into a folder of their own, which they leave no trace of.

    Raises:
        UsageError, DataError: an option, the data or the output directory.
        TrainingError, ExportError: a phase failed.
        Interrupted: a signal came; the output directory holds a checkpoint if training had begun.
    """
    tracking.check(job)
    place = read_place(os.environ)
    if place is None or place.index == 0:
        return _run(job, place, job.out, progress)
    with private_folder(job.out, resume=job.resume, replace=job.overwrite) as own:
        _run(replace(job, out=own, tensorboard=False, mlflow=None), place, job.out, progress)
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
    with ExitStack() as stack:
        with watch("prepare"):
            plan = make_plan(job, place, folder, progress)
            if job.resume and (earlier := folder.finished(plan.config)) is not None:
                plan.checkpoints.remove()
                progress.note(f"{results} holds the results of these very options: nothing is left to do")
                return earlier
            trackers = stack.enter_context(trackers_of(plan.job, plan.data.task.metric, progress))
            work = begin(plan, place, folder, trackers, progress)
        report = _carried_out(plan, work, folder, results, watch)
        if report is not None:
            trackers.end(report, job.out)
    return report


def _carried_out(plan: Plan, work: phases.Work, folder: OutputFolder, results: Path, watch: Stopwatch) -> Report | None:
    """Everything from the first step of training on; None where this process is not the chief's."""
    progress, workers, resumed = work.trainer.progress, work.trainer.workers, work.state is not None
    _train(work, watch)
    if workers is not None and not workers.is_chief:
        _wait_for_chief(workers, results, progress)
        return None
    with BoardElsewhere(folder.path / INT8_FILE) as board:
        network, frozen, models = _convert(plan, work, folder, watch)
        board.begin()
        with watch("export"), progress.task("export"):
            _export(network, frozen, models, folder)
        with watch("evaluate"):
            measured = _measure(plan, work, network, models, progress)
        with watch("report"):
            found = _look(plan, work, network, models, measured, board, folder)
    report = Report(
        task=plan.data.task.name,
        classes=plan.data.task.labels,
        samples={name: len(samples) for name, samples in plan.data.sets().items()},
        broken=plan.data.broken,
        reading=plan.data.reading.as_json(),
        metrics=measured.metrics,
        unpruned={name: _metrics(said) for name, said in work.before.held_out.items()},
        sparsity=measured.zeros,
        checks=measured.checks,
        seconds=watch.laps | {"total": watch.total},
        peak_memory_bytes=peak_memory(),
        files={name: len(content) for name, content in models.items()},
        history=work.reached.history,
        best_epochs=work.reached.best_epochs,
        resumed=resumed,
        command=command_of(plan.job),
        **found.parts,
    )
    folder.write(texts(report, plan.config, predictions_text(plan.data.task, measured.sets)))
    plan.checkpoints.remove()
    found.attempt(PAGE, lambda: folder.write({PAGE: page_of(plan.job.out).encode()}))
    card = found.attempt(CARD, lambda: model_card(report, plan.config))
    folder.write({} if card is None else {CARD: card.encode("utf-8", "backslashreplace")})
    if workers is not None:
        _dismiss(workers, progress)
    return report


def _train(work: phases.Work, watch: Stopwatch) -> None:
    """The phases that learn, with the lines that Edge Impulse's own blocks print."""
    progress, data, recipe = work.trainer.progress, work.trainer.data, work.trainer.recipe
    progress.note("Training model...")
    progress.note(f"Training on {len(data.training)} inputs, validating on {len(data.validation)} inputs")
    progress.note(f"Using batch size: {recipe.batch_size}")
    phases.train(work, watch)
    progress.note("Finished training")


def _convert(
    plan: Plan, work: phases.Work, folder: OutputFolder, watch: Stopwatch
) -> tuple[Network, Any, dict[str, bytes]]:
    """The network as it is deployed, the same frozen, and each `.tflite` file, written as soon as it is there."""
    trainer, models = work.trainer, dict[str, bytes]()
    data, progress = trainer.data, trainer.progress
    with watch("convert_float"), progress.task("convert"):
        own = plan.backbone if isinstance(plan.backbone, BringsHead) else data.task
        network = Network(trainer.network.backbone, own.deployed_head(plan.recipe, trainer.network.head))
        frozen = quantize.freeze(network)
        models[FLOAT_FILE] = quantize.to_float(frozen)
        folder.write({FLOAT_FILE: models[FLOAT_FILE]})
    with watch("convert_int8"), progress.task("convert to INT8"):
        calibration = quantize.calibration_set(data, plan.recipe)
        models[INT8_FILE] = quantize.to_int8(frozen, calibration, data.task.output_range)
        folder.write({INT8_FILE: models[INT8_FILE]})
    return network, frozen, models


def _export(network: Network, frozen: Any, models: dict[str, bytes], folder: OutputFolder) -> None:
    """Adds and writes the network's other forms."""
    for name, export, form in ((SAVED_MODEL, saved_model_zip, frozen), (KERAS, keras_zip, network)):
        models[name] = export(form)
        folder.write({name: models[name]})


class Measured(NamedTuple):
    """What was measured of both `.tflite` files.

    Attributes:
        deployed: the data as the files are given it.
        sets: what both say of the held-out sets.
        metrics: how good that is, by file and set.
        zeros: of the files.
        checks: what was asked of the model.
    """

    deployed: TrainingData
    sets: dict[str, Answered]
    metrics: dict[str, dict[str, Scores]]
    zeros: Sparsity
    checks: list[Check]


def _measure(
    plan: Plan, work: phases.Work, network: Network, models: Mapping[str, bytes], progress: Progress
) -> Measured:
    """Runs both files over the held-out sets and makes the checks; what they warn of is said."""
    data = work.trainer.data.changed(work.trainer.data.scaling.as_given)
    held_out = data.held_out()
    answers = {kind: predict_sets(models[name], kind, held_out, progress) for kind, name in MODEL_FILES.items()}
    zeros = count_zeros(network, models[INT8_FILE])
    written = data.task.drop(work.chosen, data.task.measure(data.validation.y, answers["float32"]["validation"]))
    lost = _lost(work.before, answers["float32"], data) if plan.recipe.prune else None
    checks = _checks(plan.recipe, zeros, answers, written, lost, data)
    for line in warnings_of(checks):
        progress.warn(line)
    metrics = {kind: _scores(by_set, data) for kind, by_set in answers.items()}
    return Measured(data, answered(data.sets(), answers), metrics, zeros, checks)


def _look(
    plan: Plan,
    work: phases.Work,
    network: Network,
    models: Mapping[str, bytes],
    measured: Measured,
    board: BoardElsewhere,
    folder: OutputFolder,
) -> Findings:
    """What is found out for the report; `explorer.zip` is written."""
    trainer, job = work.trainer, plan.job
    pruned, seen = _pruned(trainer, network, measured.zeros), _seen(work, job)
    deployed = measured.deployed.validation
    found = look(models, plan.data, deployed, measured.sets, pruned, seen, board, trainer.progress)
    if (explorer := found.explorer) is not None:
        found.attempt("explorer", lambda: folder.write({EXPLORER: explorer}))
    return found


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


def _checks(
    recipe: Recipe,
    zeros: Sparsity,
    answers: Mapping[str, Mapping[str, np.ndarray]],
    written: Drop,
    lost: Drop | None,
    data: TrainingData,
) -> list[Check]:
    """Whether the model is as sparse, and as good after pruning and as INT8, as was asked for.

    Both files come from a network that was made ready for INT8 after training, so that it could be ruined without INT8
    being worse than float. Therefore the float file is held against the network that training chose, too.

    What is lost is taken over all held-out samples together: on a small testing set a single one is a percent.
    """
    held_out, task = answers["float32"], data.task
    y = np.concatenate([data.sets()[name].y for name in held_out])
    float_outputs, int8_outputs = (np.concatenate([answers[kind][name] for name in held_out]) for kind in answers)
    return [
        *task.int8_checks(recipe, y, float_outputs, int8_outputs),
        *task.training_checks(recipe, written, lost),
        *sparsity_checks(recipe, zeros),
    ]


def _pruned(trainer: Trainer, network: Network, zeros: Sparsity) -> Pruned:
    """What pruning was to do."""
    sizes = [int(np.prod(kernel.shape)) for kernel in prunable_kernels(network)]
    return Pruned(zeros, sizes, finetune.zeros(trainer) if trainer.recipe.prune else None)


def _seen(work: phases.Work, job: Job) -> Seen:
    """What the network saw before fine-tuning, without the pictures' variants."""
    features, count = work.before.features, len(work.trainer.data.training)
    return Seen(
        {"training": features.training[:count], **features.held_out},
        frozen=work.features is not None and job.model is None,
    )
