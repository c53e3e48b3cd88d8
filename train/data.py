"""The data of a run: whatever folder the user gave, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import reserve
from ei_compat.core.words import counted, verb
from train.samples import Samples, TrainingData
from train.tasks import TASKS

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from ei_compat.dataset.dataset import Dataset, Payload, Sample
    from ei_compat.dataset.reading import Reading
    from ei_compat.media.images import ImageSpec
    from train.feature_scaling import FeatureScaling
    from train.job import Job
    from train.recipe import Recipe
    from train.scaling import Scaling
    from train.tasks import Task

IN_MEMORY = 1 << 29  # bytes of decoded pictures in a set; more are kept in a file beside the results
DIGEST_ROWS = 256
DEFAULT_TASK = "classification"  # of class folders
MOST_WARNINGS = 20  # about single pictures; the report names them all


def load_data(job: Job, progress: Progress) -> TrainingData:
    """Reads the user's folder: arrays or an export of Edge Impulse, class folders or labelled file names.

    Features are as they are stored; a backbone says how they are scaled (see `array_data.normalised`).

    Args:
        job: names the folder and, for arrays, their `train_input.json`; its recipe gives the picture's size and
            channels, the seed, and how much may be broken. Pictures that do not fit in memory go to its output folder.
        progress: counts pictures.

    Raises:
        DataError: the folder holds nothing that can be trained on.
        UsageError: an option contradicts the data.
    """
    from ei_compat.block.arrays import holds_arrays
    from ei_compat.formats import open_dataset

    if job.out.resolve() == job.data.resolve():
        raise UsageError("is the data directory", where=f"--out-directory {job.out}", fix="name a folder beside it")
    if job.data.is_dir() and holds_arrays(job.data):
        return _from_arrays(job, progress)
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
    for option, value in (("--input-shape", job.input_shape), ("--classes", job.classes)):
        if value is not None:
            progress.warn(f"{option} describes arrays; {job.data} holds pictures, so it is not used")
    kind = TASKS.named(DEFAULT_TASK if job.recipe.task == "auto" else job.recipe.task)
    return _from_images(open_dataset(job.data, format=job.data_format), kind, job.recipe, job.out, progress)


def _from_arrays(job: Job, progress: Progress) -> TrainingData:
    return _checked(*sets_of_arrays(job, progress), job.recipe, progress)


def sets_of_arrays(job: Job, progress: Progress) -> tuple[Task, dict[str, Samples], Found]:
    """The task, the sets and what else is known of a folder of arrays; raises what `load_data` does."""
    from ei_compat.formats import account_of_arrays
    from train.array_data import read_features, read_images
    from train.exported import describe

    info, path = (described := describe(job, progress)).info, described.path
    kind = _task_named(job, str(info.mode), path)
    reading = account_of_arrays(job.data)
    for line in reading.lines():
        progress.warn(line)
    read = read_images if len(info.input_shape) > 2 else read_features
    task, sets, scaling = read(job, info, path, kind, progress)
    return task, sets, Found("arrays", (), reading, scaling, path, info.max_training_time_seconds or None)


def _from_images(dataset: Dataset, kind: type[Task], recipe: Recipe, scratch: Path, progress: Progress) -> TrainingData:
    from ei_compat.media.images import ImageSpec
    from train.scaling import Scaling

    dataset = with_labels(dataset, progress)
    task = task_of(kind, dataset)
    if (said := undivided(dataset)) is not None:
        progress.warn(said)
    dataset = with_validation(dataset, task, recipe, progress)
    scaling = Scaling.of(recipe.input_scaling, recipe.channels)
    spec = ImageSpec(recipe.image_size, recipe.image_size, recipe.channels)
    decoded = decode_sets(dataset, task, spec, recipe.max_broken, scratch, progress)
    sets = {name: replace(samples, x=scaling.for_training(samples.x)) for name, samples in decoded.sets.items()}
    return _checked(task, sets, Found(dataset.format, decoded.broken, dataset.reading, scaling), recipe, progress)


def with_labels(dataset: Dataset, progress: Progress) -> Dataset:
    """The samples to learn from or to be measured on; what was not read, has no label or is for neither is warned of.

    Raises:
        DataError: most of them are no pictures: they are signals, or rows of features; or all are for post-processing.
    """
    from ei_compat.dataset.dataset import Category
    from ei_compat.dataset.split import labelled

    _refuse_signals(dataset)
    for line in dataset.reading.lines():
        progress.warn(line)
    kept = tuple(sample for sample in dataset.samples if sample.category is not Category.POST_PROCESSING)
    if left := len(dataset) - len(kept):
        are = f"{left} of {counted(len(dataset), 'sample')} {verb(left)} in the post-processing set"
        if not kept:
            raise DataError(are, where=dataset.root, fix="put samples into a set to train on")
        progress.warn(f"{are}, which tunes what comes after the model, and left out")
        dataset = replace(dataset, samples=kept)
    dataset, bare = labelled(dataset)
    if bare is not None:
        progress.warn(bare)
    return dataset


class Decoded(NamedTuple):
    """Pictures as a network sees them.

    Attributes:
        sets: uint8 pixels, targets and names of each set that has any.
        broken: pictures that were skipped, with the reason.
    """

    sets: dict[str, Samples]
    broken: tuple[tuple[str, str], ...]

    @property
    def names(self) -> dict[str, Sequence[str]]:
        """Names of the samples, by set."""
        return {name: samples.names for name, samples in self.sets.items()}


def decode_sets(
    dataset: Dataset, task: Task, spec: ImageSpec, max_broken: float, scratch: Path, progress: Progress
) -> Decoded:
    """Decodes every set.

    Args:
        dataset: of samples that have a label.
        task: makes targets of the labels.
        spec: of the pictures.
        max_broken: share of pictures that may be left out, 0 to 1.
        scratch: a folder for what does not fit in memory.
        progress: counts pictures, and warns of each that is broken.

    Raises:
        DataError: more are broken.
    """
    from ei_compat.dataset.dataset import Category

    sets: dict[str, Samples] = {}
    broken: list[tuple[str, str]] = []
    for category in (Category.TRAINING, Category.VALIDATION, Category.TESTING):
        chosen = dataset.only(category).samples
        if chosen:
            sets[category.value], skipped = _decode(chosen, task, spec, scratch, progress)
            broken.extend(skipped)
    for name, reason in broken[:MOST_WARNINGS]:
        progress.warn(f"{name}: skipped, {reason}")
    if len(broken) > max_broken * len(dataset):
        raise DataError(
            f"{len(broken)} of {counted(len(dataset), 'picture')} {verb(len(broken))} broken, more than "
            f"{max_broken:.1%}: {broken[0][0]} …",
            where=dataset.root,
            fix="repair or remove them, or raise --max-broken",
        )
    return Decoded(sets, tuple(broken))


def _refuse_signals(dataset: Dataset) -> None:
    """Raises DataError where most samples are no pictures at all, of which not each has to be named."""
    from ei_compat.dataset.dataset import SIGNAL_SUFFIXES, ArrayRow, FilePayload, Signal

    def is_signal(payload: Payload) -> bool:
        stored = isinstance(payload, FilePayload) and payload.suffix in SIGNAL_SUFFIXES
        return stored or isinstance(payload, Signal)

    signals = [sample.id for sample in dataset.samples if is_signal(sample.payload)]
    if 2 * len(signals) > len(dataset):
        raise DataError(
            f"{len(signals)} of {len(dataset)} samples {verb(len(signals), 'is a signal', 'are signals')} without "
            f"features yet, such as {signals[0]}",
            where=dataset.root,
            fix="let a processing block make them, and train on the block's arrays: `ei-train download block`, or "
            '"Edit block locally" in Studio',
        )
    rows = [sample.payload for sample in dataset.samples if isinstance(sample.payload, ArrayRow)]
    if 2 * sum(row.array.ndim < 4 for row in rows) > len(dataset):
        raise DataError(
            "its arrays hold features", where=dataset.root, fix="name the folder that the arrays themselves lie in"
        )


def task_of(kind: type[Task], dataset: Dataset) -> Task:
    """The task of a data set's labels; see `Task.of_labels`."""
    from ei_compat.formats import file_names

    return kind.of_labels(labels_of(dataset), in_names=dataset.format == file_names.FORMAT.name)


