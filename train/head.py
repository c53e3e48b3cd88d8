"""Phase one: a fresh head learns on the backbone's features, which stay as they are.

Frozen features of a picture never change, so they are computed once and not once an epoch. Augmented pictures are
different every epoch, and features of very many pictures do not fit in memory; both take the long way.

Without ImageNet weights there is nothing worth freezing: then the whole network learns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.loop import Plan, State, fit
from train.training import Training, features_of, learning_rates

PHASE = "head"
LARGEST_FEATURES = 2 << 30  # bytes kept in memory


def train_head(training: Training, state: State) -> State:
    """Trains from `state` to the end of the phase and leaves the best epoch's weights in the network."""
    recipe, network, data = training.recipe, training.network, training.data
    frozen = training.pretrained
    network.backbone.trainable = not frozen
    plan = Plan(
        phase=PHASE,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        beta_2=recipe.beta_2,
        rates=learning_rates(recipe.learning_rate, training.steps(recipe.epochs), 0.0 if frozen else 1.0),
        forward=network,
        learning=network.head.trainable_variables + network.backbone.trainable_variables,
        everything=network.variables,
        clock=training.clock,
        prepare=training.augmentation(),
        class_weights=training.class_weights(),
    )
    if frozen and not recipe.augment and _feature_bytes(training) <= LARGEST_FEATURES:
        plan = replace(plan, forward=network.head)
        learned, held = features_of(training, data.training), features_of(training, data.validation)
    else:
        learned, held = data.training, data.validation
    return fit(plan, learned, held, state, training.keeper, training.progress)


def _feature_bytes(training: Training) -> int:
    pictures = len(training.data.training) + len(training.data.validation)
    return pictures * int(np.prod(training.network.backbone.output_shape[1:])) * 4
