"""Arrays of Edge Impulse as the data of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from train.recipe import option_of

if TYPE_CHECKING:
    from pathlib import Path

    from ei_compat.block.arrays import Arrays
    from ei_compat.block.rows import Rows
    from ei_compat.block.train_input import TrainInput
    from ei_compat.core.progress import Progress
    from train.feature_scaling import FeatureScaling
    from train.job import Job
    from train.samples import Samples, TrainingData
    from train.scaling import Scaling
    from train.tasks import Task

OF_IMAGES = ("image_size", "channels", "input_scaling", "max_broken")  # options
IMAGES_INSTEAD = "leave the option out, or give the pictures instead of arrays"
TELLING = 0.02  # share of the range that real pictures pass; values within less of it are scaled otherwise


def read_images(
    job: Job, info: TrainInput, file: Path | None, kind: type[Task], progress: Progress
) -> tuple[Task, dict[str, Samples], Scaling]:
    """The task and the sets of a folder of arrays of pictures, checked against its description and the options.

    `file` is where the description stands, if anywhere.

    Raises:
        DataError: the arrays are no pictures in this scaling.
        UsageError: an option contradicts them.
    """
    from ei_compat.media.pixels import value_range

    scaling = _image_scaling(job, info, file)
    arrays = _opened(job, info, value_range(scaling.name), progress)
    check_scaling(arrays, scaling.name, job.data, progress)
    task, sets = _sets(arrays, info, kind)
    scaled = {name: replace(samples, x=scaling.for_training(samples.x)) for name, samples in sets.items()}
    return task, scaled, scaling


def read_features(
    job: Job, info: TrainInput, _: Path | None, kind: type[Task], progress: Progress
) -> tuple[Task, dict[str, Samples], FeatureScaling]:
    """The task and the sets of a folder of arrays of features, and what these are like.

    Warns of options that are for pictures, and of features that INT8 cannot tell apart.

    Raises:
        DataError: the arrays do not fit their description, or hold what is no finite number.
    """
    from train.feature_scaling import FeatureScaling

    for name in OF_IMAGES:
        if name in job.given:
            progress.warn(f"{option_of(name)} is for pictures; {job.data} holds features, so it is not used")
    task, sets = _sets(_opened(job, info, None, progress), info, kind)
    scaling = FeatureScaling.measured(sets["training"].x)
    if not scaling.varies:
        raise DataError(
            "no feature differs from row to row by as much as INT8 keeps: there is nothing to learn",
            where=str(job.data),
            fix="check how the features are made",
        )
    for line in scaling.lines():
        progress.warn(line)
    return task, sets, scaling


def normalised(data: TrainingData, columns: int) -> TrainingData:
    """The same data with features divided for a first layer with `columns` weights in a row; see `FeatureScaling`."""
    from train.feature_scaling import FeatureScaling

    if not isinstance(data.scaling, FeatureScaling):
        return data
    scaling = data.scaling.over(columns)
    return replace(data.changed(scaling.for_training), scaling=scaling)


def _opened(job: Job, info: TrainInput, limits: tuple[float, float] | None, progress: Progress) -> Arrays:
    """The arrays, whose values lie within the limits."""
    from ei_compat.block.arrays import open_arrays

    if "validation_share" in job.given:
        info = replace(info, train_test_split=job.recipe.validation_share)
    arrays = open_arrays(job.data, info, value_range=limits, progress=progress)
    if "validation_share" in job.overridden and not arrays.split_here:
        progress.warn("--validation-share (--validation-set-size) is not used: the arrays are split already")
    return arrays


def _sets(arrays: Arrays, info: TrainInput, kind: type[Task]) -> tuple[Task, dict[str, Samples]]:
    """The task and the sets as they are stored."""
    from ei_compat.block.arrays import X_TESTING, X_TRAIN, X_UNSPLIT, X_VALIDATION
    from train.samples import Samples

    first, second = (X_UNSPLIT, X_UNSPLIT) if arrays.split_here else (X_TRAIN, X_VALIDATION)
    sets: dict[str, tuple[str, Any, Any]] = {
        "training": (first, arrays.x_train, arrays.y_train),
        "validation": (second, arrays.x_validation, arrays.y_validation),
        "testing": (X_TESTING, arrays.x_testing, arrays.y_testing),
    }
    task = kind.of_rows(info.classes, arrays.y_train)
    return task, {
        name: Samples(x, task.targets_of_rows(y), _row_names(file, x))
        for name, (file, x, y) in sets.items()
        if x is not None
    }


def _row_names(file: str, x: Rows) -> list[str]:
    """Such as `X_split_test.npy[7]`: arrays know no names of files."""
    return [f"{file}[{row}]" for row in (range(len(x)) if x.chosen is None else x.chosen)]


def _image_scaling(job: Job, info: TrainInput, file: Path | None) -> Scaling:
    """How the pixels of arrays of pictures are scaled; `file` is where the description stands, if anywhere.

    Raises:
        DataError: the arrays are no pictures that this network can take.
        UsageError: an option says otherwise.
    """
    from train.scaling import Scaling

    named = info.image_input_scaling or job.recipe.input_scaling
    if "input_scaling" in job.given and named != job.recipe.input_scaling:
        raise UsageError(f"{file} says {named}", where=f"--input-scaling {job.recipe.input_scaling}")
    return Scaling.of(named, _check_shape(job, info, file))


def _check_shape(job: Job, info: TrainInput, file: Path | None) -> int:
    """Refuses arrays that are no pictures, or others than the options say; returns the number of their channels."""
    shape = info.input_shape
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape[:2]) < 32:
        said = "inputShapeString" if file else "--input-shape" if job.input_shape else "a row of X of shape"
        first = (
            "; the channels come first here: np.moveaxis(x, 1, -1)" if len(shape) == 3 and shape[0] in (1, 3) else ""
        )
        raise (UsageError if file is None and job.input_shape else DataError)(
            f"{said} {info.input_shape_string} is no picture this network can take",
            where=file or job.data,
            fix=f"pictures need (height, width, channels) with at least 32 pixels a side and 1 or 3 channels{first}",
        )
    if "image_size" in job.given and (job.recipe.image_size, job.recipe.image_size) != shape[:2]:
        raise UsageError(
            f"the arrays hold pictures of {shape[0]}x{shape[1]} pixels",
            where=f"--image-size {job.recipe.image_size}",
            fix=IMAGES_INSTEAD,
        )
    if "channels" in job.given and job.recipe.channels != shape[2]:
        raise UsageError(
            f"the arrays hold pictures of {shape[2]} channels",
            where=f"--channels {job.recipe.channels}",
            fix=IMAGES_INSTEAD,
        )
    return shape[2]


def check_scaling(arrays: Arrays, name: str, where: Path, progress: Progress) -> None:
    """Hears the mistake that the range alone does not: values of a narrower scaling than the one that is named.

    Raises:
        DataError: all values lie within a sliver of the range.
    """
    from ei_compat.media.pixels import InputScaling, value_range

    low, high = value_range(name)
    rows = np.linspace(0, len(arrays.x_train) - 1, min(64, len(arrays.x_train))).astype(np.int64)
    values = arrays.x_train[rows]
    least, greatest = float(values.min()), float(values.max())
    alike = name == InputScaling.ZERO_TO_ONE and greatest == least  # blank pictures, and no scaling's fault
    if greatest - least < TELLING * (high - low) and not alike:
        raise DataError(
            f"values from {least:g} to {greatest:g} are no pictures scaled to {name}, from {low:g} to {high:g}",
            where=where,
            fix="correct imageInputScaling of train_input.json, or --input-scaling",
        )
    if low < 0 <= least:
        progress.warn(f"no value of X is below 0, although {name} goes from {low:g} to {high:g}; is the scaling right?")