def labels_of(dataset: Dataset) -> dict[str, str]:
    """Every label with the name of the first sample that carries it, or none."""
    from ei_compat.dataset.split import class_of

    named: dict[str, str] = dict.fromkeys(dataset.labels, "")
    for sample in dataset.samples:
        named[class_of(sample)] = named[class_of(sample)] or sample.id
    return named


def with_validation(dataset: Dataset, task: Task, recipe: Recipe, progress: Progress) -> Dataset:
    """The same samples with a validation set: their own, or a share of the others that are not for testing.

    Beside a validation set of their own, samples that are in no set are for training; see `undivided`.
    """
    from ei_compat.dataset.dataset import Category
    from ei_compat.dataset.split import SETS, Shares, split_dataset

    if any(sample.category is Category.VALIDATION for sample in dataset.samples):
        placed = (each if each.category in SETS else each.with_category(Category.TRAINING) for each in dataset.samples)
        return replace(dataset, samples=tuple(placed))
    held = recipe.validation_share
    testing = tuple(sample for sample in dataset.samples if sample.category is Category.TESTING)
    rest = replace(dataset, samples=tuple(each for each in dataset.samples if each.category is not Category.TESTING))
    split = split_dataset(in_strata(rest, task), Shares(1 - held, held, 0.0), seed=recipe.seed, progress=progress)
    return replace(dataset, samples=with_sides_of(split, rest).samples + testing)


