"""A trained model as a command is given it: a finished run's folder, or a `.tflite` file with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.block.run_folder import CONFIG, INT8_FILE, LABELS, MODEL_FILES, RunFolder, read_labels
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import read_at_most
from ei_compat.core.parsing import read_json
from ei_compat.core.words import counted
from train import evaluate
from train.feature_scaling import FeatureScaling
from train.recipe import Recipe
from train.scaling import Scaling
from train.tasks import TASKS

if TYPE_CHECKING:
    from train.tasks import Task

MOST_BYTES = 1 << 30  # of a .tflite


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of a model that its file does not.

    Attributes:
        labels: a file with one label per line, or None.
        input_scaling: what pixels are made into for it, or None.
        task: what it was trained for, or `auto`.
    """

    labels: Path | None = None
    input_scaling: str | None = None
    task: str = "auto"


@dataclass(frozen=True, slots=True)
class Run:
    """What the run that made a model says of its data.

    Attributes:
        recipe: as it was trained.
        sha256: digest of its data; see `train.data.digest_of`.
        format: of its data.
        samples: how many each set had.
    """

    recipe: Recipe
    sha256: str
    format: str
    samples: dict[str, int]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be run.

    Attributes:
        source: what the user named.
        files: the `.tflite` files by kind, `float32` and `int8`; a run's folder has both.
        task: what it was trained for, with the labels of its outputs.
        shape: of its input, without the batch.
        scaling: what it is given for pixels; features are given as they are.
        run: what its run says; None where the folder is none of a run's.
    """

    source: Path
    files: dict[str, bytes]
    task: Task
    shape: tuple[int, ...]
    scaling: Scaling | FeatureScaling
    run: Run | None

    @property
    def deployed(self) -> str:
        """The kind of the file that is deployed: `int8`, where there is one."""
        return "int8" if "int8" in self.files else next(iter(self.files))


def open_model(source: Path, given: Given, *, deployed_only: bool = False) -> Model:
    """Reads a model and what stands beside it.

    Args:
        source: a finished run's folder, or a `.tflite` file; beside it may be what a run writes, as `labels.txt`.
        given: what the user says of it.
        deployed_only: leave a run's float file unread.

    Raises:
        DataError: it cannot be read, is no model of one input and one output, or does not fit its labels.
        UsageError: an option is missing, or contradicts what the run says.
    """
    if source.is_dir():
        RunFolder(source).check_finished()
        wanted = {kind: name for kind, name in MODEL_FILES.items() if kind == "int8" or not deployed_only}
        files = {kind: read_at_most(source / name, MOST_BYTES) for kind, name in wanted.items()}
        folder: Path | None = source
        tensors = evaluate.describe(files["int8"], source / INT8_FILE)
    elif source.is_file():
        data = read_at_most(source, MOST_BYTES)
        tensors = evaluate.describe(data, source)
        files = {"float32" if tensors.input["dtype"] is np.float32 else "int8": data}
        folder = source.parent if (source.parent / LABELS).is_file() else None
    else:
        raise DataError("there is no such file or folder", where=source, fix="give a run's folder or a .tflite file")
    run = None if folder is None or given.labels is not None else folder
    task = _task(run, given, source)
    if tensors.values != len(task.labels):
        raise DataError(
            f"the model has {counted(tensors.values, 'output')}, but there are {len(task.labels)} labels",
            where=given.labels or (source if run is None else run / LABELS),
            fix="give the labels that the model was trained with, one per line in a file, as --labels",
        )
    said = None if run is None else _said(run)
    return Model(source, files, task, tensors.shape, _scaling(run, given, tensors, source), said)


def _task(run: Path | None, given: Given, source: Path) -> Task:
    mode = None if run is None else RunFolder(run).mode()
    if mode is not None and given.task not in {"auto", mode}:
        raise UsageError(f"{run} says {mode}", where=f"--task {given.task}", fix="leave the option out")
    kind = TASKS.named(mode or ("classification" if given.task == "auto" else given.task))
    if given.labels is not None:
        labels = read_labels(given.labels)
    elif run is not None:
        labels = RunFolder(run).labels()
    else:
        raise UsageError(
            f"{source.name} has no labels with it", where="--labels", fix="name a file with one label per line"
        )
    return kind.of_rows(labels, np.empty((0, len(labels)), np.float32))


def _scaling(run: Path | None, given: Given, tensors: evaluate.Tensors, source: Path) -> Scaling | FeatureScaling:
    """As the user or the run says, or else as the input's quantisation shows it."""
    from firmware.packages.scaling import shown_by

    if len(tensors.shape) < 3:
        if given.input_scaling is not None:
            raise UsageError(f"{source.name} takes no pixels", where="--input-scaling", fix="leave the option out")
        return FeatureScaling.as_they_are(tensors.shape)
    said = None if run is None else RunFolder(run).input_scaling()
    if said is not None and given.input_scaling not in {None, said}:
        raise UsageError(f"{run} says {said}", where=f"--input-scaling {given.input_scaling}", fix="leave it out")
    name = given.input_scaling or said
    if name is None:
        shown = shown_by(*tensors.input_range) if tensors.input_range else []
        if len(shown) != 1:
            raise UsageError(
                f"{source.name} does not show what pixels are made into for it",
                where="--input-scaling",
                fix="say it: 0..1, -1..1, -128..127, 0..255, torch or bgr-subtract-imagenet-mean",
            )
        name = shown[0].name
    return Scaling.of(name, tensors.shape[-1])


def _said(run: Path) -> Run | None:
    """What `config.json` says of the data, where a run of this version wrote it."""
    path = run / CONFIG
    if not path.is_file():
        return None
    document: Any = read_json(path)
    try:
        data = document["data"]
        return Run(Recipe(**document["recipe"]), data["sha256"], data["format"], dict(data["samples"]))
    except (KeyError, TypeError, ValueError):  # of an earlier version, whose recipe is another
        return None
