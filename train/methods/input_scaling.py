"""What is left of the input's scaling moves into the first kernel, so that the model takes what Studio feeds.

That is exact, the padded border included, and a pruned kernel keeps its zeros; see `train.scaling` for pixels and
`train.feature_scaling` for features.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from train.graph import first_kernel

if TYPE_CHECKING:
    from train.methods.trainer import Trainer


def deployed(trainer: Trainer) -> Trainer:
    """Folds the factors and the order of the colours into the network; the data then give what Studio feeds."""
    scaling = trainer.data.scaling
    if scaling.plain:
        return trainer
    layer = first_kernel(trainer.network.backbone)
    layer.kernel.assign(scaling.folded(layer.kernel.numpy()))
    return replace(trainer, data=trainer.data.changed(scaling.for_deployment))