def undivided(dataset: Dataset) -> str | None:
    """What to say of samples that are in no set, where a validation set was made without them; None where none is."""
    from ei_compat.dataset.dataset import Category
    from ei_compat.dataset.split import SETS

    left = [sample.id for sample in dataset.samples if sample.category not in SETS]
    if not left or all(sample.category is not Category.VALIDATION for sample in dataset.samples):
        return None
    are = f"{len(left)} of {counted(len(dataset), 'sample')} {verb(len(left))} in no set"
    return f"{are} and trained on: {', '.join(left[:3])}{', …' if len(left) > 3 else ''}; `ei-train split` divides anew"


def in_strata(dataset: Dataset, task: Task) -> Dataset:
    """The samples labelled by what each is counted as when sets are drawn; see `Task.strata`."""
    from ei_compat.dataset.dataset import ClassLabel
    from ei_compat.dataset.split import class_of

    strata = task.strata([class_of(sample) for sample in dataset.samples])
    counted = zip(dataset.samples, strata, strict=True)
    return replace(dataset, samples=tuple(replace(sample, label=ClassLabel(name)) for sample, name in counted))


def with_sides_of(split: Dataset, dataset: Dataset) -> Dataset:
    """The dataset's samples in the sets that they have in a split of the same ones."""
    sides = {sample.id: sample.category for sample in split.samples}
    return replace(dataset, samples=tuple(sample.with_category(sides[sample.id]) for sample in dataset.samples))


def _decode(
    samples: Sequence[Sample], task: Task, spec: ImageSpec, scratch: Path, progress: Progress
) -> tuple[Samples, tuple[tuple[str, str], ...]]:
    """Pictures as the model sees them, in memory or, where they are many, in an unlinked file under `scratch`."""
    from ei_compat.dataset.split import class_of
    from ei_compat.media.images import load_images

    size = (len(samples), *spec.shape)
    out = _mapped(scratch, size) if int(np.prod(size)) > IN_MEMORY else None
    payloads = [sample.payload for sample in samples]
    prepared = load_images(payloads, spec, out=out, max_broken=1.0, progress=progress)
    y = task.targets([class_of(samples[row]) for row in prepared.kept])
    named = [samples[row].id for row in prepared.kept]
    return Samples(prepared.pixels, y, named), prepared.broken


def _mapped(scratch: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A memory-mapped array in an unlinked temporary file, of which nothing is left whatever ends the run."""
    import tempfile

    from ei_compat.block.mapped_array import Mapped

    with tempfile.TemporaryFile(dir=scratch) as file:
        reserve(file.fileno(), int(np.prod(shape)))
        return Mapped(file, np.uint8, mode="w+", shape=shape)


def _task_named(job: Job, mode: str, path: Path | None) -> type[Task]:
    """The task of an array's mode, which `--task` may only name once more."""
    asked = job.recipe.task
    if path is None and asked != "auto":
        return TASKS.named(asked)
    if asked not in {"auto", mode}:
        raise UsageError(f"{path} says {mode}", where=f"--task {asked}", fix="leave the option out")
    if mode not in TASKS.names():
        raise DataError(
            f"mode {mode} is not supported yet", where=path, fix=f"train a project of {' or '.join(TASKS.names())}"
        )
    return TASKS.named(mode)


class Found(NamedTuple):
    """What is known of the data beside the sets; see `TrainingData`."""

    format: str
    broken: tuple[tuple[str, str], ...]
    reading: Reading
    scaling: Scaling | FeatureScaling
    info_file: Path | None = None
    max_training_seconds: float | None = None


def _checked(task: Task, sets: dict[str, Samples], found: Found, recipe: Recipe, progress: Progress) -> TrainingData:
    """Refuses data that nothing can be learned from."""
    sets = {name: samples for name, samples in sets.items() if len(samples)}
    for name in ("training", "validation"):
        if name not in sets:
            raise DataError(f"the {name} set is empty", fix="split the data anew with `ei-train split`")
    for line in task.check({name: samples.y for name, samples in sets.items()}):
        progress.warn(line)
    return TrainingData(
        task=task.fitted(recipe, sets["training"].y),
        training=sets["training"],
        validation=sets["validation"],
        testing=sets.get("testing"),
        sha256=digest_of(task.labels, sets.values()),
        **found._asdict(),
    )


def digest_of(labels: tuple[str, ...], sets: Iterable[Samples]) -> str:
    """SHA-256 over the labels and every set's pixels and classes, in order."""
    digest = hashlib.sha256(repr(labels).encode())
    for samples in sets:
        digest.update(repr((samples.x.shape, samples.x.dtype.str)).encode() + samples.y.tobytes())
        for first in range(0, len(samples), DIGEST_ROWS):
            digest.update(np.ascontiguousarray(samples.x[first : first + DIGEST_ROWS]).data)
    return digest.hexdigest()
