"""Phase two: the end of the backbone learns again, while its kernels are pruned.

A pruned backbone has much to recover in few steps, and class labels say little about how. So it is also asked for the
answers and the features that the network gave before (`distillation.py`), and from the final masks on an average of
its weights counts (`average.py`). Published weights need no steps in their beginning at all: what pruning takes there,
the weights that stay make up for (`reconstruct.py`); where the schedule begins with all zeros, in the whole backbone.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.words import counted
from train.methods import allocate
from train.methods.average import Average
from train.methods.distillation import distilling
from train.methods.ending import Ending, ending, planes
from train.methods.features import Features, extract
from train.methods.halves import in_halves
from train.methods.loop import PhasePlan, fit, make_step
from train.methods.prune import make_pruner
from train.methods.reconstruct import prune_at_once
from train.methods.state import TrainState
from train.methods.statistics import moving_statistics
from train.methods.trainer import Trainer, learning_rates
from train.network import learning_layers, prunable_kernels
from train.samples import Samples
from train.tasks import better
from train.variables import assign, values_of
from train.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import tensorflow as tf

    from train.methods.prune import Pruner
    from train.network import Network
    from train.recipe import Recipe

PHASE, NUMBER = "finetune", 8
END, END_NUMBER = "ending", 6  # of fine-tuning; only the end of the network learns
END_SOFT_ANSWERS, END_DISTILL = 0.4, 0.1  # factors in that end of what the network before says: labels say more then
ANSWERS_BATCH = 256


@dataclass(frozen=True, slots=True)
class Before:
    """The network before fine-tuning.

    Attributes:
        features: of its backbone.
        answers: its outputs [N * variants, K] for the rows of the features of training.
        held_out: for validation and testing what the task measures of it, and of the linear probe where its head was
            fresh, [N] each.
    """

    features: Features
    answers: np.ndarray
    held_out: Mapping[str, Mapping[str, np.ndarray]]


def begin(trainer: Trainer, done: TrainState) -> TrainState:
    """The state in which the phase begins, after the one that is done."""
    teacher = values_of(trainer.network.variables)
    return TrainState(PHASE, teacher=teacher, history=done.history, best_epochs=done.best_epochs)


def look_before(trainer: Trainer, state: TrainState, features: Features | None) -> Before:
    """Puts the network before fine-tuning in place and asks it everything that fine-tuning needs to know.

    Args:
        trainer: the network.
        state: whose `teacher` is the network before fine-tuning.
        features: of its backbone where they are known, which is where it never learned.
    """
    network, data, measure = trainer.network, trainer.data, trainer.data.task.measure
    assign(network.variables, state.teacher)
    features = features or extract(trainer)

    def answers(x: np.ndarray) -> np.ndarray:
        parts = [x[first : first + ANSWERS_BATCH] for first in range(0, len(x), ANSWERS_BATCH)]
        return np.concatenate([network.head(part, training=False).numpy() for part in parts])

    truths = {name: samples.y for name, samples in data.held_out().items()}
    probe, measured = features.probe, {}
    if trainer.finished is None:
        measured["linear probe"] = {
            name: measure(y, probe.predict(features.held_out[name])) for name, y in truths.items()
        }
    measured[_name(trainer)] = {name: measure(y, answers(features.held_out[name])) for name, y in truths.items()}
    return Before(features, answers(features.training), measured)


def _name(trainer: Trainer) -> str:
    """What the network before fine-tuning is called."""
    return trainer.finished or "head"


def fine_tune(trainer: Trainer, state: TrainState, before: Before) -> TrainState:
    """Trains from `state` to the end of the phase and leaves the best epoch's weights in the network.

    When pruning, the best is chosen among the epochs that ended at the final sparsity. Where the recipe prunes the
    beginning of the network at once, only its end learns (`ending.py`). Otherwise every pruned kernel learns (a frozen
    one could not make up for the weights it lost), and all statistics follow, until an epoch after the last zeros; from
    then on, and from the start where nothing is pruned, it is the end alone.
    Without pruning the network before fine-tuning stays, with a word, where no epoch is better on validation.

    Args:
        trainer: the network before fine-tuning.
        state: a new one, or a checkpoint's.
        before: what the network before fine-tuning says.
    """
    recipe, data = trainer.recipe, trainer.data
    learned = [layer.trainable for layer in trainer.network.backbone.layers]
    views = views_to_learn(trainer, before)
    plan = _plan(trainer, views)
    share = min(recipe.fine_tune_share, recipe.end_share) if recipe.prune else recipe.fine_tune_share
    end = None if recipe.augment else ending(trainer.network, share)
    whole = 0 if recipe.prune_at_once and end else _epochs_of_everything(plan)
    if whole >= plan.epochs:
        end = None
    held = Samples(data.validation.x, data.validation.y)
    if end is None:
        state = fit(plan, views, held, state, trainer.checkpointer, trainer.progress, trainer.tell)
    else:
        if whole and state.phase == PHASE:
            state = fit(
                replace(plan, epochs=whole), views, held, state, trainer.checkpointer, trainer.progress, trainer.tell
            )
            state = TrainState(END, teacher=state.teacher, history=state.history, best_epochs=state.best_epochs)
        state = _fine_tune_end(trainer, plan, whole, end, views, state)
        end.beginning.trainable = False  # what it stores is what the end learned behind
    if not recipe.prune:
        _keep_the_better(trainer, state, before, learned)
    return state


def views_to_learn(trainer: Trainer, before: Before) -> Views:
    """The training pictures and, where the recipe asks for that, what the network before said of each and saw in it."""
    recipe, images = trainer.recipe, trainer.data.training
    constants: tuple[np.ndarray, ...] = ()
    if recipe.soft_answers or recipe.distill:
        constants = (trainer.data.task.soften(before.answers), before.features.training)
    return Views(images.x, images.y, before.features.variants, constants)


def _plan(trainer: Trainer, views: Views) -> PhasePlan:
    """What all epochs of the phase do where the whole network learns."""
    recipe, network = trainer.recipe, trainer.network
    learning = _unfreeze(trainer)
    passes = trainer.passes(recipe.fine_tune_epochs, recipe.min_steps)
    steps = trainer.steps(recipe.fine_tune_epochs, passes)
    if passes > 1:
        few = trainer.steps(recipe.fine_tune_epochs)
        epochs = counted(recipe.fine_tune_epochs, "epoch is", "epochs are")
        trainer.progress.note(f"{epochs} {counted(few, 'step')} here; training {steps}")
    pruner = make_pruner(recipe, prunable_kernels(network), steps, zeros(trainer)) if recipe.prune else None
    return PhasePlan(
        task=trainer.data.task,
        phase=PHASE,
        number=NUMBER,
        epochs=recipe.fine_tune_epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        beta_2=recipe.beta_2,
        rates=learning_rates(recipe.fine_tune_learning_rate, steps, recipe.fine_tune_decay),
        forward=network,
        passes=passes,
        forward_training=_learning(trainer, network, views),
        label_weight=1 - recipe.soft_answers,
        trainable_variables=learning,
        variables=network.variables,
        global_step=trainer.global_step,
        prepare=trainer.augmentation(),
        sample_weights=trainer.sample_weights(),
        pruner=pruner,
        average=_average(recipe, network, pruner),
        workers=trainer.workers,
        statistics=moving_statistics(network),
    )


def _learning(trainer: Trainer, network: Network, views: Views, *factors: float) -> Callable[..., Any]:
    """The network's training pass, with what is known of the views; `factors` as of `distilling`."""
    learner = in_halves(network)
    if views.constants:
        return distilling(trainer, learner, *factors)
    return lambda x: (learner(x, training=True), 0.0)


