"""Without pruning, fine-tuning gives way to the network before it where that was better."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ei_compat.core.progress import SILENT
from train import finetune
from train.data import Samples
from train.finetune import END, PHASE, Before, _keep_the_better
from train.loop import Epoch, Plan, State
from train.model import build_network
from train.recipe import Recipe
from train.training import Training
from train.views import Views


@pytest.mark.parametrize(
    ("right", "kept", "epoch"),
    [
        pytest.param([True, True, True, False], 1.0, 0, id="better before"),
        pytest.param([True, True, False, False], 2.0, 3, id="as good before"),
        pytest.param([True, False, False, False], 2.0, 3, id="worse before"),
    ],
)
def test_the_better_network_is_kept(right: list[bool], kept: float, epoch: int) -> None:
    import tensorflow as tf

    weight = tf.Variable(2.0)
    backbone = SimpleNamespace(trainable=True)
    training = SimpleNamespace(network=SimpleNamespace(variables=[weight], backbone=backbone), progress=SILENT)
    line = Epoch(PHASE, 3, 1.0, 0.9, 1.0, 0.5, 0.0, 0.0, 1.0)
    state = State(PHASE, teacher=[np.float32(1.0)], history=[line], best_epochs={PHASE: 3})
    before = Before(None, np.zeros(0), {"head": {"validation": np.array(right)}})

    _keep_the_better(training, state, before, frozen=True)

    assert float(weight) == kept
    assert state.best_epochs[PHASE] == epoch
    assert backbone.trainable == (epoch > 0), "its statistics are those of a frozen network"


@pytest.mark.parametrize(
    ("least_steps", "rate", "hard"),
    [pytest.param(0, 0.001, 0.8, id="enough pictures"), pytest.param(40, 0.0005, 0.5, id="few pictures")],
)
def test_the_end_goes_on_where_the_whole_network_stopped(
    least_steps: int, rate: float, hard: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    recipe = Recipe(image_size=32, batch_size=4, min_steps=least_steps)
    network, clock = build_network(recipe, (32, 32, 3), 2), tf.Variable(0, dtype=tf.int64)
    samples = Samples(np.zeros((8, 32, 32, 3), np.uint8), np.zeros(8, np.int32))
    data = SimpleNamespace(training=samples, validation=samples)
    training = Training(recipe, network, clock, data, True, SimpleNamespace(), SILENT)
    before = Before(SimpleNamespace(mirrored=True, training=np.zeros((16, 1280))), np.full((16, 2), 0.5), {})
    plans: list[tuple[Plan, Views]] = []

    def fit(plan: Plan, views: Views, held: Samples, state: State, *_: object) -> State:
        plans.append((plan, views))
        return state

    monkeypatch.setattr(finetune, "fit", fit)
    finetune.fine_tune(training, State(PHASE), before)

    (whole, pictures), (end, known) = plans
    assert (whole.phase, whole.epochs, end.phase, end.earlier, end.epochs) == (PHASE, 4, END, 4, 6)
    assert len(end.rates) == 6 * len(whole.rates) // 10
    assert end.rates[0] == pytest.approx(rate)
    assert end.hard == pytest.approx(hard)
    assert set(end.pruner.sparsities) == {recipe.final_sparsity}
    assert 0 < len(end.learning) < len(whole.learning)
    assert pictures.x.shape[1:] == (32, 32, 3)
    assert known.x.shape[:1] == (16,)
