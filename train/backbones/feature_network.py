"""What the networks for features share: what they take, their options, and that no weights are published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ei_compat.core.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.backbones.weights_file import WeightsFile
    from train.recipe import Recipe

# What changes with features: nothing of networks so small is worth freezing or staying near to, they learn at larger
# rates, and a step takes milliseconds. There is no mirror image of a feature. On 450 windows of motion, pruned to 0.80,
# the rates and leaving the distance from earlier features out took a regression's error from 8.5 to 5.2, and on 640
# spectrograms conv1d's accuracy from 0.82 to 0.95.
DEFAULTS: Mapping[str, object] = {
    "head_units": (),
    "head_dropout": (),
    "epochs": 60,
    "learning_rate": 0.005,
    "fine_tune_epochs": 40,
    "min_steps": 1000,
    "fine_tune_learning_rate": 0.003,
    "soft_answers": 0.5,
    "distill": 0.0,
    "fine_tune_share": 1.0,
    "mirror": False,
}


class FeatureNetwork:
    """What all of them have of `train.backbones.Backbone`."""

    __slots__ = ()

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """See `Backbone.defaults`."""
        return DEFAULTS

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """None are published."""
        return None

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float) -> None:
        """None are found."""


def check_features(name: str, recipe: Recipe, shape: tuple[int, ...]) -> None:
    """Refuses what no network for features can be built with.

    Raises:
        UsageError: an option is for pictures.
        DataError: the inputs are pictures.
    """
    if len(shape) > 2:
        raise DataError(
            f"{name} takes features and not inputs of shape {shape}", fix="use --backbone mobilenet_v2 for pictures"
        )
    refused = {"--augment": recipe.augment, "--mirror": recipe.mirror, "--closer-looks": recipe.closer_looks}
    for option, value in refused.items():
        if value:
            raise UsageError("features have no variants as pictures have", where=option, fix="leave the option out")
    if recipe.weights not in {"auto", "none"}:
        raise UsageError(f"there are none for {name}", where=f"--weights {recipe.weights}", fix="leave the option out")
