"""The data of a run: whatever folder the user gave, as arrays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.errors import DataError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    from ei_compat.block import TrainInput
    from ei_compat.dataset import Dataset, Sample
    from ei_compat.progress import Progress
    from ei_compat.reading import Reading
    from train.job import Job
    from train.recipe import Recipe

IN_MEMORY = 1 << 29  # bytes of decoded pictures in a set; more are kept in a file beside the results
DIGEST_ROWS = 256
MOST_WARNINGS = 20  # about single pictures; the report names them all
PICTURES_INSTEAD = "leave the option out, or give the pictures instead of arrays"


@dataclass(frozen=True, slots=True)
class Samples:
    """Pictures, or features of them, and their classes.

    Attributes:
        x: uint8 pixels [N, H, W, C], float32 pixels in [0, 1] or float32 features; may be memory-mapped.
        y: int32 class indices [N].
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows in that order."""
        return self.x[rows], self.y[rows]

    def draw(self, random: np.random.Generator) -> np.ndarray:
        """Every row once, in random order."""
        return random.permutation(len(self))

    def signature(self) -> list[tf.TensorSpec]:
        """What a batch looks like to TensorFlow."""
        import tensorflow as tf

        return [tf.TensorSpec([None, *self.x.shape[1:]], self.x.dtype), tf.TensorSpec([None], tf.int32)]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes:
        classes: labels, in the order of the model's outputs.
        training, validation: always there, and never empty.
        testing: None where the user has no test set.
        format: how it was stored, such as `ei-export` or `arrays`.
        broken: pictures that were skipped, with the reason.
        reading: the account of the user's folder.
        max_training_seconds: what `train_input.json` allows, or None.
        sha256: digest of everything above.
    """

    classes: tuple[str, ...]
    training: Samples
    validation: Samples
    testing: Samples | None
    format: str
    broken: tuple[tuple[str, str], ...]
    reading: Reading
    max_training_seconds: float | None
    sha256: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a picture."""
        height, width, channels = self.training.x.shape[1:]
        return height, width, channels

    def sets(self) -> dict[str, Samples]:
        """The sets by the names that reports use."""
        named = {"training": self.training, "validation": self.validation, "testing": self.testing}
        return {name: samples for name, samples in named.items() if samples is not None}


def load_data(job: Job, progress: Progress) -> TrainingData:
    """Reads the user's folder: arrays or an export of Edge Impulse, class folders or labelled file names.

    Args:
        job: names the folder and, for arrays, their `train_input.json`; its recipe gives the picture's size and
            channels, the seed, and how much may be broken. Pictures that do not fit in memory go to its output folder.
        progress: counts pictures.

    Raises:
        DataError: the folder holds nothing that can be trained on.
        UsageError: an option contradicts the data.
    """
    from ei_compat.arrays import holds_arrays
    from ei_compat.datasets import open_dataset

    if job.data.is_dir() and holds_arrays(job.data):
        return _from_arrays(job, _find_info(job.data, job.info_file), progress)
    if job.out.resolve().is_relative_to(job.data.resolve()) and not (job.data / "info.labels").is_file():
        raise UsageError(
            "lies inside the data directory, where the next run would take it for a class",
            where=f"--out-directory {job.out}",
            fix="name a folder beside it",
        )
    if job.info_file is not None:
        progress.warn(f"{job.info_file} describes arrays; {job.data} holds pictures, so it is not used")
    if job.enforce_time_limit:
        progress.warn("--enforce-time-limit has no limit to enforce: pictures come without a train_input.json")
    return _from_pictures(open_dataset(job.data, format=job.data_format), job.recipe, job.out, progress)


def _find_info(folder: Path, given: Path | None) -> TrainInput:
    """The `train_input.json` of a folder of arrays: named, in the working directory, or beside the arrays."""
    from ei_compat.block import read_train_input

    places = [given] if given is not None else [Path("train_input.json"), folder / "train_input.json"]
    for place in places:
        if place.is_file():
            return read_train_input(place)
    looked = " and ".join(str(place) for place in places)
    raise DataError("arrays need a train_input.json", where=looked, fix="name it with --info-file")


def _from_arrays(job: Job, info: TrainInput, progress: Progress) -> TrainingData:
    from ei_compat.arrays import open_arrays
    from ei_compat.datasets import account_of_arrays

    if info.mode != "classification":
        raise DataError(
            f"mode {info.mode} is not supported yet", where="train_input.json", fix="train a classification project"
        )
    shape = info.input_shape
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape[:2]) < 32:
        raise DataError(
            f"inputShapeString {info.input_shape_string} is no picture this network can take",
            where="train_input.json",
            fix="pictures need (height, width, channels) with at least 32 pixels a side and 1 or 3 channels",
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
    reading = account_of_arrays(job.data)
    for line in reading.lines():
        progress.warn(line)
    arrays = open_arrays(job.data, info, progress=progress)
    pairs = {
        "training": (arrays.x_train, arrays.y_train),
        "validation": (arrays.x_validation, arrays.y_validation),
        "testing": (arrays.x_testing, arrays.y_testing),
    }
    sets = {name: Samples(x, _indices(y)) for name, (x, y) in pairs.items() if x is not None and y is not None}
    return _checked(info.classes, sets, "arrays", (), reading, info.max_training_time_seconds or None)


def _indices(one_hot: np.ndarray) -> np.ndarray:
    return one_hot.argmax(axis=1).astype(np.int32)


def _from_pictures(dataset: Dataset, recipe: Recipe, scratch: Path, progress: Progress) -> TrainingData:
    from ei_compat.dataset import Category
    from ei_compat.split import labelled

    for line in dataset.reading.lines():
        progress.warn(line)
    dataset, bare = labelled(dataset)
    if bare is not None:
        progress.warn(bare)
    dataset = _with_validation(dataset, recipe, progress)
    sets: dict[str, Samples] = {}
    broken: list[tuple[str, str]] = []
    for category in (Category.TRAINING, Category.VALIDATION, Category.TESTING):
        chosen = dataset.only(category).samples
        if chosen:
            sets[category.value], skipped = _decode(chosen, dataset.labels, recipe, scratch, progress)
            broken.extend(skipped)
    for name, reason in broken[:MOST_WARNINGS]:
        progress.warn(f"{name}: skipped, {reason}")
    if len(broken) > recipe.max_broken * len(dataset):
        raise DataError(
            f"{len(broken)} of {len(dataset)} pictures are broken, more than {recipe.max_broken:.1%}: {broken[0][0]} …",
            where=dataset.root,
            fix="repair or remove them, or raise --max-broken",
        )
    return _checked(dataset.labels, sets, dataset.format, tuple(broken), dataset.reading)


def _with_validation(dataset: Dataset, recipe: Recipe, progress: Progress) -> Dataset:
    """The same samples with a validation set: their own, or a share of the others that are not for testing."""
    from dataclasses import replace

    from ei_compat.dataset import Category
    from ei_compat.split import Shares, split_dataset

    if any(sample.category is Category.VALIDATION for sample in dataset.samples):
        return dataset
    held = recipe.validation_share
    testing = tuple(sample for sample in dataset.samples if sample.category is Category.TESTING)
    rest = replace(dataset, samples=tuple(s for s in dataset.samples if s.category is not Category.TESTING))
    split = split_dataset(rest, Shares(1 - held, held, 0.0), seed=recipe.seed, progress=progress)
    return replace(dataset, samples=split.samples + testing)


def _decode(
    samples: Sequence[Sample], labels: tuple[str, ...], recipe: Recipe, scratch: Path, progress: Progress
) -> tuple[Samples, tuple[tuple[str, str], ...]]:
    """Pictures as the model sees them, in memory or, where they are many, in an unlinked file under `scratch`."""
    from ei_compat.images import PictureSpec, load_pictures
    from ei_compat.split import class_of

    spec = PictureSpec(recipe.image_size, recipe.image_size, recipe.channels)
    size = (len(samples), *spec.shape)
    out = _mapped(scratch, size) if int(np.prod(size)) > IN_MEMORY else None
    payloads = [sample.payload for sample in samples]
    prepared = load_pictures(payloads, spec, out=out, max_broken=1.0, progress=progress)
    index_of = {label: index for index, label in enumerate(labels)}
    y = np.array([index_of[class_of(samples[row])] for row in prepared.kept], np.int32)
    return Samples(prepared.pixels, y), prepared.broken


def _mapped(scratch: Path, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a file that has no name any more, so that nothing is left whatever ends the run."""
    import tempfile

    from ei_compat.mapped import Mapped

    with tempfile.TemporaryFile(dir=scratch) as file:
        os.posix_fallocate(file.fileno(), 0, int(np.prod(shape)))  # a full disk shows here, and not as a bus error
        return Mapped(file, np.uint8, mode="w+", shape=shape)


