"""A checkpoint comes back as it was, or is refused; signals are noted within a block only."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import Interrupted, TrainingError, UsageError
from train.methods.state import Epoch, TrainState
from train.runs.checkpoint import Checkpoints


@pytest.fixture
def state() -> TrainState:
    random = np.random.default_rng(1)
    return TrainState(
        phase="finetune",
        step=17,
        loss_sum=1.25,
        metric_sum=3.0,
        weights=[random.normal(size=(3, 4)).astype(np.float32), np.array(7, np.int64)],
        optimizer=[random.normal(size=5).astype(np.float32)],
        masks=[np.ones((2, 2), np.float32)],
        best=[],
        teacher=[np.arange(3.0)],
        best_epochs={"head": 4},
        history=[Epoch("head", 1, 0.5, 0.6, 0.7, 0.8, 0.001, 0.0, 1.5)],
    )


def test_round_trip(tmp_path: Path, state: TrainState) -> None:
    checkpoints = Checkpoints(tmp_path, {"recipe": "a"})
    assert checkpoints.load() is None

    checkpoints.save(state)
    back = checkpoints.load()

    for name in ("weights", "optimizer", "masks", "best", "teacher"):
        ours, theirs = getattr(state, name), getattr(back, name)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    scalars = ("phase", "step", "loss_sum", "metric_sum", "best_metric", "best_epochs")
    assert [getattr(back, name) for name in scalars] == [getattr(state, name) for name in scalars]
    assert [asdict(line) for line in back.history] == [asdict(line) for line in state.history]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("keep", [0, 10, 400, -1])
def test_truncated_checkpoint_is_refused(tmp_path: Path, state: TrainState, keep: int) -> None:
    checkpoints = Checkpoints(tmp_path, {})
    checkpoints.save(state)
    checkpoints.path.write_bytes(checkpoints.path.read_bytes()[:keep])

    with pytest.raises(UsageError, match="checkpoint is damaged"):
        checkpoints.load()


def test_other_options_are_named(tmp_path: Path, state: TrainState) -> None:
    Checkpoints(tmp_path, {"recipe": "a", "data": "b"}).save(state)

    with pytest.raises(UsageError, match="differs in data; give the same"):
        Checkpoints(tmp_path, {"recipe": "a", "data": "c"}).load()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_noted_within_the_block_and_handled_as_before_after_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    checkpoints = Checkpoints(tmp_path, {})
    with checkpoints:
        assert signal.getsignal(number) == before, "nothing is held yet"
        checkpoints.hold()
        assert not checkpoints.stopping
        os.kill(os.getpid(), number)
        assert checkpoints.stopping
        with pytest.raises(Interrupted, match=f"stopped by {number.name}; run again with --resume") as caught:
            checkpoints.check()

    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) == before


def test_deadline_stops_the_training(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, {}, deadline=time.monotonic() - 1)

    assert checkpoints.stopping
    with pytest.raises(TrainingError, match=r"time limit of train_input\.json is reached; run again with --resume"):
        checkpoints.check()
