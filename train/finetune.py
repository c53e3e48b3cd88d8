"""Phase two: the end of the backbone learns again, while its kernels are pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.loop import Plan, State, fit
from train.model import learning_layers, prunable_kernels
from train.prune import make_pruner
from train.training import Training, learning_rates

if TYPE_CHECKING:
    import tensorflow as tf

PHASE = "finetune"


def fine_tune(training: Training, state: State) -> State:
    """Trains from `state` to the end of the phase and leaves the best epoch's weights in the network.

    When pruning, the best is chosen among the epochs that ended at the final sparsity, every pruned kernel learns (a
    frozen one could not make up for the weights it lost), and all statistics follow.
    """
    recipe, network = training.recipe, training.network
    learning = _unfreeze(training)
    steps = training.steps(recipe.fine_tune_epochs)
    plan = Plan(
        phase=PHASE,
        epochs=recipe.fine_tune_epochs,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        beta_2=recipe.beta_2,
        rates=learning_rates(recipe.fine_tune_learning_rate, steps, recipe.fine_tune_decay),
        forward=network,
        learning=learning,
        everything=network.variables,
        clock=training.clock,
        prepare=training.augmentation(),
        class_weights=training.class_weights(),
        pruner=make_pruner(recipe, prunable_kernels(network), steps) if recipe.prune else None,
    )
    return fit(plan, training.data.training, training.data.validation, state, training.keeper, training.progress)


def _unfreeze(training: Training) -> list[tf.Variable]:
    """Sets which layers learn and whose statistics follow; returns the variables that gradients change."""
    import tf_keras as keras

    recipe, network = training.recipe, training.network
    learning = learning_layers(network.backbone, recipe.fine_tune_share)
    network.backbone.trainable = True
    variables = {id(v) for layer in learning for v in layer.trainable_variables}
    if recipe.prune:
        variables |= {id(kernel) for kernel in prunable_kernels(network)}
    for layer in network.backbone.layers:
        statistics = recipe.prune and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer in learning or statistics or any(id(v) in variables for v in layer.variables)
    chosen = [v for v in network.backbone.trainable_variables if id(v) in variables]
    return chosen + network.head.trainable_variables
