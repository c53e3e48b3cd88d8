"""Without pruning, fine-tuning gives way to the network before it where that was better."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ei_compat.core.progress import SILENT
from tests.train.networks import classification, mobilenet_v2
from train.methods import finetune
from train.methods.finetune import END, PHASE, Before, _keep_the_better
from train.methods.loop import PhasePlan
from train.methods.state import Epoch, TrainState
from train.methods.trainer import Trainer
from train.recipe import Recipe
from train.samples import Samples
from train.views import Variants, Views


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
    layers = [SimpleNamespace(trainable=True), SimpleNamespace(trainable=True)]
    backbone = SimpleNamespace(trainable=True, layers=layers)
    network, data = SimpleNamespace(variables=[weight], backbone=backbone), SimpleNamespace(task=classification(2))
    training = SimpleNamespace(network=network, data=data, progress=SILENT, finished=None)
    line = Epoch(PHASE, 3, 1.0, 0.9, 1.0, 0.5, 0.0, 0.0, 1.0)
    state = TrainState(PHASE, teacher=[np.float32(1.0)], history=[line], best_epochs={PHASE: 3})
    before = Before(None, np.zeros(0), {"head": {"validation": np.array(right)}})

    _keep_the_better(training, state, before, learned=[False, True])

    assert float(weight) == kept
    assert state.best_epochs[PHASE] == epoch
    learns = [layer.trainable for layer in layers]
    assert learns == [epoch > 0, True], "the statistics of what was frozen are those of a frozen network"


def at_its_beginning(recipe: Recipe) -> tuple[Trainer, Before]:
    """Fine-tuning of eight black pictures at 32 pixels and their mirror images, of two classes."""
    import tensorflow as tf

    network, global_step = mobilenet_v2(recipe, (32, 32, 3), 2), tf.Variable(0, dtype=tf.int64)
    samples = Samples(np.zeros((8, 32, 32, 3), np.uint8), np.zeros(8, np.int32))
    data = SimpleNamespace(task=classification(2), training=samples, validation=samples)
    features = SimpleNamespace(variants=Variants(mirrored=True), training=np.zeros((16, 1280), np.float32))
    trainer = Trainer(recipe, network, global_step, data, SimpleNamespace(), SILENT)
    return trainer, Before(features, np.full((16, 2), 0.5, np.float32), {})


@pytest.mark.parametrize(
    ("initial", "parts"),
    [pytest.param(0.5, ["beginning"], id="more and more zeros"), pytest.param(0.8, ["beginning", "end"], id="all")],
)
def test_what_is_pruned_at_once(initial: float, parts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(
        image_size=32, batch_size=4, min_steps=0, prune_at_once=True, end_share=0.4, initial_sparsity=initial
    )
    trainer, before = at_its_beginning(recipe)
    pruned: list[tuple[str, tuple[int, ...], int]] = []

    def prune(_: Trainer, model: Any, views: Views, shares: dict[int, float]) -> None:
        own = {id(variable) for variable in model.variables}
        pruned.append((model.name, views.x.shape, len(own & shares.keys())))

    monkeypatch.setattr(finetune, "prune_at_once", prune)
    monkeypatch.setattr(finetune, "fit", lambda _plan, _known, _held, state, *_: state)
    finetune.fine_tune(trainer, TrainState(PHASE), before)

    assert [name for name, *_ in pruned] == parts
    assert pruned[0][1] == (8, 32, 32, 3)
    assert all(shape[:1] == (16,) for _, shape, _ in pruned[1:]), "the planes of all views"
    assert all(kernels > 5 for *_, kernels in pruned)

    trainer, before = at_its_beginning(recipe)
    pruned.clear()
    resumed = TrainState(PHASE, weights=[variable.numpy() for variable in trainer.network.variables])
    finetune.fine_tune(trainer, resumed, before)
    assert not pruned, "a checkpoint's weights are pruned already"


@pytest.mark.parametrize("least_steps", [pytest.param(0, id="enough pictures"), pytest.param(40, id="few pictures")])
def test_the_end_goes_on_where_the_whole_network_stopped(least_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(image_size=32, batch_size=4, min_steps=least_steps)
    training, before = at_its_beginning(recipe)
    plans: list[tuple[PhasePlan, Views]] = []

    def fit(plan: PhasePlan, views: Views, held: Samples, state: TrainState, *_: object) -> TrainState:
        plans.append((plan, views))
        return state

    monkeypatch.setattr(finetune, "fit", fit)
    finetune.fine_tune(training, TrainState(PHASE), before)

    (whole, images), (end, known) = plans
    assert (whole.phase, whole.epochs, end.phase, end.earlier, end.epochs) == (PHASE, 4, END, 4, 6)
    assert len(end.rates) == len(end.pruner.sparsities) == 6 * len(whole.rates) // 10
    assert end.rates[-1] == pytest.approx(3 * whole.rates[-1]), "falls to the end"
    assert end.rates[0] == pytest.approx(0.0015)
    assert end.label_weight == pytest.approx(0.8)
    assert whole.number != end.number, "or both would draw the same order"
    assert set(end.pruner.sparsities) == {recipe.final_sparsity}
    assert 0 < len(end.trainable_variables) < len(whole.trainable_variables)
    assert images.x.shape[1:] == (32, 32, 3)
    assert known.x.shape[:1] == (16,)
