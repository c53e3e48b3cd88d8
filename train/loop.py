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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ei_compat.core.errors import TrainingError
from train.adam import Adam
from train.batches import as_input, batches

if TYPE_CHECKING:
    import tensorflow as tf

    from ei_compat.core.progress import Progress
    from train.average import Average
    from train.data import Samples
    from train.prune import Pruner
    from train.views import Views
    from train.workers import Workers

CHECKPOINT_SECONDS = 60.0  # a long epoch is saved this often on its way


@dataclass(frozen=True, slots=True)
class Plan:
    """What one phase does.

    Attributes:
        phase: its name.
        epochs, batch_size, seed, beta_2: as in the recipe.
        rates: learning rate of every step of the phase.
        forward: (inputs, training) to class probabilities, as the network is measured.
        passes: how often an epoch goes through the training set.
        earlier: epochs of an earlier phase that the log counts this one's after.
        learn: inputs and the constants of their rows to class probabilities and a scalar that joins the loss, as the
            network is trained; where None, that is `forward` alone. Distillation enters here.
        hard: factor of the cross-entropy with the labels in the loss.
        learning: the variables that gradients change.
        everything: all variables that the phase may change, statistics included; what a checkpoint holds.
        clock: a variable that holds the number of the step; what is random in the graph is drawn from it.
        prepare: inputs as they come from the data to inputs of `forward`, training only (augmentation).
        class_weights: factor of each class in the loss, or None.
        pruner: holds the pruned weights at zero, or None.
        average: of the weights, which is measured and kept in their place once there is one, or None.
        workers: the processes that share every batch, or None.
        statistics: moving statistics that a step changes; where workers share it, they are averaged as gradients are.
        before_epoch: changes some of `everything`, and depends on nothing else.
    """

    phase: str
    epochs: int
    batch_size: int
    seed: int
    beta_2: float
    rates: np.ndarray
    forward: Callable[..., tf.Tensor]
    learning: Sequence[tf.Variable]
    everything: Sequence[tf.Variable]
    clock: tf.Variable
    passes: int = 1
    earlier: int = 0
    learn: Callable[..., tuple[tf.Tensor, tf.Tensor | float]] | None = None
    hard: float = 1.0
    prepare: Callable[[tf.Tensor], tf.Tensor] | None = None
    class_weights: np.ndarray | None = None
    pruner: Pruner | None = None
    average: Average | None = None
    workers: Workers | None = None
    statistics: Sequence[tf.Variable] = ()
    before_epoch: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training log; losses are mean cross-entropies in nats, accuracies are shares.

    With class weights `loss` is the weighted one, and `val_loss` is not.
    """

    phase: str
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    sparsity: float
    seconds: float


@dataclass(slots=True)
class State:
    """Where a phase stands; everything that a later process needs to go on with it."""

    phase: str
    step: int = 0  # steps done
    loss_sum: float = 0.0  # of the epoch under way
    hits: int = 0
    seconds: float = 0.0
    weights: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    average: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)
    teacher: list[np.ndarray] = field(default_factory=list)  # the network before fine-tuning
    chosen: list[np.ndarray] = field(default_factory=list)  # see `qat.begin`
    best_accuracy: float = 0.0  # of any epoch so far, on validation
    best_epochs: dict[str, int] = field(default_factory=dict)
    history: list[Epoch] = field(default_factory=list)


class Keeper(Protocol):
    """Whoever saves checkpoints; within its `with` block, once held, signals are noted and not acted on."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *exc: Any) -> None: ...

    def hold(self) -> None:
        """Starts to note signals, to the end of the block."""

    def save(self, state: State) -> None:
        """Writes a checkpoint."""

    @property
    def stopping(self) -> bool:
        """Whether training must stop, on a signal or for the time."""
        ...

    def check(self) -> None:
        """Raises what says why, when training must stop."""