def _average(recipe: Recipe, network: Network, pruner: Pruner | None) -> Average | None:
    """The average of a network's weights from the last zeros on, or None where there are none or it is not wanted."""
    if pruner is None or not recipe.average:
        return None
    return Average(network.variables, recipe.average, pruner.first_final_step)


def _epochs_of_everything(plan: PhasePlan) -> int:
    """How many epochs the whole network learns: to the last zeros and one more, or none where nothing is pruned."""
    return 0 if plan.pruner is None else math.ceil(plan.pruner.first_final_step * plan.epochs / len(plan.rates)) + 1


def _fine_tune_end(
    trainer: Trainer, whole: PhasePlan, done: int, end: Ending, views: Views, state: TrainState
) -> TrainState:
    """The rest of a phase's epochs, in which only the end of the network learns.

    The training step is traced while what the end learns from is computed.

    Args:
        trainer: the network.
        whole: the phase where everything learns.
        done: epochs of it that are behind.
        end: what goes on learning.
        views: the training pictures.
        state: a new one, or a checkpoint's.
    """
    own = {id(variable) for variable in end.network.variables}
    first = done * (len(whole.rates) // whole.epochs)
    recipe, network = trainer.recipe, end.network
    pruner = None if whole.pruner is None else whole.pruner.of(own, first)
    plan = replace(
        whole,
        phase=END if done else PHASE,
        number=END_NUMBER if done else NUMBER,
        epochs=whole.epochs - done,
        earlier=done,
        rates=whole.rates[first:] * (1.0 if pruner is None else recipe.end_rate),
        forward=network,
        forward_training=_learning(trainer, network, views, END_SOFT_ANSWERS, END_DISTILL),
        label_weight=1 - END_SOFT_ANSWERS * recipe.soft_answers,
        trainable_variables=[variable for variable in whole.trainable_variables if id(variable) in own],
        pruner=pruner,
        average=_average(recipe, network, pruner),
        statistics=moving_statistics(network),
    )
    none_yet = np.empty((0, *network.backbone.input_shape[1:]), np.float32)
    with ThreadPoolExecutor(1) as aside:
        step = aside.submit(make_step, plan, replace(views, x=none_yet), Samples(none_yet, trainer.data.validation.y))
        if state.weights:  # of a checkpoint; the planes come from the beginning that it had
            assign(whole.variables, state.weights)
        fresh = None if state.weights or done else whole.pruner
        if fresh is not None:
            prune_at_once(trainer, end.beginning, views, fresh.shares)
        known, held = planes(trainer, end.beginning, views)
        if fresh is not None and not fresh.first_final_step:
            prune_at_once(trainer, network.backbone, known, fresh.shares)
    return fit(plan, known, held, state, trainer.checkpointer, trainer.progress, trainer.tell, step.result())


def zeros(trainer: Trainer) -> list[float]:
    """The share of zeros that each prunable kernel is to have."""
    recipe, kernels = trainer.recipe, prunable_kernels(trainer.network)
    if recipe.sparsity_allocation == "uniform":
        return allocate.uniform(kernels, recipe.final_sparsity)
    return allocate.balanced(trainer.network, kernels, recipe.final_sparsity)


def _keep_the_better(trainer: Trainer, state: TrainState, before: Before, learned: Sequence[bool]) -> None:
    """Puts the network before fine-tuning back where validation says that it was better.

    Args:
        trainer: the network after it.
        state: of the phase.
        before: what the network before says.
        learned: for each layer of the backbone whether it learned before.
    """
    task = trainer.data.task
    was = float(before.held_out[_name(trainer)]["validation"].mean())
    lines = [line for line in state.history if line.phase == PHASE]
    now = next(line.val_metric for line in lines if line.epoch == state.best_epochs[PHASE])
    if better(task, was, now) == now:
        return
    trainer.progress.note(
        f"The network before fine-tuning is kept: its validation {task.metric} is {was:.3f}, after it {now:.3f}"
    )
    state.best_epochs[PHASE] = 0
    assign(trainer.network.variables, state.teacher)
    backbone = trainer.network.backbone
    backbone.trainable = any(learned)
    for layer, trainable in zip(backbone.layers, learned, strict=True):
        layer.trainable = trainable


def _unfreeze(trainer: Trainer) -> list[tf.Variable]:
    """Sets which layers learn and whose statistics follow; returns the variables that gradients change."""
    import tf_keras as keras

    recipe, network = trainer.recipe, trainer.network
    learning = learning_layers(network.backbone, recipe.fine_tune_share)
    network.backbone.trainable = True
    variables = {id(v) for layer in learning for v in layer.trainable_variables}
    if recipe.prune:
        variables |= {id(kernel) for kernel in prunable_kernels(network)}
    for layer in network.backbone.layers:
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        if recipe.prune and normalises:
            variables |= {id(v) for v in layer.trainable_variables}
        layer.trainable = layer in learning or any(id(v) in variables for v in layer.variables)
    chosen = [v for v in network.backbone.trainable_variables if id(v) in variables]
    return [*chosen, *network.head.trainable_variables]
