"""What is left of the input's scaling moves into the first kernel, so that the model takes what Studio feeds.

That is exact, the padded border included, and a pruned kernel keeps its zeros; see `train.scaling`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from train.graph import first_kernel

if TYPE_CHECKING:
    from train.methods.trainer import Trainer
    from train.samples import TrainingData


def deployed(trainer: Trainer) -> Trainer:
    """Folds the factor and the order of the colours into the network; the data then give what Studio feeds."""
    scaling = trainer.data.scaling
    if scaling.plain:
        return trainer
    layer = first_kernel(trainer.network.backbone)
    kernel = layer.kernel.numpy()
    folded = np.empty_like(kernel)
    folded[..., list(scaling.place), :] = kernel / scaling.gain[list(scaling.place)][:, np.newaxis]
    layer.kernel.assign(folded)
    return replace(trainer, data=_for_deployment(trainer.data))


def _for_deployment(data: TrainingData) -> TrainingData:
    sets: dict[str, Any] = {
        name: replace(samples, x=data.scaling.for_deployment(samples.x)) for name, samples in data.sets().items()
    }
    return replace(data, **sets)
