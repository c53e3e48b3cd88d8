"""A data set as a trained model sees it: the sets that its run held out where the data is the run's, else all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from train import data as reading
from train.job import Job
from train.recipe import Recipe
from train.samples import Samples

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from ei_compat.dataset.dataset import Dataset
    from train.tasks import Task
    from train.trained.model import Model

WHOLE = "all"  # what the set of a data set is called that has one alone
UNDIVIDED = "undivided"  # samples that belong to no set, where others do
LEARNED = "training"


@dataclass(frozen=True, slots=True)
class Sets:
    """Samples as the model's files are given them.

    Attributes:
        samples: by set, with their names, as the deployed model takes them.
        learned: names of the samples that the model's run trained on, where this is its own data; else empty.
        own: whether this is the data of the model's own run.
        format: how it is stored.
        broken: pictures that were skipped, with the reason.
    """

    samples: Mapping[str, Samples]
    learned: frozenset[str]
    own: bool
    format: str
    broken: tuple[tuple[str, str], ...]


def read_sets(
    model: Model, data: Path, scratch: Path, progress: Progress, *, data_format: str | None = None, whole: bool = False
) -> Sets:
    """Reads a data set for a model.

    Args:
        model: whose input it becomes, and whose labels its own have to be among.
        data: whatever a run reads.
        scratch: a folder for what does not fit in memory.
        progress: counts pictures, and warns of what is left out.
        data_format: the name of its format, or None to find it out.
        whole: give the set that the model's own run trained on, too.

    Raises:
        DataError: it cannot be read, or has labels that the model does not know.
    """
    from ei_compat.block.arrays import holds_arrays
    from ei_compat.formats import open_dataset

    if data.is_dir() and holds_arrays(data):
        found = _of_arrays(model, data, scratch, progress)
    else:
        found = _of_images(model, open_dataset(data, format=data_format), scratch, progress)
    if found.own and not whole:
        return replace(found, samples={name: each for name, each in found.samples.items() if name != LEARNED})
    if not found.own and len(found.samples) == 1:
        return replace(found, samples={WHOLE: next(iter(found.samples.values()))})
    return found


def _of_images(model: Model, dataset: Dataset, scratch: Path, progress: Progress) -> Sets:
    from ei_compat.media.images import ImageSpec

    if len(model.shape) != 3 or model.shape[2] not in (1, 3):
        raise DataError(f"the model's input {list(model.shape)} is no picture", where=model.source, fix="give arrays")
    dataset = reading.with_labels(dataset, progress)
    labels = reading.labels_of(dataset)
    theirs = reading.task_of(type(model.task), dataset)
    _check_labels(model, theirs, labels, dataset.root)
    height, width, channels = model.shape
    spec = ImageSpec(width, height, channels)
    divided = _divided(model, dataset, theirs, progress)
    most = Recipe().max_broken if model.run is None else model.run.recipe.max_broken
    found = reading.decode_sets(divided, model.task, spec, most, scratch, progress)
    if not found.sets:
        raise DataError("there is no picture with a label", where=dataset.root, fix="give a data set of pictures")
    own = _is_own(model, theirs, {name: _trained_on(model, each) for name, each in found.sets.items()})
    if not own:
        found = _regrouped(found, {each.id: str(each.category or UNDIVIDED) for each in dataset.samples})
    samples = {name: _deployed(model, each) for name, each in found.sets.items()}
    return Sets(samples, _learned(samples, own=own), own, dataset.format, found.broken)


def _divided(model: Model, dataset: Dataset, task: Task, progress: Progress) -> Dataset:
    """The sets that the model's own run would have made of this data, where it may be the run's own; else its own.

    Samples that are in none of a run's sets count as training until `_regrouped`.
    """
    from ei_compat.dataset.dataset import Category
    from ei_compat.dataset.split import SETS

    if model.run is not None and model.run.format == dataset.format:
        used = sum(model.run.samples.values())
        if used <= len(dataset) <= used + math.ceil(model.run.recipe.max_broken * len(dataset)):
            with suppress(DataError):  # it could not have trained on it
                dataset = reading.with_validation(dataset, task, model.run.recipe, progress)
    placed = (each if each.category in SETS else each.with_category(Category.TRAINING) for each in dataset.samples)
    return replace(dataset, samples=tuple(placed))


def _regrouped(found: reading.Decoded, set_of: Mapping[str, str]) -> reading.Decoded:
    """The same samples in the sets that the data itself has."""
    rows: dict[str, list[tuple[str, int]]] = {}
    for name, samples in found.sets.items():
        for row, sample in enumerate(samples.names):
            rows.setdefault(set_of[sample], []).append((name, row))
    sets = {}
    for group, members in sorted(rows.items()):
        whole, names = found.sets[members[0][0]], [found.sets[name].names[row] for name, row in members]
        if names == list(whole.names):
            sets[group] = whole
        else:
            x, y = (np.stack([getattr(found.sets[name], part)[row] for name, row in members]) for part in "xy")
            sets[group] = Samples(x, y, names)
    return reading.Decoded(sets, found.broken)


def _of_arrays(model: Model, data: Path, scratch: Path, progress: Progress) -> Sets:
    """Arrays as a run reads them; where its own options may have divided them, in both ways."""
    recipe = (Recipe() if model.run is None else model.run.recipe).model_copy(update={"task": model.task.name})
    try:
        task, sets, known = reading.sets_of_arrays(Job(data, scratch, recipe), progress)
    except UsageError as error:
        if error.where is None or not error.where.startswith("--task"):
            raise
        raise DataError(f"{error.what}, and the model is for {model.task.name}", where=data) from None
    own = _is_own(model, task, sets)
    if not own and model.run is not None:  # the run may have been told another share
        divided = Job(data, scratch, recipe, given=frozenset({"validation_share"}))
        other = reading.sets_of_arrays(divided, SILENT)
        if own := _is_own(model, *other[:2]):
            task, sets, known = other
    if task.labels != model.task.labels:
        ours, theirs = ", ".join(model.task.labels), ", ".join(task.labels)
        raise DataError(f"the labels are {theirs}, and the model's {ours}", where=data, fix="give data with its labels")
    if known.scaling.name != model.scaling.name:
        what = f"the arrays are scaled to {known.scaling.name}, and the model takes {model.scaling.name}"
        raise DataError(what, where=data, fix="give the pictures instead")
    shape = next(iter(sets.values())).x.shape[1:]
    if tuple(shape) != model.shape:
        raise DataError(f"rows of {list(shape)} do not fit the model's input {list(model.shape)}", where=data)
    samples = {name: replace(each, x=model.scaling.for_deployment(each.x)) for name, each in sets.items()}
    return Sets(samples, _learned(samples, own=own), own, known.format, known.broken)


def _check_labels(model: Model, theirs: Task, labels: Mapping[str, str], where: Path | None) -> None:
    """Refuses samples with labels that the model cannot say."""
    unknown = [label for label in theirs.labels if label not in model.task.labels and labels.get(label)]
    if unknown:
        raise DataError(
            f"{labels[unknown[0]]} is labelled {unknown[0]!r}, and the model knows {', '.join(model.task.labels)}",
            where=where,
            fix="leave out or rename what it cannot know" + (f" ({', '.join(unknown)})" if len(unknown) > 1 else ""),
        )


def _trained_on(model: Model, samples: Samples) -> Samples:
    return replace(samples, x=model.scaling.for_training(samples.x))


def _deployed(model: Model, samples: Samples) -> Samples:
    return replace(samples, x=model.scaling.for_deployment(model.scaling.for_training(samples.x)))


def _is_own(model: Model, task: Task, sets: Mapping[str, Samples]) -> bool:
    """Whether these are the very sets that the model's run had."""
    if model.run is None or {name: len(samples) for name, samples in sets.items()} != model.run.samples:
        return False
    return reading.digest_of(task.labels, sets.values()) == model.run.sha256


def _learned(samples: Mapping[str, Samples], *, own: bool) -> frozenset[str]:
    return frozenset(samples[LEARNED].names) if own else frozenset()
