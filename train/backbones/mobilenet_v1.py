"""MobileNetV1 (Howard et al. 2017, https://arxiv.org/abs/1704.04861) up to its last ReLU, averaged over the picture.

It has no bottlenecks and no residuals: at alpha 0.25 it takes less memory on a chip than any MobileNetV2, and is worse
at telling things apart.
"""

from __future__ import annotations

from train.backbones.keras_applications import KerasApplication, PublishedWeights

ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # and what Keras' files call them


def file_name(alpha: float, size: int, *, top: bool = False) -> str:
    """Keras' published name for a width multiplier and an input size, without the classifier or with it."""
    return f"mobilenet_{ALPHAS[alpha]}_{size}_tf{'' if top else '_no_top'}.h5"


PUBLISHED = PublishedWeights("mobilenet/", (128, 160, 192, 224), file_name)
MOBILENET_V1 = KerasApplication(  # features are the 1024 channels of the last ReLU times alpha
    "mobilenet_v1",
    network="MobileNetV1",
    application="MobileNet",
    alphas=ALPHAS,
    published=PUBLISHED,
    top={"conv_preds"},
    own_defaults={"alpha": min(ALPHAS)},
)
