"""What of the data decides a network's cost, and a digest of the data: found without decoding a picture."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ei_compat.core.files import file_digest
from train.backbones import AUTO, usual
from train.data import DEFAULT_TASK, task_of, with_labels
from train.exported import describe
from train.recipe import Recipe
from train.tasks import TASKS
from train.tuning.sketch import Sketch

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.job import Job


@dataclass(frozen=True, slots=True)
class Subject:
    """The data of a search.

    Attributes:
        task: by name.
        outputs: of the network.
        shape: of one input where the data fix it; None where pictures get the recipe's size.
        digest: of every file's name and content.
    """

    task: str
    outputs: int
    shape: tuple[int, ...] | None
    digest: str

    @property
    def metric(self) -> str:
        """What the task measures."""
        return TASKS.named(self.task).metric

    @property
    def higher_is_better(self) -> bool:
        """Of that metric."""
        return TASKS.named(self.task).higher_is_better

    @property
    def has_features(self) -> bool:
        """Whether its inputs are no pictures."""
        return self.shape is not None and len(self.shape) < 3

    def sketch(self, recipe: Recipe) -> Sketch:
        """The network that the recipe trains on it."""
        shape = self.shape or (recipe.image_size, recipe.image_size, recipe.channels)
        if recipe.backbone == AUTO and recipe.network == "none":
            recipe = recipe.model_copy(update={"backbone": usual(shape).name})
        return Sketch.of(recipe, shape, self.task, self.outputs)


def look_at(job: Job, progress: Progress) -> Subject:
    """Reads what the data are.

    Args:
        job: of which the data and how they are described count.
        progress: hears what `train` would say of them.

    Raises:
        DataError, UsageError: as `train` would.
    """
    from ei_compat.block.arrays import holds_arrays
    from ei_compat.formats import open_dataset

    digest = digest_of(job.data)
    if job.data.is_dir() and holds_arrays(job.data):
        info = describe(job, progress).info
        return Subject(str(info.mode), max(1, len(info.classes)), tuple(info.input_shape), digest)
    kind = TASKS.named(DEFAULT_TASK if job.recipe.task == AUTO else job.recipe.task)
    dataset = with_labels(open_dataset(job.data, format=job.data_format), progress)
    return Subject(kind.name, len(task_of(kind, dataset).labels), None, digest)


def digest_of(folder: Path) -> str:
    """BLAKE2b over the names and the content of all files below a folder, wherever that lies."""
    digest = hashlib.blake2b(digest_size=20)
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            digest.update(f"{path.relative_to(folder)}\0".encode("utf-8", "surrogateescape"))
            digest.update(file_digest(str(path)))
    return digest.hexdigest()
