"""The end of a network on its own, behind a beginning that no longer changes.

What a beginning that stays as it is gives for a picture never changes, so it is computed once, for the picture and its
mirror image, and the end learns from that. The beginning works on the largest planes: of a step of training everything,
it is more than half, whether its weights learn or not, because its output has to be known and, where something in it
learns, gradients have to go back through it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from train.graph import cut_points
from train.methods.features import compute
from train.network import Network, learning_layers
from train.samples import Samples
from train.views import Views

if TYPE_CHECKING:
    import tf_keras as keras

    from train.methods.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Ending:
    """A network from the end of a block on, which shares its layers with the whole one.

    Attributes:
        beginning: pixels [N, H, W, C] to the planes [N, h, w, c] that the end takes.
        network: those planes to the task's outputs.
    """

    beginning: keras.Model
    network: Network


def ending(network: Network, share: float) -> Ending | None:
    """The end that holds the last `share` (0 to 1) of the backbone's layers; it starts behind a block.

    None where no block ends before them.
    """
    import tf_keras as keras

    backbone = network.backbone
    learning = {layer.name for layer in learning_layers(backbone, share)}
    ends = [layer for layer in cut_points(backbone) if layer.name not in learning]
    if not ends:
        return None
    planes = ends[-1].output
    return Ending(
        keras.Model(backbone.input, planes, name="beginning"),
        Network(keras.Model(planes, backbone.output, name="end"), network.head),
    )


def planes(trainer: Trainer, beginning: keras.Model, views: Views) -> tuple[Views, Samples]:
    """What the end learns from and is measured on: the beginning's output for all views and for validation.

    Args:
        trainer: gives the pictures of validation, and where large arrays go.
        beginning: as it will stay.
        views: training pictures with what is known of them.
    """
    held = trainer.data.validation
    known, measured = compute(trainer, beginning, replace(views, constants=()), Views(held.x, held.y))
    return replace(views, x=known), Samples(measured, np.asarray(held.y))
