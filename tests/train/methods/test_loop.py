"""The training loop on a network so small that its steps cost nothing."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ei_compat.core.errors import TrainingError
from ei_compat.core.progress import SILENT
from tests.train.networks import classification
from train.batches import batches, two_at_once
from train.methods.average import Average
from train.methods.loop import PhasePlan, _is_best, fit, make_step
from train.methods.prune import make_pruner
from train.methods.state import TrainState
from train.methods.trainer import learning_rates
from train.recipe import Recipe
from train.samples import Samples

EPOCHS, BATCH = 6, 8


class Checkpointer:
    """Counts what it is given to save, and stops when told to."""

    def __init__(self, stop_after: float = math.inf) -> None:
        self.saved: list[TrainState] = []
        self._stop_after = stop_after

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass

    def hold(self) -> None:
        pass

    def save(self, state: TrainState) -> None:
        self.saved.append(replace(state, history=list(state.history)))

    @property
    def stopping(self) -> bool:
        self._stop_after -= 1
        return self._stop_after < 0

    def check(self) -> None:
        raise KeyboardInterrupt  # what the real one raises does not matter here


@pytest.fixture
def samples() -> Samples:
    """Points on two sides of a line."""
    x = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    return Samples(x, (x[:, 0] > 0).astype(np.int32))


@pytest.fixture
def make_plan(samples: Samples) -> Callable[..., PhasePlan]:
    """Makes a plan for a single dense layer, always from the same weights."""
    import tensorflow as tf
    import tf_keras as keras

    def make(*, prune: bool = False, rate: float = 0.05) -> PhasePlan:
        keras.utils.set_random_seed(1)
        layer = keras.layers.Dense(2, activation="softmax")
        layer.build((None, 4))
        steps = EPOCHS * math.ceil(len(samples) / BATCH)
        return PhasePlan(
            task=classification(2),
            phase="test",
            number=4,
            epochs=EPOCHS,
            batch_size=BATCH,
            seed=1,
            beta_2=0.98,
            rates=learning_rates(rate, steps, 0.5),
            forward=lambda x, training: layer(x),
            trainable_variables=layer.trainable_variables,
            variables=layer.variables,
            global_step=tf.Variable(0, dtype=tf.int64),
            pruner=make_pruner(Recipe(final_sparsity=0.75), [layer.kernel], steps) if prune else None,
        )

    return make


def run(plan: PhasePlan, samples: Samples, state: TrainState | None = None, checkpointer: Any = None) -> TrainState:
    return fit(plan, samples, samples, state or TrainState("test"), checkpointer or Checkpointer(), SILENT)


def test_it_learns_and_keeps_the_best_epoch(make_plan, samples: Samples) -> None:
    plan = make_plan()
    state = run(plan, samples)

    assert [line.epoch for line in state.history] == list(range(1, EPOCHS + 1))
    assert state.history[-1].metric > 0.8
    assert state.best_epochs == {"test": EPOCHS}, "as good as any, and trained the longest"
    for variable, value in zip(plan.variables, state.best, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 30])
def test_stopped_after_any_step_it_goes_on_to_the_same_weights(make_plan, samples: Samples, steps: int) -> None:
    whole = run(make_plan(prune=True), samples)
    checkpointer = Checkpointer(stop_after=steps)
    with pytest.raises(KeyboardInterrupt):
        run(make_plan(prune=True), samples, checkpointer=checkpointer)

    resumed = run(make_plan(prune=True), samples, state=checkpointer.saved[-1])

    assert resumed.step == whole.step
    assert resumed.best_epochs == whole.best_epochs
    for a, b in zip(resumed.best, whole.best, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(resumed.history, whole.history, strict=True):
        assert (a.loss, a.metric, a.val_loss) == (b.loss, b.metric, b.val_loss)


def test_a_step_made_before_there_are_rows_is_the_same_and_traces_no_more(make_plan, samples: Samples) -> None:
    traced = []
    whole, plan = run(make_plan(), samples), make_plan()
    forward = plan.forward

    def told(x: Any, *, training: bool) -> Any:
        traced.append(training)
        return forward(x, training)

    plan = replace(plan, forward=told)
    step = make_step(plan, *[Samples(samples.x[:0], samples.y)] * 2)

    assert traced == [False, True], "to measure, and to learn"
    state = fit(plan, samples, samples, TrainState("test"), Checkpointer(), SILENT, step=step)

    assert len(traced) == 2
    for a, b in zip(state.best, whole.best, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("accuracies", "kept"),
    [
        pytest.param([0.5, 0.8, 0.79], 3, id="within a standard error"),
        pytest.param([0.5, 0.8, 0.6], 2, id="worse by more"),
        pytest.param([0.5, 0.8, 0.6, 0.77], 4, id="back again"),
        pytest.param([0.0, 0.0], 2, id="nothing right"),
        pytest.param([1.0, 0.99], 1, id="everything right"),
    ],
)
def test_the_last_epoch_that_is_not_worse_than_the_best_is_kept(accuracies: list[float], kept: int) -> None:
    state, best = TrainState("test"), 0
    for epoch, accuracy in enumerate(accuracies, start=1):
        best = epoch if _is_best(classification(2), accuracy, state, 100) else best

    assert best == kept


def test_an_epoch_of_several_passes_sees_every_sample_as_often(
    make_plan, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(found: Samples, order: np.ndarray, *rest: object, **named: object) -> Iterator[tuple[np.ndarray, ...]]:
        orders.append(order)
        return batches(found, order, *rest, **named)  # type: ignore[arg-type] # as they came

    orders: list[np.ndarray] = []
    steps = EPOCHS * math.ceil(3 * len(samples) / BATCH)
    plan = replace(make_plan(), passes=3, rates=learning_rates(0.05, steps, 0.5))
    monkeypatch.setattr("train.methods.loop.batches", noted)

    state = run(plan, samples)

    assert (state.step, len(state.history)) == (steps, EPOCHS)
    drawn = [np.bincount(order, minlength=len(samples)) for order in orders if len(order) > len(samples)]
    assert len(drawn) == EPOCHS
    assert all((times == 3).all() for times in drawn)


def test_the_average_is_measured_and_kept_and_survives_a_stop(make_plan, samples: Samples) -> None:
    def make() -> PhasePlan:
        plan = make_plan(prune=True)
        return replace(plan, average=Average(plan.variables, 0.9, plan.pruner.first_final_step))

    whole = run(make(), samples)
    checkpointer = Checkpointer(stop_after=30)
    with pytest.raises(KeyboardInterrupt):
        run(make(), samples, checkpointer=checkpointer)
    resumed = run(make(), samples, state=checkpointer.saved[-1])

    np.testing.assert_array_equal(np.concatenate([kept.ravel() for kept in whole.best]), *whole.average)
    for kept, other, last in zip(whole.best, resumed.best, whole.weights, strict=True):
        np.testing.assert_array_equal(kept, other)
        assert (kept != last).any()
    assert (whole.best[0] == 0).sum() == 6


def test_only_epochs_at_the_final_sparsity_are_chosen(make_plan, samples: Samples) -> None:
    plan = make_plan(prune=True)
    state = run(plan, samples)

    final = [line.epoch for line in state.history if line.sparsity >= 0.75]
    assert state.best_epochs["test"] in final
    assert (plan.trainable_variables[0].numpy() == 0).sum() == 6


def test_loss_that_is_no_number_is_an_error(make_plan, samples: Samples) -> None:
    broken = Samples(np.where(samples.x > 2, np.nan, samples.x), samples.y)

    with pytest.raises(TrainingError, match=r"test: the loss became nan in epoch 1; use a lower learning rate"):
        run(make_plan(), broken)


def test_batches_come_in_the_order_asked_for_and_from_any_batch_on(samples: Samples) -> None:
    order = np.arange(60)[::-1]

    everything = list(batches(samples, order, 8))
    rest = list(batches(samples, order, 8, first=5))

    np.testing.assert_array_equal(np.concatenate([x for x, _ in everything]), samples.x[::-1])
    assert [len(y) for _, y in everything] == [8] * 7 + [4]
    assert len(rest) == 3
    np.testing.assert_array_equal(rest[0][0], everything[5][0])


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        pytest.param(0.0, [1, 1, 1, 1], id="constant"),
        pytest.param(0.5, [1, 1, 1, 0.5], id="falls in the second half"),
        pytest.param(1.0, [1, 0.75, 0.5, 0.25], id="falls from the start"),
    ],
)
def test_learning_rates(decay: float, expected: list[float]) -> None:
    np.testing.assert_allclose(learning_rates(1.0, 4, decay), expected)


def test_two_at_once_keep_their_order_and_no_more_are_begun() -> None:
    begun: list[int] = []
    both = threading.Barrier(2, timeout=30)

    def work(number: int) -> int:
        begun.append(number)
        both.wait()  # two are at work together, or this breaks
        return number

    results = two_at_once(work, ((number,) for number in range(6)))

    assert next(results) == 0
    assert len(begun) <= 4, "two done, two at work"
    assert list(results) == [1, 2, 3, 4, 5]
    with pytest.raises(ZeroDivisionError):
        list(two_at_once(lambda number: 1 / number, [(1,), (0,)]))
