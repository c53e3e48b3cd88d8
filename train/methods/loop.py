"""The training loop: one phase's epochs, step by step, resumable at any of them.

Everything random in a step (its pictures, dropout, augmentation) is a function of the seed and the step's number, and
the rest is in `State`. So a run that was killed goes on exactly where its last checkpoint was.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ei_compat.core.errors import TrainingError
from train.backend import optimized_for
from train.batches import as_input, batches, two_at_once
from train.methods.adam import Adam
from train.methods.state import Epoch, TrainState
from train.tasks import better
from train.variables import assign, values_of

if TYPE_CHECKING:
    import tensorflow as tf

    from ei_compat.core.progress import Progress
    from train.methods.average import Average
    from train.methods.prune import Pruner
    from train.samples import Samples
    from train.tasks import Task
    from train.views import Views
    from train.workers import Workers

CHECKPOINT_SECONDS = 60.0  # a long epoch is saved this often on its way
EPOCH_SECONDS = 5.0  # the ends of shorter epochs are not all saved, which would take a tenth of their time


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """What one phase does.

    Attributes:
        task: gives the loss and the metric, and knows which of two metrics is better.
        phase: its name.
        number: stands for the phase in the seed of its shuffle, and so never changes.
        epochs, batch_size, seed, beta_2: as in the recipe.
        rates: learning rate of every step of the phase.
        forward: (inputs, training) to the task's outputs, as the network is measured.
        passes: how often an epoch goes through the training set.
        earlier: epochs of an earlier phase that the log counts this one's after.
        forward_training: inputs and the constants of their rows to outputs and a scalar that joins the loss, as the
            network is trained; where None, that is `forward` alone. Distillation enters here.
        label_weight: factor in the loss of what the targets say.
        trainable_variables: the variables that gradients change.
        variables: all variables that the phase may change, statistics included; what a checkpoint holds.
        global_step: a variable that counts the steps; what is random in the graph, and the rate, follow from it.
        prepare: inputs as they come from the data to inputs of `forward`, training only (augmentation).
        sample_weights: targets of a batch to factors of their losses, or None.
        pruner: holds the pruned weights at zero, or None.
        average: of the weights, which is measured and kept in their place once there is one, or None.
        workers: the processes that share every batch, or None.
        statistics: moving statistics that a step changes; where workers share it, they are averaged as gradients are.
        before_epoch: changes some of `variables`, and depends on nothing else.
    """

    task: Task
    phase: str
    number: int
    epochs: int
    batch_size: int
    seed: int
    beta_2: float
    rates: np.ndarray
    forward: Callable[..., tf.Tensor]
    trainable_variables: Sequence[tf.Variable]
    variables: Sequence[tf.Variable]
    global_step: tf.Variable
    passes: int = 1
    earlier: int = 0
    forward_training: Callable[..., tuple[tf.Tensor, tf.Tensor | float]] | None = None
    label_weight: float = 1.0
    prepare: Callable[[tf.Tensor], tf.Tensor] | None = None
    sample_weights: Callable[[tf.Tensor], tf.Tensor] | None = None
    pruner: Pruner | None = None
    average: Average | None = None
    workers: Workers | None = None
    statistics: Sequence[tf.Variable] = ()
    before_epoch: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A phase's training step.

    Attributes:
        optimizer: whose state it changes.
        run: takes a batch to its summed loss, its summed metric and its size, over all workers.
        evaluate: of `make_evaluate`.
    """

    optimizer: Adam
    run: Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
    evaluate: Evaluate


def nobody(line: Epoch) -> None:
    """Hears of an epoch and does nothing."""


