"""The path of a run with weights to start from: frozen features, a head on cached ones, an end that learns again.

A random weights file in the published layout stands for ImageNet's. What moved is looked at between the phases.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from ei_compat.core.progress import SILENT
from tests.train.conftest import draw_classes
from train import phases, pipeline
from train.backbones import weights_file
from train.graph import first_kernel
from train.job import Job
from train.methods import finetune
from train.methods.trainer import Trainer
from train.network import learning_layers, prunable_kernels
from train.recipe import Recipe
from train.runs.report import Report

OPTIONS = {
    "image_size": 32,
    "epochs": 2,
    "fine_tune_epochs": 2,
    "min_steps": 12,
    "batch_size": 8,
    "max_int8_drop": 1.0,
    "max_prune_drop": 1.0,
    "class_weights": True,
}


class Seen(NamedTuple):
    """One run, and the network's weights by variable before, between and after the phases."""

    report: Report
    trainer: Trainer
    loaded: dict[str, np.ndarray]
    with_head: dict[str, np.ndarray]
    fine_tuned: dict[str, np.ndarray]


def weights_of(trainer: Trainer) -> dict[str, np.ndarray]:
    return {variable.name: variable.numpy() for variable in trainer.network.variables}


@pytest.fixture
def observe(tmp_path: Path, short_mobilenet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the whole pipeline on two uneven classes and looks at the network between the phases."""
    import tf_keras as keras

    draw_classes(tmp_path / "pictures", {"cat": 18, "dog": 9})
    keras.utils.set_random_seed(7)
    short_mobilenet(keras.layers.Input((32, 32, 3))).save_weights(tmp_path / "start.h5")

    def run(**changes: Any) -> Seen:
        kept: dict[str, Any] = {}
        train_head, begin, deployed = phases.head.train_head, finetune.begin, phases.deployed

        def seen_head(trainer: Trainer, *arguments: Any) -> Any:
            kept["loaded"] = weights_of(trainer)
            return train_head(trainer, *arguments)

        def seen_begin(trainer: Trainer, done: Any) -> Any:
            kept["with_head"] = weights_of(trainer)
            return begin(trainer, done)

        def seen_deployed(trainer: Trainer) -> Trainer:
            kept["trainer"], kept["fine_tuned"] = trainer, weights_of(trainer)
            return deployed(trainer)

        monkeypatch.setattr(phases.head, "train_head", seen_head)
        monkeypatch.setattr(finetune, "begin", seen_begin)
        monkeypatch.setattr(phases, "deployed", seen_deployed)
        options = OPTIONS | {"weights": str(tmp_path / "start.h5")} | changes
        job = Job(tmp_path / "pictures", tmp_path / "out", Recipe(**options), given=frozenset(options), overwrite=True)
        report = pipeline.run(job, SILENT)
        assert report is not None
        return Seen(report, **kept)

    run.start = tmp_path / "start.h5"  # type: ignore[attr-defined]
    return run


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    """The variables that changed by more than the rounding of an average of the same value."""
    return {name for name, value in before.items() if not np.allclose(value, after[name], rtol=2e-6, atol=0)}


def test_pruned_only_the_head_moves_first_and_then_what_has_to(observe: Any) -> None:
    seen = observe()
    network = seen.trainer.network
    backbone, head = ({v.name for v in part.variables} for part in (network.backbone, network.head))

    tensors = weights_file.read_tensors(observe.start)
    np.testing.assert_array_equal(seen.loaded["block_1_expand/kernel:0"], tensors["block_1_expand"]["kernel"])
    first = first_kernel(network.backbone).kernel.name
    np.testing.assert_allclose(seen.loaded[first], 2 * tensors["Conv1"]["kernel"], rtol=1e-6)

    assert moved(seen.loaded, seen.with_head) == head, "the backbone's features are frozen, its statistics too"
    assert [line.phase for line in seen.report.history] == ["head"] * 2 + ["finetune"] * 2
    change = moved(seen.with_head, seen.fine_tuned)
    kernels = {kernel.name for kernel in prunable_kernels(network)}
    assert kernels | head <= change
    still = backbone - change
    assert still, "before the last 40 % of the layers, only kernels are pruned and statistics follow"
    assert {name.split("/")[1] for name in still} <= {"depthwise_kernel:0", "gamma:0", "beta:0"}
    last = {v.name for layer in learning_layers(network.backbone, 0.4) for v in layer.variables}
    assert not still & last
    assert seen.report.sparsity.prunable >= 0.8


def test_unpruned_the_beginning_stays_as_it_was_loaded(observe: Any) -> None:
    seen = observe(prune=False, soft_answers=0.0, distill=0.0)
    network = seen.trainer.network

    change = moved(seen.with_head, seen.fine_tuned)
    last = {v.name for layer in learning_layers(network.backbone, 0.7) for v in layer.variables}
    head = {v.name for v in network.head.variables}
    if seen.report.best_epochs["finetune"]:  # else the network before was as good, and stays whole
        assert change == last | head
    else:
        assert change == set()


def test_class_weights_make_the_classes_count_the_same(observe: Any) -> None:
    import tensorflow as tf

    seen = observe(fine_tune_epochs=0, prune=False)
    y = seen.trainer.data.training.y
    factors = seen.trainer.sample_weights()

    assert factors is not None
    sums = [float(tf.reduce_sum(factors(tf.constant(y[y == index])))) for index in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert sums[0] + sums[1] == pytest.approx(len(y))
    assert (y == 0).sum() > 1.5 * (y == 1).sum()
