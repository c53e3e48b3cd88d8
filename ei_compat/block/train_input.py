"""`train_input.json`: what Edge Impulse tells a training block about its job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from ei_compat.core.documents import from_document, to_document, write_json
from ei_compat.core.errors import FormatError
from ei_compat.core.parsing import read_json
from ei_compat.media.pixels import InputScaling

LARGEST_INPUT = 1 << 28  # numbers in one input, far above any microcontroller's
LONGEST_SHAPE = 200  # characters
_SHAPE = re.compile(r"\(\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*,?\s*\)")


class Mode(StrEnum):
    """Learning task of a block."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    OBJECT_DETECTION = "object-detection"
    VISUAL_ANOMALY = "visual-anomaly"
    ANOMALY_GMM = "anomaly-gmm"


@dataclass(frozen=True, slots=True)
class TrainInput:
    """The fields of `train_input.json`; only the first four are required of a file.

    Attributes:
        classes: label names in the order of the one-hot columns.
        mode: what is learned.
        input_shape_string: a Python tuple as text, `(96, 96, 3)`.
        y_type: `npy`, or `structured` for JSON labels.
        inference_mode: as `mode`, in files of 2023.
        print_hw_info: whether the log begins with the machine.
        train_test_split: the VALIDATION share, 0 to 1.
        stratified_train_test: whether each class is split by that share.
        online_dsp_config: settings of a processing block that runs while training.
        convert_int8: whether an INT8 model is wanted.
        profile_int8: whether that one is profiled.
        skip_embeddings_and_memory: whether the data explorer's embeddings and memory figures are left out.
        object_detection_last_layer: the detector, such as `fomo`.
        object_detection_augmentation: whether a detector's pictures are augmented.
        object_detection_batch_size: of a detector's training.
        syntiant_target: whether the model is for a Syntiant chip.
        max_training_time_seconds: 0 where there is no limit.
        remaining_gpu_compute_time_seconds: of the account; None where there is no limit.
        is_enterprise_project: whether an organization owns the project.
        flatten_dataset: whether pictures are flattened, as FOMO has it.
        akida_model: whether the model is for an Akida chip.
        akida_edge_model: whether that one learns on the device.
        skip_memory_profiling: whether RAM and ROM are not estimated.
        async_memory_profiling: whether they are estimated after the job.
        tensorboard_logging: whether TensorBoard logs are written.
        custom_validation_split: whether samples' metadata say which are for validation.
        validation_metadata_key: the key of that metadata.
        image_input_scaling: one of `InputScaling`: what the pixels of X, and the model's input, are scaled to.
        custom_variants_to_profile: further model files that are profiled.
        unknown: members that this version does not know, kept for writing.
    """

    classes: tuple[str, ...]
    mode: Mode
    input_shape_string: str
    y_type: Literal["npy", "structured"]
    inference_mode: Mode | None = None
    print_hw_info: bool | None = None
    train_test_split: float = 0.2
    stratified_train_test: bool = False
    online_dsp_config: dict[str, Any] | None = None
    convert_int8: bool = True
    profile_int8: bool = True
    skip_embeddings_and_memory: bool = False
    object_detection_last_layer: str | None = None
    object_detection_augmentation: bool = False
    object_detection_batch_size: int | None = None
    syntiant_target: bool = False
    max_training_time_seconds: float = 0
    remaining_gpu_compute_time_seconds: float | None = None
    is_enterprise_project: bool = False
    flatten_dataset: bool = False
    akida_model: bool = False
    akida_edge_model: bool = False
    skip_memory_profiling: bool = False
    async_memory_profiling: bool = False
    tensorboard_logging: bool = False
    custom_validation_split: bool = False
    validation_metadata_key: str | None = None
    image_input_scaling: str | None = None
    custom_variants_to_profile: list[Any] | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, without the batch axis."""
        return parse_shape(self.input_shape_string)


def parse_shape(text: str, *, where: str = "inputShapeString") -> tuple[int, ...]:
    """`(96, 96, 3)` or `(156,)` as integers.

    Raises:
        FormatError: when it is not such a text, or no sensible size.
    """
    match = _SHAPE.fullmatch(text.strip()) if len(text) <= LONGEST_SHAPE else None
    if match is None:
        raise FormatError(f"{text[:80]!r} is not a shape such as (96, 96, 3)", where=where)
    shape = tuple(int(part) for part in match[1].split(","))
    size = 1
    for extent in shape:
        size *= extent
    if not 0 < size <= LARGEST_INPUT or len(shape) > 8:
        raise FormatError(f"shape {text[:80]} is empty or too large", where=where)
    return shape


def read_train_input(path: Path) -> TrainInput:
    """Reads `train_input.json`.

    Raises:
        FormatError: with the field that is missing or wrong.
    """
    return parse_train_input(read_json(path), where=str(path))


def parse_train_input(document: Any, *, where: str = "train_input.json") -> TrainInput:
    """Checks a parsed `train_input.json`; null stands for a field that is absent.

    Raises:
        FormatError: with the field that is missing or wrong.
    """
    info = from_document(TrainInput, document, where=where)
    needed = info.mode is not Mode.REGRESSION  # numbers need no names
    if (needed and not info.classes) or len(set(info.classes)) != len(info.classes):
        raise FormatError("is empty or names a class twice", where=f"{where}, classes")
    if not 0 <= info.train_test_split < 1:
        raise FormatError(f"{info.train_test_split} is not from 0 to below 1", where=f"{where}, trainTestSplit")
    parse_shape(info.input_shape_string, where=f"{where}, inputShapeString")
    if info.image_input_scaling is not None and info.image_input_scaling not in set(InputScaling):
        raise FormatError(
            f"{info.image_input_scaling!r} is none of {', '.join(InputScaling)}", where=f"{where}, imageInputScaling"
        )
    return info


def train_input_as_json(info: TrainInput) -> dict[str, Any]:
    """The document; optional fields that are None are left out."""
    return to_document(info)


def write_train_input(path: Path, info: TrainInput) -> None:
    """Writes `train_input.json`."""
    write_json(path, train_input_as_json(info))
