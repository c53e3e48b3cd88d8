"""Quantisation-aware training: the simulation is what INT8 computes, and it regains what INT8 loses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ei_compat.core.progress import SILENT
from tests.train.methods.test_loop import Checkpointer
from tests.train.networks import classification
from train.evaluate import predict
from train.methods import qat
from train.methods.int8_ready import snap_kernels, snap_scales
from train.methods.quantize import calibration_set, freeze, to_float, to_int8
from train.methods.state import TrainState
from train.methods.trainer import Trainer
from train.network import Network, prunable_kernels
from train.recipe import Recipe
from train.samples import Samples
from train.scaling import Scaling
from train.sparsity import sparsity
from train.views import AS_THEY_ARE

SIDE, LOUD = 8, 300.0
OPTIONS = {
    "soft_answers": 0.0,
    "distill": 0.0,
    "prune": False,
    "min_steps": 0,
    "qat_epochs": 8,
    "qat_learning_rate": 0.02,
    "calibration_samples": 64,
}


def images(count: int, seed: int) -> Samples:
    """Noise; in one class the first channel is a little brighter than the second, in the other it is darker."""
    random = np.random.default_rng(seed)
    y = np.arange(count, dtype=np.int32) % 2
    x = random.integers(60, 180, (count, SIDE, SIDE, 3))
    x[..., 0] += np.where(y, 20, -20)[:, np.newaxis, np.newaxis]
    return Samples(x.astype(np.uint8), y)


def make_training(loud: float = LOUD, **options: Any) -> Trainer:
    """A network that is right in float32 and blind as INT8.

    Its bottleneck has a channel so many times as loud as those that tell the classes apart that these are less than a
    step of the scale that all share.
    """
    import tensorflow as tf
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    pixels = layers.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 1, use_bias=False, name="squeeze")(pixels)
    x = layers.BatchNormalization(name="bottleneck")(x)
    x = layers.Conv2D(8, 1, use_bias=False, name="expand")(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization(name="expand_BN")(x))
    backbone = keras.Model(pixels, layers.GlobalAveragePooling2D()(x))
    features = layers.Input((8,))
    network = Network(backbone, keras.Model(features, layers.Dense(2, activation="softmax")(features)))
    squeeze = np.array([[1, -1, 0], [-1, 1, 0], [0.5, -0.5, 0], [0, 0, 1]]).T
    backbone.get_layer("squeeze").kernel.assign(squeeze.reshape(1, 1, 3, 4))
    backbone.get_layer("bottleneck").gamma.assign([1, 1, 1, loud])
    backbone.get_layer("expand_BN").beta.assign(np.ones(8))
    expand = np.zeros((4, 8))
    expand[0, 0] = expand[1, 1] = 1.0
    expand[2:, 2:] = np.random.default_rng(1).normal(size=(2, 6)) * [[0.1], [0.1 / loud]]
    backbone.get_layer("expand").kernel.assign(expand.reshape(1, 1, 4, 8))
    network.head.layers[-1].kernel.assign(np.vstack([[[-4.0, 4.0], [4.0, -4.0]], np.zeros((6, 2))]))
    recipe = Recipe(**OPTIONS | options)
    data = SimpleNamespace(
        training=images(256, 1), validation=images(100, 2), task=classification(2), scaling=Scaling.of("0..1", 3)
    )
    return Trainer(recipe, network, tf.Variable(0, dtype=tf.int64), data, Checkpointer(), SILENT)


def weights(training: Trainer) -> list[np.ndarray]:
    return [variable.numpy() for variable in training.network.variables]


def train(training: Trainer, state: TrainState | None = None) -> TrainState:
    before = SimpleNamespace(features=SimpleNamespace(variants=AS_THEY_ARE))
    state = state or qat.begin(TrainState("finetune"), np.ones(100, bool))
    return qat.train_aware(training, state, before)


def answers(training: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [N, 2] of the validation pictures by the float and by the INT8 file."""
    data, recipe = training.data, training.recipe
    frozen = freeze(training.network)
    files = to_float(frozen), to_int8(frozen, calibration_set(data, recipe))
    return tuple(predict(file, data.validation) for file in files)


def accuracy(probabilities: np.ndarray, training: Trainer) -> float:
    return float((probabilities.argmax(axis=1) == training.data.validation.y).mean())


def test_what_int8_loses_is_regained() -> None:
    training = make_training()
    as_float, as_int8 = answers(training)
    assert accuracy(as_float, training) > 0.95
    assert accuracy(as_int8, training) < 0.7

    state = train(training)

    as_float, as_int8 = answers(training)
    assert accuracy(as_int8, training) > 0.95
    assert accuracy(as_float, training) > 0.95
    assert state.best_epochs["qat"] >= 1
    assert [line.phase for line in state.history] == ["qat"] * OPTIONS["qat_epochs"]


def test_the_simulation_gives_what_the_int8_file_gives() -> None:
    training = make_training()
    simulation = qat.Simulation(training.network)
    simulation.begin()
    simulation.measure_ranges(training)
    pixels = training.data.validation.x.astype(np.float32) / 255

    simulated = simulation.network(pixels, training=False).numpy()
    simulation.end()

    as_float, as_int8 = answers(training)
    assert np.abs(simulated - as_int8).mean() < 0.05 * np.abs(as_float - as_int8).mean()


def test_where_no_epoch_is_better_the_network_stays_and_its_kernels_are_on_the_grid() -> None:
    training, other = make_training(10.0, qat_learning_rate=10.0, qat_epochs=2), make_training(10.0)

    state = train(training)

    assert state.best_epochs["qat"] == 0
    snap_kernels(other.network)
    snap_scales(other.network)
    for ours, theirs in zip(weights(training), weights(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_what_is_zero_stays_zero_and_a_stopped_run_goes_on_to_the_same_weights() -> None:
    options = {"prune": True, "sparsity_allocation": "uniform", "final_sparsity": 0.5, "qat_epochs": 2}
    whole = make_training(**options)
    train(whole)
    stopped = replace(make_training(**options), checkpointer=Checkpointer(stop_after=8))
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    saved = stopped.checkpointer.saved[-1]
    assert saved.step == 7

    resumed = make_training(**options)
    resumed.network.head.layers[-1].kernel.assign(np.zeros((8, 2)))  # whatever it holds, the checkpoint counts
    train(resumed, saved)

    assert all(sparsity([kernel.numpy()]) >= 0.5 for kernel in prunable_kernels(whole.network))
    for ours, theirs in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_units_leave_the_function_as_it_is_and_make_channels_alike() -> None:
    training = make_training()
    before = weights(training)
    simulation = qat.Simulation(training.network)

    simulation.begin()

    expand = training.network.backbone.get_layer("expand").kernel.numpy()
    sizes = np.sqrt(np.square(expand).mean(axis=(0, 1, 3)))
    assert sizes.max() < 3 * sizes.min()
    simulation.end()
    for ours, theirs in zip(weights(training), before, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
