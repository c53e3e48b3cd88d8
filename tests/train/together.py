"""One process of a cluster that trains a dense layer: `python -m tests.train.together FOLDER RESULT.npz [DIE_AFTER]`.

`TF_CONFIG` says which process it is; without it, it trains alone. FOLDER is where the chief keeps its checkpoint and
all look for one; after DIE_AFTER saves of the state the process dies as a machine does that loses power.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ei_compat.core.errors import EiTrainError
from ei_compat.core.progress import SILENT
from train import backend
from train.methods import loop
from train.methods.loop import PhasePlan, fit
from train.methods.state import TrainState
from train.methods.trainer import learning_rates
from train.runs.checkpoint import Checkpoints
from train.samples import Samples
from train.tasks.classification import Classification
from train.workers import Workers, read_place

ROWS, BATCH, EPOCHS = 57, 8, 6  # the last batch of an epoch has a single row


class Mortal(Checkpoints):
    """Checkpoints that end the process after some of them."""

    def __init__(self, folder: Path, saves: int) -> None:
        super().__init__(folder, {"test": "1"})
        self._left = saves

    def save(self, state: TrainState) -> None:
        """See `Checkpoints.save`."""
        super().save(state)
        self._left -= 1
        if self._left == 0:
            os._exit(9)


def make_plan(workers: Workers | None) -> tuple[PhasePlan, Samples]:
    """Points on two sides of a line, and a layer with a moving mean of what it saw."""
    import tensorflow as tf
    import tf_keras as keras

    x = np.random.default_rng(1).normal(size=(ROWS, 4)).astype(np.float32)
    samples = Samples(x, (x[:, 0] > 0).astype(np.int32))
    keras.utils.set_random_seed(
        1 if workers is None else workers.place.index + 1
    )  # the chief's weights are what counts
    layer, mean = keras.layers.Dense(2, activation="softmax"), tf.Variable(tf.zeros([4]), trainable=False)
    layer.build((None, 4))

    def learn(x: tf.Tensor) -> tuple[tf.Tensor, float]:
        mean.assign(0.5 * mean + 0.5 * tf.reduce_mean(x, axis=0))
        return layer(x), 0.0

    plan = PhasePlan(
        task=Classification(("a", "b")),
        phase="test",
        number=4,
        epochs=EPOCHS,
        batch_size=BATCH,
        seed=1,
        beta_2=0.98,
        rates=learning_rates(0.05, EPOCHS * -(-ROWS // BATCH), 0.5),
        forward=lambda x, training: layer(x),
        forward_training=learn,
        trainable_variables=layer.trainable_variables,
        variables=[*layer.variables, mean],
        global_step=tf.Variable(0, dtype=tf.int64),
        workers=workers,
        statistics=[mean],
    )
    return plan, samples


def train(folder: Path, saves: int) -> dict[str, Any]:
    """Trains from the checkpoint in the folder, if there is one, to the end."""
    place = read_place(os.environ)
    backend.start(deterministic=False)
    loop.EPOCH_SECONDS = 0.0  # every epoch is saved, however short
    workers = None if place is None else Workers(place)
    state = Checkpoints(folder, {"test": "1"}).load() or TrainState("test")
    plan, samples = make_plan(workers)
    with tempfile.TemporaryDirectory() as own:
        checkpointer = Mortal(folder if workers is None or workers.is_chief else Path(own), saves)
        state = fit(plan, samples, samples, state, checkpointer, SILENT)
    weights = {f"weights{i}": variable.numpy() for i, variable in enumerate(plan.variables)}
    return weights | {"loss": [line.loss for line in state.history], "accuracy": [e.metric for e in state.history]}


if __name__ == "__main__":
    try:
        np.savez(sys.argv[2], **train(Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
    except EiTrainError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
