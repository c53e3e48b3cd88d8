"""MobileNetV1 (Howard et al. 2017, https://arxiv.org/abs/1704.04861) up to its last ReLU, averaged over the picture.

It has no bottlenecks and no residuals: at alpha 0.25 it takes less memory on a chip than any MobileNetV2, and is worse
at telling things apart.
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

ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # and what Keras' files call them
TOP = frozenset({"conv_preds"})  # the layer of Keras' classifier that has weights


def file_name(alpha: float, size: int, *, top: bool = False) -> str:
    """Keras' published name for a width multiplier and an input size, without the classifier or with it."""
    return f"mobilenet_{ALPHAS[alpha]}_{size}_tf{'' if top else '_no_top'}.h5"


PUBLISHED = PublishedWeights("mobilenet/", (128, 160, 192, 224), file_name)


@dataclass(frozen=True, slots=True)
class MobileNetV1:
    """See `train.backbones.Backbone`; features are the 1024 channels of the last ReLU times alpha."""

    name: str = "mobilenet_v1"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Pictures from 32x32 on, and a published width."""
        check_alpha(recipe.alpha, ALPHAS, self.name)
        check_image(shape)

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """The smallest width."""
        smallest: dict[str, object] = {"alpha": min(ALPHAS)}
        return smallest if pretrained else smallest | dict(FROM_SCRATCH)

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """Keras' own, for the nearest size."""
        return PUBLISHED.find(recipe.weights, alpha=recipe.alpha, size=max(shape[:2]), progress=progress)

    def build(self, recipe: Recipe, shape: tuple[int, ...]) -> keras.Model:
        """See `Backbone.build`."""
        import tf_keras as keras

        layers = keras.layers
        pixels = layers.Input(shape, name="x_input")
        cells = keras.applications.MobileNet(input_tensor=pixels, alpha=recipe.alpha, include_top=False, weights=None)
        average = layers.GlobalAveragePooling2D(name="average")(cells.output)  # the same name in every run
        return keras.Model(cells.input, average, name=cells.name)

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float = 0.0) -> None:
        """See `Backbone.load_weights`; the file's are for [-1, 1]."""
        load_published(model, file, zero, network="MobileNetV1", top=TOP)


MOBILENET_V1 = MobileNetV1()
