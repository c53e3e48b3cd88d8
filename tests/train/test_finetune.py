"""Without pruning, fine-tuning gives way to the network before it where that was better."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ei_compat.progress import SILENT
from train.finetune import PHASE, Before, _keep_the_better
from train.loop import Epoch, State


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
