"""Arrays of Edge Impulse as the data of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ei_compat.block.arrays import Arrays
    from ei_compat.block.rows import Rows
    from ei_compat.block.train_input import TrainInput
    from ei_compat.core.progress import Progress
    from train.job import Job
    from train.samples import Samples
    from train.scaling import Scaling
    from train.tasks import Task

PICTURES_INSTEAD = "leave the option out, or give the pictures instead of arrays"
TELLING = 0.02  # share of the range that real pictures pass; values within less of it are scaled otherwise


def read_arrays(
    job: Job, info: TrainInput, kind: type[Task], scaling: Scaling, progress: Progress
) -> tuple[Task, dict[str, Samples]]:
    """The task and the sets of a folder of arrays, checked against its description and the options.

    Raises:
        DataError: the arrays are no pictures in this scaling.
        UsageError: an option contradicts them.
    """
    from ei_compat.block.arrays import X_TESTING, X_TRAIN, X_UNSPLIT, X_VALIDATION, open_arrays
    from ei_compat.media.pixels import value_range
    from train.samples import Samples

    if "validation_share" in job.given:
        info = replace(info, train_test_split=job.recipe.validation_share)
    arrays = open_arrays(job.data, info, value_range=value_range(scaling.name), progress=progress)
    if "validation_share" in job.overridden and not arrays.split_here:
        progress.warn("--validation-share (--validation-set-size) is not used: the arrays are split already")
    first, second = (X_UNSPLIT, X_UNSPLIT) if arrays.split_here else (X_TRAIN, X_VALIDATION)
    sets = {
        "training": (first, arrays.x_train, arrays.y_train),
        "validation": (second, arrays.x_validation, arrays.y_validation),
        "testing": (X_TESTING, arrays.x_testing, arrays.y_testing),
    }
    check_scaling(arrays, scaling.name, job.data, progress)
    task = kind.of_rows(info.classes, arrays.y_train)
    return task, {
        name: Samples(scaling.for_training(x), task.targets_of_rows(y), _row_names(file, x))
        for name, (file, x, y) in sets.items()
        if x is not None and y is not None
    }


def _row_names(file: str, x: Rows) -> list[str]:
    """Such as `X_split_test.npy[7]`: arrays know no names of files."""
    return [f"{file}[{row}]" for row in (range(len(x)) if x.chosen is None else x.chosen)]


def picture_shape(job: Job, info: TrainInput, file: Path | None) -> tuple[int, int, int]:
    """Height, width and channels of the arrays' pictures; `file` is where the description stands, if anywhere.

    Raises:
        DataError: they are none that this network can take.
        UsageError: an option says otherwise.
    """
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
            fix=PICTURES_INSTEAD,
        )
    if "channels" in job.given and job.recipe.channels != shape[2]:
        raise UsageError(
            f"the arrays hold pictures of {shape[2]} channels",
            where=f"--channels {job.recipe.channels}",
            fix=PICTURES_INSTEAD,
        )
    height, width, channels = shape
    return height, width, channels


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
