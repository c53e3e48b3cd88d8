"""Whether a finished model knows the data that it came with, before any time is spent on it.

A wrong input scaling, or classes in another order, make a good model one that guesses; training would hide that, and
what was asked for, the given model made smaller, would not be what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError
from ei_compat.core.words import counted

if TYPE_CHECKING:
    from train.methods.features import Features
    from train.methods.trainer import Trainer


def check_knowledge(trainer: Trainer, features: Features) -> None:
    """Refuses a finished classifier that is not shown to be better than naming the most frequent class.

    Args:
        trainer: the network.
        features: of its backbone, as it came.

    Raises:
        DataError: with 95 % confidence it may as well be guessing; where its outputs fit the classes in another order,
            the message has that.
    """
    data = trainer.data
    samples = np.concatenate([features.training[: len(data.training)], features.held_out["validation"]])
    y = np.concatenate([data.training.y, data.validation.y])
    outputs = trainer.network.head.predict(samples, verbose=0)
    guess = np.eye(outputs.shape[1])[np.full(len(y), np.bincount(y).argmax())]
    right, guessed = data.task.measure(y, outputs), data.task.measure(y, guess)
    if data.task.drop(right, guessed).shown > 0:
        return
    order = _order(y, outputs)
    if order is not None and data.task.drop(data.task.measure(y, outputs[:, np.argsort(order)]), guessed).shown > 0:
        labels = ", ".join(data.task.labels[place] for place in order)
        fix = f"its outputs seem to be {labels}, in this order: say so with --labels"
    else:
        fix = "check --input-scaling, --labels, and that it was trained for these classes"
    raise DataError(
        f"the model is right for {right.mean():.3f} of {counted(len(y), 'sample')}, and guessing the most frequent "
        f"class for {guessed.mean():.3f}",
        where=trainer.recipe.network,
        fix=fix,
    )


def _order(y: np.ndarray, outputs: np.ndarray) -> np.ndarray | None:
    """For each output the class that it mostly stands for, where no two stand for one."""
    classes = outputs.shape[1]
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (outputs.argmax(axis=1), y), 1)
    order: np.ndarray = counts.argmax(axis=1)
    return order if len(set(order.tolist())) == classes else None