def fit(
    plan: Plan, training: Samples | Views, validation: Samples, state: State, keeper: Keeper, progress: Progress
) -> State:
    """Trains one phase from `state` to its end and leaves the best epoch's weights in the variables.

    The best is the last whose validation accuracy is within a standard error of the highest (Breiman et al. 1984): with
    few pictures the highest is chance, and what has trained longest at a falling rate is the better guess.

    The state is saved before the first step. That one takes long, because TensorFlow prepares itself in it, and may be
    cut short by a signal; the others are finished first.

    Raises:
        TrainingError: the loss is no longer a number.
        Interrupted: a signal came, or, as TrainingError, the time is up; the state has been saved.
    """
    optimizer = Adam(plan.learning, plan.beta_2)
    _restore(plan, optimizer, state)
    train_step, evaluate = _make_train_step(plan, optimizer, training), make_evaluate(plan.forward, validation)
    per_epoch = math.ceil(plan.passes * len(training) / plan.batch_size)
    follow = _join(plan, optimizer, state)

    def end_epoch(started: float) -> None:
        with nullcontext() if plan.average is None else plan.average.in_place(state.step - 1):
            scores = evaluate(validation, keeper)
            if scores is not None:  # else a signal came; who goes on from here evaluates first
                _keep_if_best(plan, state, scores[1], len(validation))
        if scores is not None:
            _end_epoch(plan, state, plan.passes * len(training), scores, started)
            _report(progress, plan, state.history[-1])

    _capture(plan, optimizer, state)
    keeper.save(state)
    saved_at = time.monotonic()
    with keeper, progress.task(plan.phase, plan.epochs * per_epoch, "step") as task:
        task.advance(state.step)
        if _epochs_done(plan, state) < state.step // per_epoch:
            end_epoch(time.monotonic() - state.seconds)
        for epoch in range(state.step // per_epoch, plan.epochs):
            if plan.before_epoch is not None and state.step % per_epoch == 0:
                plan.before_epoch()
            follow()
            random = np.random.default_rng([plan.seed, len(plan.phase), epoch])
            order = np.concatenate([training.draw(random) for _ in range(plan.passes)])
            started = time.monotonic() - state.seconds
            share = None if plan.workers is None else plan.workers.share
            for batch in batches(training, order, plan.batch_size, first=state.step % per_epoch, share=share):
                if plan.pruner is not None:
                    plan.pruner.before_step(state.step)
                plan.clock.assign(state.step)
                optimizer.rate.assign(plan.rates[state.step])
                rows = min(plan.batch_size, len(order) - state.step % per_epoch * plan.batch_size)
                loss, hits, seen = (float(value) for value in train_step(*batch))
                keeper.hold()
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the loss became {loss} in epoch {epoch + 1}",
                        where=plan.phase,
                        fix="use a lower learning rate",
                    )
                if plan.average is not None:
                    plan.average.after_step(state.step)
                state.loss_sum += loss * (rows / seen)  # the few rows of a last batch may be seen by every worker
                state.hits, state.step = state.hits + round(hits * (rows / seen)), state.step + 1
                state.seconds = time.monotonic() - started
                task.advance(1, epoch=state.step / per_epoch, loss=loss / seen)
                if state.step % per_epoch == 0:
                    end_epoch(started)
                elif not keeper.stopping and time.monotonic() - saved_at < CHECKPOINT_SECONDS:
                    continue
                _capture(plan, optimizer, state)
                keeper.save(state)
                saved_at = time.monotonic()
                if keeper.stopping:
                    keeper.check()
        if keeper.stopping:  # a signal came since; the state is saved
            keeper.check()
    if state.best:  # a phase of no epochs has none
        for variable, value in zip(plan.everything, state.best, strict=True):
            variable.assign(value)
    return state


def _end_epoch(plan: Plan, state: State, samples: int, scores: tuple[float, float], started: float) -> None:
    """Writes the epoch's line and clears the running sums."""
    pruner, step = plan.pruner, state.step - 1
    line = Epoch(
        phase=plan.phase,
        epoch=1 + plan.earlier + _epochs_done(plan, state),
        loss=state.loss_sum / samples,
        accuracy=state.hits / samples,
        val_loss=scores[0],
        val_accuracy=scores[1],
        learning_rate=float(plan.rates[step]),
        sparsity=0.0 if pruner is None else float(pruner.sparsities[step]),
        seconds=time.monotonic() - started,
    )
    state.history.append(line)
    state.loss_sum, state.hits, state.seconds = 0.0, 0, 0.0


def _keep_if_best(plan: Plan, state: State, accuracy: float, held: int) -> None:
    """Keeps the weights where this accuracy on `held` pictures makes them the best so far."""
    eligible = plan.pruner is None or state.step - 1 >= plan.pruner.first_final_step
    if eligible and _is_best(accuracy, state, held):
        state.best = [variable.numpy() for variable in plan.everything]
        state.best_epochs[plan.phase] = 1 + plan.earlier + _epochs_done(plan, state)


def _is_best(accuracy: float, state: State, held: int) -> bool:
    """Whether this accuracy on `held` pictures is within a standard error of the best so far; notes a new best."""
    state.best_accuracy = best = max(state.best_accuracy, accuracy)
    return accuracy >= best - math.sqrt(best * (1 - best) / held)


def _epochs_done(plan: Plan, state: State) -> int:
    """Epochs of this phase that have their line in the history."""
    return sum(row.phase == plan.phase for row in state.history)


def _report(progress: Progress, plan: Plan, line: Epoch) -> None:
    names = ("loss", "accuracy", "val_loss", "val_accuracy") + (("sparsity",) if plan.pruner else ())
    figures = " - ".join(f"{name}: {getattr(line, name):.4f}" for name in names)
    progress.note(f"Epoch {line.epoch}/{plan.earlier + plan.epochs} - {line.seconds:.0f}s - {figures}")


