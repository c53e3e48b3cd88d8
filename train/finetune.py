"""Phase two: the end of the backbone learns again, while its kernels are pruned.

A pruned backbone has much to recover in few steps, and class labels say little about how. So it is also asked for the
features that it gave before it was pruned (Romero et al. 2015, FitNets, https://arxiv.org/abs/1412.6550).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from train.loop import Plan, State, fit
from train.model import learning_layers, prunable_kernels
from train.prune import make_pruner
from train.training import Training, learning_rates

if TYPE_CHECKING:
    import tensorflow as tf

PHASE = "finetune"
SMALLEST_POWER = 1e-6  # keeps the relative distance finite where a teacher gives no feature at all


def begin(training: Training, done: State) -> State:
    """The state in which the phase begins, after the one that is done."""
    teacher = [variable.numpy() for variable in training.network.backbone.variables]
    return State(PHASE, teacher=teacher, history=done.history, best_epochs=done.best_epochs)


def fine_tune(training: Training, state: State) -> State:
    """Trains from `state` to the end of the phase and leaves the best epoch's weights in the network.

    When pruning, the best is chosen among the epochs that ended at the final sparsity, every pruned kernel learns (a
    frozen one could not make up for the weights it lost), and all statistics follow.

    Args:
        training: the network as phase one left it.
        state: a new one, or a checkpoint's; its `teacher` holds the backbone as phase one left it.
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
        learn=_distilling(training, state) if recipe.prune and recipe.distill else None,
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


def _distilling(training: Training, state: State) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """A training pass that adds to the loss how far the features are from the teacher's, relative to their size."""
    import tensorflow as tf
    import tf_keras as keras

    network, weight = training.network, training.recipe.distill
    teacher = keras.models.clone_model(network.backbone)
    for variable, value in zip(teacher.variables, state.teacher, strict=True):
        variable.assign(value)

    def learn(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features, wanted = network.backbone(x, training=True), teacher(x, training=False)
        distance = tf.reduce_mean(tf.square(features - wanted)) / (tf.reduce_mean(tf.square(wanted)) + SMALLEST_POWER)
        return network.head(features, training=True), weight * distance

    return learn
