"""One run as the user asked for it, and the recipe as it is once the data and the weights are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from train.recipe import Recipe

if TYPE_CHECKING:
    from train.exported import Parameters
    from train.scaling import Scaling

# What changes without ImageNet weights. Five epochs of a head on random features and ten of recovery from pruning would
# leave a network that knows nothing, and only varied pictures keep so free a network from learning the set by heart.
FROM_SCRATCH = {"epochs": 40, "fine_tune_epochs": 30, "fine_tune_share": 1.0, "augment": True}


@dataclass(frozen=True, slots=True)
class Job:
    """One run.

    Attributes:
        data: the user's folder.
        out: where the results go; made if missing.
        recipe: every number.
        given: names of the recipe's fields that the user or the project set; other defaults may adapt, these never do.
        overridden: those of them that the command line set.
        parameters: the project's settings that are in the recipe, or None.
        info_file: a `train_input.json`, or None to look for one.
        input_shape: of the pictures, as text such as `(96, 96, 3)`, where the user said so.
        classes: their names, where the user said so.
        deterministic: same bytes from the same machine and versions, at some cost in speed.
        resume: go on from a checkpoint in `out`.
        overwrite: replace what an earlier run left in `out`.
        enforce_time_limit: whether `maxTrainingTimeSeconds` stops the training.
    """

    data: Path
    out: Path
    recipe: Recipe
    given: frozenset[str] = frozenset()
    overridden: frozenset[str] = frozenset()
    parameters: Parameters | None = None
    info_file: Path | None = None
    input_shape: str | None = None
    classes: tuple[str, ...] | None = None
    deterministic: bool = False
    resume: bool = False
    overwrite: bool = False
    enforce_time_limit: bool = False


def adapted(job: Job, shape: tuple[int, int, int], scaling: Scaling, pretrained: bool) -> Recipe:
    """The recipe as it is trained: the data's own shape and scaling, and enough epochs where nothing is pretrained."""
    changes: dict[str, object] = {"channels": shape[2], "input_scaling": scaling.name}
    if shape[0] == shape[1]:
        changes["image_size"] = shape[0]
    if not pretrained:
        changes |= {name: value for name, value in FROM_SCRATCH.items() if name not in job.given}
    return job.recipe.model_copy(update=changes)