class Checkpointer(Protocol):
    """Whoever saves checkpoints; within its `with` block, once held, signals are noted and not acted on."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *exc: Any) -> None: ...

    def hold(self) -> None:
        """Starts to note signals, to the end of the block."""

    def save(self, state: TrainState) -> None:
        """Writes a checkpoint."""

    @property
    def stopping(self) -> bool:
        """Whether training must stop, on a signal or for the time."""
        ...

    def check(self) -> None:
        """Raises what says why, when training must stop."""


Evaluate = Callable[["Samples", Checkpointer], tuple[float, float] | None]  # the mean loss and the metric


def fit(
    plan: PhasePlan,
    training: Samples | Views,
    validation: Samples,
    state: TrainState,
    checkpointer: Checkpointer,
    progress: Progress,
    tell: Callable[[Epoch], None] = nobody,
    step: Step | None = None,
) -> TrainState:
    """Trains one phase from `state` to its end and leaves the best epoch's weights in the variables.

    The best is the last that is as good on validation as any, as far as so many samples can tell (Breiman et al. 1984):
    with few of them the highest is chance, and what has trained longest at a falling rate is the better guess.

    The state is saved before the first step. That one takes long, because TensorFlow prepares itself in it, and may be
    cut short by a signal; the others are finished first.

    Args:
        plan: what is done.
        training: what is learned from.
        validation: what is measured on.
        state: a new one, or a checkpoint's.
        checkpointer: saves it.
        progress: hears of every step and epoch.
        tell: is given every epoch's line.
        step: of `make_step`, where that was done beforehand.

    Raises:
        TrainingError: the loss is no longer a number.
        Interrupted: a signal came, or, as TrainingError, the time is up; the state has been saved.
    """
    step = step or make_step(plan, training, validation)
    optimizer = step.optimizer
    _restore(plan, optimizer, state)
    plan.global_step.assign(state.step)
    per_epoch = math.ceil(plan.passes * len(training) / plan.batch_size)
    follow = _join(plan, optimizer, state)

    def end_epoch(started: float) -> None:
        with nullcontext() if plan.average is None else plan.average.in_place(state.step - 1):
            scores = step.evaluate(validation, checkpointer)
            if scores is not None:  # else a signal came; who goes on from here evaluates first
                _keep_if_best(plan, state, scores[1], len(validation))
        if scores is not None:
            _end_epoch(plan, state, plan.passes * len(training), scores, started)
            _report(progress, plan, state.history[-1])
            tell(state.history[-1])

    _capture(plan, optimizer, state)
    checkpointer.save(state)
    saved_at = time.monotonic()
    shown = progress.task(plan.phase, plan.epochs * per_epoch, "step")
    with checkpointer, optimized_for(len(plan.rates)), shown as task:
        task.advance(state.step)
        if _epochs_done(plan, state) < state.step // per_epoch:
            end_epoch(time.monotonic() - state.seconds)
        for epoch in range(state.step // per_epoch, plan.epochs):
            if plan.before_epoch is not None and state.step % per_epoch == 0:
                plan.before_epoch()
            follow()
            random = np.random.default_rng([plan.seed, plan.number, epoch])
            order = np.concatenate([training.draw(random) for _ in range(plan.passes)])
            started = time.monotonic() - state.seconds
            share = None if plan.workers is None else plan.workers.share
            for batch in batches(training, order, plan.batch_size, first=state.step % per_epoch, share=share):
                if plan.pruner is not None:
                    plan.pruner.before_step(state.step)
                rows = min(plan.batch_size, len(order) - state.step % per_epoch * plan.batch_size)
                loss, metric, seen = (float(value) for value in step.run(*batch))
                checkpointer.hold()
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the loss became {loss} in epoch {epoch + 1}",
                        where=plan.phase,
                        fix="use a lower learning rate",
                    )
                state.loss_sum += loss * (rows / seen)  # the few rows of a last batch may be seen by every worker
                state.metric_sum, state.step = state.metric_sum + metric * (rows / seen), state.step + 1
                state.seconds = time.monotonic() - started
                task.advance(1, epoch=state.step / per_epoch, loss=loss / seen)
                ended = state.step % per_epoch == 0
                if ended:
                    end_epoch(started)
                due = saved_at + (EPOCH_SECONDS if ended else CHECKPOINT_SECONDS)
                if not checkpointer.stopping and state.step < plan.epochs * per_epoch and time.monotonic() < due:
                    continue
                _capture(plan, optimizer, state)
                checkpointer.save(state)
                saved_at = time.monotonic()
                if checkpointer.stopping:
                    checkpointer.check()
        if checkpointer.stopping:  # a signal came since; the state is saved
            checkpointer.check()
    if state.best:  # a phase of no epochs has none
        assign(plan.variables, state.best)
    return state


def _end_epoch(plan: PhasePlan, state: TrainState, samples: int, scores: tuple[float, float], started: float) -> None:
    """Writes the epoch's line and clears the running sums."""
    pruner, step = plan.pruner, state.step - 1
    line = Epoch(
        phase=plan.phase,
        epoch=1 + plan.earlier + _epochs_done(plan, state),
        loss=state.loss_sum / samples,
        metric=state.metric_sum / samples,
        val_loss=scores[0],
        val_metric=scores[1],
        learning_rate=float(plan.rates[step]),
        sparsity=0.0 if pruner is None else float(pruner.sparsities[step]),
        seconds=time.monotonic() - started,
    )
    state.history.append(line)
    state.loss_sum, state.metric_sum, state.seconds = 0.0, 0.0, 0.0


