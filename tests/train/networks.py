"""Networks and tasks for tests of the methods, which take any."""

from __future__ import annotations

from train.backbones.mobilenet_v2 import MOBILENET_V2
from train.network import Network, build_network
from train.recipe import Recipe
from train.tasks.classification import Classification


def classification(classes: int) -> Classification:
    """The task with so many classes: a, b, c ..."""
    return Classification(tuple("abcdefghijklmnopqrstuvwxyz"[:classes]))


def mobilenet_v2(recipe: Recipe, shape: tuple[int, ...], classes: int) -> Network:
    """MobileNetV2 with fresh weights and a head for so many classes."""
    return build_network(MOBILENET_V2, classification(classes), recipe, shape)