def _capture(plan: Plan, optimizer: Adam, state: State) -> None:
    """Copies the variables into the state."""
    copies = [[variable.numpy() for variable in variables] for variables in _variables(plan, optimizer)]
    state.weights, state.optimizer, state.masks, state.average = copies


def _restore(plan: Plan, optimizer: Adam, state: State) -> None:
    """Copies a saved state into the variables; nothing to do for a phase that starts."""
    if not state.weights:
        return
    saved = (state.weights, state.optimizer, state.masks, state.average)
    for variables, values in zip(_variables(plan, optimizer), saved, strict=True):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _variables(plan: Plan, optimizer: Adam) -> tuple[Sequence[tf.Variable], ...]:
    """What a step may change: the network's, the optimizer's, masks and averages."""
    masks = () if plan.pruner is None else plan.pruner.masks
    average = () if plan.average is None else plan.average.values
    return plan.everything, optimizer.variables, masks, average


def _join(plan: Plan, optimizer: Adam, state: State) -> Callable[[], None]:
    """What is called before each epoch, so that all workers have the chief's values; nothing where there are none.

    Raises:
        UsageError: the workers are about to do different things.
    """
    if plan.workers is None:
        return lambda: None
    plan.workers.check_agreement(hashlib.sha256(repr((plan.phase, state.step, plan.epochs)).encode()).digest())
    return plan.workers.follow_chief([v for variables in _variables(plan, optimizer) for v in variables])


def _make_train_step(
    plan: Plan, optimizer: Adam, samples: Samples | Views
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Compiles one step: a batch in; its summed loss, its count of hits and its size out, over all workers."""
    import tensorflow as tf
    import tf_keras as keras

    learn = plan.learn or (lambda x, *_: (plan.forward(x, training=True), 0.0))
    factors = None if plan.class_weights is None else tf.constant(plan.class_weights, tf.float32)

    def train_step(x: tf.Tensor, y: tf.Tensor, *constants: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = as_input(x)
        if plan.prepare is not None:
            x = plan.prepare(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(plan.learning)
            probabilities, penalty = learn(x, *constants)
            losses = keras.losses.sparse_categorical_crossentropy(y, probabilities)
            if factors is not None:
                losses *= tf.gather(factors, y)
            loss = plan.hard * tf.reduce_mean(losses) + penalty
        hits = tf.cast(tf.equal(tf.argmax(probabilities, 1, y.dtype), y), tf.float32)
        sums = [tf.reduce_sum(losses), tf.reduce_sum(hits), tf.cast(tf.size(y), tf.float32)]
        gradients = tape.gradient(loss, plan.learning)
        if plan.workers is not None:
            gradients, sums = _over_all(plan, plan.workers, gradients, sums)
        optimizer.apply(gradients)
        if plan.pruner is not None:
            plan.pruner.apply()
        return tuple(sums)

    if plan.workers is not None:
        return plan.workers.compile(train_step, samples.signature())
    compiled: Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]] = tf.function(
        train_step, autograph=False, input_signature=samples.signature()
    )
    return compiled


def _over_all(
    plan: Plan, workers: Workers, gradients: Sequence[tf.Tensor], sums: Sequence[tf.Tensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Mean gradients and sums over all workers, each counting as many times as it had rows; so do the statistics."""
    rows = sums[-1]
    means = [*gradients, *(variable.read_value() for variable in plan.statistics)]
    *means, loss, hits, total = workers.sum([*(value * rows for value in means), *sums])
    means = [value / total for value in means]
    for variable, mean in zip(plan.statistics, means[len(gradients) :], strict=True):
        variable.assign(mean)
    return means[: len(gradients)], [loss, hits, total]


def make_evaluate(
    forward: Callable[..., tf.Tensor], like: Samples
) -> Callable[[Samples, Keeper], tuple[float, float] | None]:
    """Compiles a function that gives the mean loss and the accuracy of samples shaped `like` these.

    It gives None where the keeper must stop before the end.
    """
    import tensorflow as tf
    import tf_keras as keras

    @tf.function(autograph=False, input_signature=like.signature())
    def score(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        probabilities = forward(as_input(x), training=False)
        hits = tf.reduce_sum(tf.cast(tf.equal(tf.argmax(probabilities, 1, y.dtype), y), tf.int32))
        return tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(y, probabilities)), hits

    def evaluate(samples: Samples, keeper: Keeper) -> tuple[float, float] | None:
        sums = np.zeros(2)
        for x, y in batches(samples, np.arange(len(samples)), 64):
            if keeper.stopping:
                return None
            sums += [float(value) for value in score(x, y)]
        return float(sums[0] / len(samples)), float(sums[1] / len(samples))

    return evaluate