def _keep_if_best(plan: PhasePlan, state: TrainState, metric: float, held: int) -> None:
    """Keeps the weights where this metric on `held` samples makes them the best so far."""
    eligible = plan.pruner is None or state.step - 1 >= plan.pruner.first_final_step
    if eligible and _is_best(plan.task, metric, state, held):
        state.best = values_of(plan.variables)
        state.best_epochs[plan.phase] = 1 + plan.earlier + _epochs_done(plan, state)


def _is_best(task: Task, metric: float, state: TrainState, held: int) -> bool:
    """Whether this metric on `held` samples is as good as the best so far; notes a new best."""
    state.best_metric = metric if state.best_metric is None else better(task, state.best_metric, metric)
    return task.as_good(metric, state.best_metric, held)


def _epochs_done(plan: PhasePlan, state: TrainState) -> int:
    """Epochs of this phase that have their line in the history."""
    return sum(row.phase == plan.phase for row in state.history)


def _report(progress: Progress, plan: PhasePlan, line: Epoch) -> None:
    row, metric = line.as_row(plan.task.metric), plan.task.metric
    names = ("loss", metric, "val_loss", f"val_{metric}") + (("sparsity",) if plan.pruner else ())
    figures = " - ".join(f"{name}: {row[name]:.4f}" for name in names)
    progress.note(f"Epoch {line.epoch}/{plan.earlier + plan.epochs} - {line.seconds:.0f}s - {figures}")


def _capture(plan: PhasePlan, optimizer: Adam, state: TrainState) -> None:
    """Copies the variables into the state."""
    copies = [values_of(variables) for variables in _variables(plan, optimizer)]
    state.weights, state.optimizer, state.masks, state.average = copies


def _restore(plan: PhasePlan, optimizer: Adam, state: TrainState) -> None:
    """Copies a saved state into the variables; nothing to do for a phase that starts."""
    if not state.weights:
        return
    saved = (state.weights, state.optimizer, state.masks, state.average)
    for variables, values in zip(_variables(plan, optimizer), saved, strict=True):
        assign(variables, values)


def _variables(plan: PhasePlan, optimizer: Adam) -> tuple[Sequence[tf.Variable], ...]:
    """What a step may change: the network's, the optimizer's, masks and averages."""
    masks = () if plan.pruner is None else plan.pruner.masks
    average = () if plan.average is None else (plan.average.values,)
    return plan.variables, optimizer.variables, masks, average


