"""MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381) up to `out_relu`, averaged over the picture.

Edge Impulse's template runs its dense layers on every cell of the 5x5 that MobileNetV2 leaves of 160x160, and flattens
what comes out. Averaging first is what MobileNetV2 was trained with: with 20 to 50 training pictures a class it is
worth 5 points, and it makes these layers 25 times cheaper, in training and on the chip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from train.backbones import FROM_SCRATCH
from train.backbones.keras_applications import PublishedWeights, check_alpha, check_image, load_published

if TYPE_CHECKING:
    import numpy as np
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.backbones.weights_file import WeightsFile
    from train.recipe import Recipe

ALPHAS = (0.35, 0.5, 0.75, 1.0)
TOP = frozenset({"predictions"})  # the layers of Keras' classifier that have weights; an export's own file holds them


def file_name(alpha: float, size: int, *, top: bool = False) -> str:
    """Keras' published name for a width multiplier and an input size, without the classifier or with it."""
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{'' if top else '_no_top'}.h5"


PUBLISHED = PublishedWeights("mobilenet_v2/", (96, 128, 160, 192, 224), file_name)


@dataclass(frozen=True, slots=True)
class MobileNetV2:
    """See `train.backbones.Backbone`; features are the 1280 channels of `out_relu`, for every alpha up to 1.0."""

    name: str = "mobilenet_v2"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Pictures from 32x32 on, and a published width."""
        check_alpha(recipe.alpha, ALPHAS, self.name)
        check_image(shape)

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """See `Backbone.defaults`."""
        return {} if pretrained else FROM_SCRATCH

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """Keras' own, for the nearest size."""
        return PUBLISHED.find(recipe.weights, alpha=recipe.alpha, size=max(shape[:2]), progress=progress)

    def build(self, recipe: Recipe, shape: tuple[int, ...]) -> keras.Model:
        """See `Backbone.build`."""
        import tf_keras as keras

        layers = keras.layers
        pixels = layers.Input(shape, name="x_input")
        cells = keras.applications.MobileNetV2(input_tensor=pixels, alpha=recipe.alpha, include_top=False, weights=None)
        average = layers.GlobalAveragePooling2D(name="average")(cells.output)  # the same name in every run
        return keras.Model(cells.input, average, name=cells.name)

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float = 0.0) -> None:
        """See `Backbone.load_weights`; the file's are for [-1, 1]."""
        load_published(model, file, zero, network="MobileNetV2", top=TOP)


MOBILENET_V2 = MobileNetV2()