def _checked(
    classes: Iterable[str],
    sets: dict[str, Samples],
    form: str,
    broken: tuple[tuple[str, str], ...],
    reading: Reading,
    seconds: float | None = None,
) -> TrainingData:
    """Refuses data that nothing can be learned from."""
    labels = tuple(classes)
    if len(labels) < 2:
        raise DataError(
            f"there is only one class, {labels[0]!r}" if labels else "there is no class",
            fix="give at least two classes",
        )
    sets = {name: samples for name, samples in sets.items() if len(samples)}
    for name in ("training", "validation"):
        if name not in sets:
            raise DataError(f"the {name} set is empty", fix="split the data anew with `ei-train split`")
    counts = np.bincount(sets["training"].y, minlength=len(labels))
    if (counts == 0).any():
        absent = ", ".join(label for label, count in zip(labels, counts, strict=True) if not count)
        raise DataError(f"no training sample of class {absent}", fix="add some, or leave the class out")
    return TrainingData(
        classes=labels,
        training=sets["training"],
        validation=sets["validation"],
        testing=sets.get("testing"),
        format=form,
        broken=broken,
        reading=reading,
        max_training_seconds=seconds,
        sha256=_digest(labels, sets.values()),
    )


def _digest(labels: tuple[str, ...], sets: Iterable[Samples]) -> str:
    """SHA-256 over the labels and every set's pixels and classes, in order."""
    digest = hashlib.sha256(repr(labels).encode())
    for samples in sets:
        digest.update(repr((samples.x.shape, samples.x.dtype.str)).encode() + samples.y.tobytes())
        for first in range(0, len(samples), DIGEST_ROWS):
            digest.update(np.ascontiguousarray(samples.x[first : first + DIGEST_ROWS]))
    return digest.hexdigest()