def _join(plan: PhasePlan, optimizer: Adam, state: TrainState) -> Callable[[], None]:
    """What is called before each epoch, so that all workers have the chief's values; nothing where there are none.

    Raises:
        UsageError: the workers are about to do different things.
    """
    if plan.workers is None:
        return lambda: None
    plan.workers.check_agreement(hashlib.sha256(repr((plan.phase, state.step, plan.epochs)).encode()).digest())
    return plan.workers.follow_chief([v for variables in _variables(plan, optimizer) for v in variables])


def make_step(plan: PhasePlan, like: Samples | Views, measured: Samples) -> Step:
    """Compiles and traces what a phase does with a batch; a step that workers share is traced when it is first run.

    Args:
        plan: what is done in it.
        like: what is learned from, or rows like these, of which there may be none.
        measured: the same of what is measured on.
    """
    import tensorflow as tf

    evaluate = make_evaluate(plan.task, plan.forward, measured)
    optimizer = Adam(plan.trainable_variables, plan.beta_2)
    forward = plan.forward_training or (lambda x, *_: (plan.forward(x, training=True), 0.0))

    def train_step(x: tf.Tensor, y: tf.Tensor, *constants: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = as_input(x)
        if plan.prepare is not None:
            x = plan.prepare(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(plan.trainable_variables)
            outputs, penalty = forward(x, *constants)
            losses = plan.task.losses(y, outputs)
            if plan.sample_weights is not None:
                losses *= plan.sample_weights(y)
            loss = plan.label_weight * tf.reduce_mean(losses) + penalty
        measures = plan.task.measures(y, outputs)
        sums = [tf.reduce_sum(losses), tf.reduce_sum(measures), tf.cast(tf.size(measures), tf.float32)]
        gradients = tape.gradient(loss, plan.trainable_variables)
        if plan.workers is not None:
            gradients, sums = _over_all(plan, plan.workers, gradients, sums)
        step = plan.global_step.read_value()
        optimizer.apply(gradients, tf.gather(plan.rates, step))
        if plan.pruner is not None:
            plan.pruner.apply()
        if plan.average is not None:
            plan.average.follow(step)
        plan.global_step.assign_add(1)
        return tuple(sums)

    if plan.workers is not None:
        return Step(optimizer, plan.workers.compile(train_step, like.signature()), evaluate)
    compiled = tf.function(train_step, autograph=False, input_signature=like.signature())
    return Step(optimizer, compiled.get_concrete_function(), evaluate)


def _over_all(
    plan: PhasePlan, workers: Workers, gradients: Sequence[tf.Tensor], sums: Sequence[tf.Tensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Mean gradients and sums over all workers, each counting as many times as it had rows; so do the statistics."""
    rows = sums[-1]
    means = [*gradients, *(variable.read_value() for variable in plan.statistics)]
    *means, loss, metric, total = workers.sum([*(value * rows for value in means), *sums])
    means = [value / total for value in means]
    for variable, mean in zip(plan.statistics, means[len(gradients) :], strict=True):
        variable.assign(mean)
    return means[: len(gradients)], [loss, metric, total]


def make_evaluate(task: Task, forward: Callable[..., tf.Tensor], like: Samples) -> Evaluate:
    """Compiles a function that gives the mean loss and the metric of samples shaped `like` these.

    It gives None where the checkpointer must stop before the end.
    """
    import tensorflow as tf

    def score(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = forward(as_input(x), training=False)
        return tf.reduce_sum(task.losses(y, outputs)), tf.reduce_sum(task.measures(y, outputs))

    compiled = tf.function(score, autograph=False, input_signature=like.signature()).get_concrete_function()

    def evaluate(samples: Samples, checkpointer: Checkpointer) -> tuple[float, float] | None:
        sums = np.zeros(2)
        for found in two_at_once(compiled, batches(samples, np.arange(len(samples)), 64)):
            if checkpointer.stopping:
                return None
            sums += [float(value) for value in found]
        return float(sums[0] / len(samples)), float(sums[1] / len(samples))

    return evaluate
