"""One run as the user asked for it, and the recipe as it is once the data and the weights are known."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.run_folder import LABELS
from ei_compat.media.pixels import InputScaling
from train.recipe import Recipe, option_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from train.samples import TrainingData

# What changes for a backbone with published weights: its end recovers best from the last zeros at a high rate.
PUBLISHED_WEIGHTS: dict[str, object] = {"end_rate": 5.0}
# And where zeros are where they cost least: what they take from the first blocks, the other weights make up for, and
# only the last ones, which are quickest to train, have to recover.
PUBLISHED_WEIGHTS_BALANCED: dict[str, object] = {"prune_at_once": True, "end_share": 0.4}
# What changes where fine-tuning's epochs have too few steps (see `min_steps`): labels say little then, and more comes
# from what the network knew before.
FEW_IMAGES: dict[str, object] = {"soft_answers": 0.8, "distill": 20.0, "fine_tune_learning_rate": 0.0003}
# And with published weights, whose features make something of it: each picture is seen from closer by, too. Its class
# is the same then, but a number may say how large something is, and so few pictures would not show the harm.
FEW_IMAGES_PUBLISHED_WEIGHTS: dict[str, object] = {"closer_looks": 3}
# And where such a network is pruned: it has far to go back in few steps, and those differ more from each other.
FEW_IMAGES_PRUNED: dict[str, object] = {"fine_tune_learning_rate": 0.001, "end_rate": 3.0, "average": 0.99}
# And where those epochs have not even this share of the least steps: then everything is pruned at once, as no step is
# to be spent on weights that will be gone, and a share of the least steps is enough (quick has no more anyway).
VERY_FEW = 0.2
SHARE_OF_STEPS = 0.5
EFFORT = {"quick": 0.4, "default": 1, "thorough": 3}  # times the epochs and the least steps of fine-tuning


@dataclass(frozen=True, slots=True)
class Parameters:
    """The project's settings, from the list that exports since 2025 hold.

    Attributes:
        path: of the file.
        values: by field of the recipe; checked.
        unused: names and values that no field of the recipe stands for.
    """

    path: Path
    values: dict[str, Any]
    unused: tuple[str, ...]


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
        data_format: the name of the data's format, or None to find it out.
        deterministic: same bytes from the same machine and versions, at some cost in speed.
        resume: go on from a checkpoint in `out`.
        overwrite: replace what an earlier run left in `out`.
        enforce_time_limit: whether `maxTrainingTimeSeconds` stops the training.
        model: a finished one to compress, or None to train a fresh one.
        labels: its classes in the order of its outputs, where the user said so.
        config: the `config.json` that the recipe begins with, or None.
        tensorboard: write what TensorBoard reads into `out`.
        mlflow: the address of an MLflow server that hears of the run, or None.
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
    data_format: str | None = None
    deterministic: bool = False
    resume: bool = False
    overwrite: bool = False
    enforce_time_limit: bool = False
    model: Path | None = None
    labels: tuple[str, ...] | None = None
    config: Path | None = None
    tensorboard: bool = False
    mlflow: str | None = None


def command_of(job: Job) -> str:
    """The command line that does the same again, from the same directory."""
    if job.model is None:
        words = ["ei-train", "train", "--data-directory", str(job.data), "--out-directory", str(job.out)]
    else:
        words = ["ei-train", "compress", str(job.model), str(job.data), str(job.out)]
    for name in sorted(job.overridden):
        words += option_words(name, getattr(job.recipe, name))
    named = {
        "config": job.config,
        "mlflow": job.mlflow,
        "info-file": job.info_file,
        "input-shape": job.input_shape,
        "classes": None if job.classes is None else ",".join(job.classes),
        "from": job.data_format,
        "labels": None if job.labels is None else job.out / LABELS,  # which the run wrote down again
    }
    words += [word for flag, value in named.items() if value is not None for word in (f"--{flag}", str(value))]
    switches = {
        "ensure-determinism": job.deterministic,
        "enforce-time-limit": job.enforce_time_limit,
        "tensorboard": job.tensorboard,
    }
    return shlex.join([*words, *(f"--{flag}" for flag, on in switches.items() if on)])


def with_defaults(job: Job, defaults: Mapping[str, object]) -> Recipe:
    """The recipe as it was asked for, with these defaults in place of its own."""
    return job.recipe.model_copy(update={name: value for name, value in defaults.items() if name not in job.given})


def settled(job: Job, answers: Mapping[str, object]) -> Job:
    """The job with these fields of the recipe as a finished model has them."""
    recipe = job.recipe.model_copy(update=dict(answers))
    return replace(job, recipe=recipe, given=job.given | frozenset(answers))


def adapted(job: Job, data: TrainingData, defaults: Mapping[str, object], *, pretrained: bool = False) -> Recipe:
    """The recipe as it is trained.

    Args:
        job: the recipe as it was asked for; what the user set stays.
        data: that it is trained on.
        defaults: the backbone's own, in place of the recipe's.
        pretrained: whether the backbone came with published weights.
    """
    changes: dict[str, object] = {"task": data.task.name, **_of_images(data)}
    changes |= {name: value for name, value in defaults.items() if name not in job.given}
    effort = EFFORT[job.recipe.effort]
    for name in ("fine_tune_epochs", "min_steps"):
        if name not in job.given:
            changes[name] = round(effort * int(str(changes.get(name, getattr(job.recipe, name)))))
    recipe = job.recipe.model_copy(update=changes)
    steps = recipe.fine_tune_epochs * len(data.training) / recipe.batch_size
    few = steps < recipe.min_steps
    more = dict(PUBLISHED_WEIGHTS) if pretrained else {}
    more |= PUBLISHED_WEIGHTS_BALANCED if pretrained and recipe.sparsity_allocation == "balanced" else {}
    more |= FEW_IMAGES if few else {}
    classes = data.task.name == "classification"
    more |= FEW_IMAGES_PUBLISHED_WEIGHTS if few and pretrained and classes else {}
    more |= FEW_IMAGES_PRUNED if few and pretrained and recipe.prune else {}
    settled_already = job.given | defaults.keys()
    at_once = "prune_at_once" in more and not {"prune_at_once", "initial_sparsity"} & settled_already
    if at_once and recipe.prune and steps < VERY_FEW * recipe.min_steps:
        least = round(recipe.min_steps * (SHARE_OF_STEPS if effort >= 1 else 1))
        more |= {"initial_sparsity": recipe.final_sparsity, "min_steps": least}
    return recipe.model_copy(update={name: value for name, value in more.items() if name not in settled_already})


def _of_images(data: TrainingData) -> dict[str, object]:
    """Fields of the recipe that say what pictures are like; none where there are features."""
    if len(data.shape) != 3:
        return {}
    height, width, channels = data.shape
    size = {"image_size": height} if height == width else {}
    return {"channels": channels, "input_scaling": InputScaling(str(data.scaling.name)), **size}
