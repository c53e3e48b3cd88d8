"""MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381) up to `out_relu`, averaged over the picture.

Edge Impulse's template runs its dense layers on every cell of the 5x5 that MobileNetV2 leaves of 160x160, and flattens
what comes out. Averaging first is what MobileNetV2 was trained with: with 20 to 50 training pictures a class it is
worth 5 points, and it makes these layers 25 times cheaper, in training and on the chip.
"""

from __future__ import annotations

from train.backbones.keras_applications import KerasApplication, PublishedWeights

ALPHAS = (0.35, 0.5, 0.75, 1.0)


def file_name(alpha: float, size: int, *, top: bool = False) -> str:
    """Keras' published name for a width multiplier and an input size, without the classifier or with it."""
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{'' if top else '_no_top'}.h5"


PUBLISHED = PublishedWeights("mobilenet_v2/", (96, 128, 160, 192, 224), file_name)
MOBILENET_V2 = KerasApplication(  # features are the 1280 channels of `out_relu`, for every alpha up to 1.0
    "mobilenet_v2",
    network="MobileNetV2",
    application="MobileNetV2",
    alphas=ALPHAS,
    published=PUBLISHED,
    top={"predictions"},
)
