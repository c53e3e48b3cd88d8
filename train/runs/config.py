"""What decided the result of a run: `config.json`, read back by `--config`, and what a resumed run must share of it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ei_compat.block.run_folder import MODE, SCALING, SHAPE
from ei_compat.core.errors import FormatError
from ei_compat.core.parsing import read_json
from train import __version__, backend
from train.backbones.weights_file import digest
from train.recipe import Recipe, option_of
from train.result import headed

if TYPE_CHECKING:
    from train.backbones.weights_file import WeightsFile
    from train.job import Job
    from train.samples import TrainingData

SCHEMA = "config/1"
OWN_MODES = ("classification", "regression")
KEYS = (
    *("schema", "recipe", "sources", "deterministic", "machine", SHAPE, MODE, "target_range", SCALING, "classes"),
    *("data", "network", "weights", "versions"),
)
LIBRARIES = (
    "tensorflow",
    "tensorflow-cpu",  # the same code without CUDA, in the image; only one of the two is installed
    "tf-keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "numpy",
    "pillow",
)


def make_config(job: Job, recipe: Recipe, data: TrainingData, weights: WeightsFile | None) -> dict[str, Any]:
    """Everything that decided the result, for `config.json`; numbers as they were used, not as they were asked for."""
    values = {
        "recipe": recipe.model_dump(mode="json"),
        "sources": {
            "train_input": None if data.info_file is None else str(data.info_file),
            "parameters": None if job.parameters is None else str(job.parameters.path),
            "config": None if job.config is None else str(job.config),
        },
        "deterministic": job.deterministic,
        "machine": backend.machine(),
        SHAPE: list(data.shape),
        **data.task.deployment(),
        **({} if data.scaling.name is None else {SCALING: data.scaling.name}),
        "classes": list(data.task.labels),
        "data": {
            "format": data.format,
            "sha256": data.sha256,
            "samples": {name: len(samples) for name, samples in data.sets().items()},
        },
        **(
            {}
            if job.recipe.network == "none" or job.model
            else {"network": {"sha256": digest(Path(job.recipe.network))}}
        ),
        "weights": None
        if weights is None
        else {
            "file": weights.path.name,
            "image_size": weights.image_size,
            "origin": weights.origin,
            "sha256": weights.sha256,
        },
        "versions": {"ei-train": __version__} | versions(),
    }
    return headed(SCHEMA, values)


def versions() -> dict[str, str]:
    """Of Python and of every library that may change a result."""
    installed = {name: found for name in LIBRARIES if (found := _installed_version(name))}
    return {"python": platform.python_version()} | installed


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def fingerprint(config: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint must share with the run that resumes it: a digest for each part of the configuration.

    Of the recipe each option is a part, under its name. Of the weights only the content counts: what was downloaded the
    first time is local the next. Other machines may go on, unless the same bytes were asked for.
    """
    parts = {name: value for name, value in config.items() if name not in {"schema", "sources", "machine", "recipe"}}
    parts |= {option_of(name): value for name, value in config["recipe"].items()}
    parts["weights"] = config["weights"] and config["weights"]["sha256"]
    if config["deterministic"]:
        parts["machine"] = config["machine"]
    return {name: hashlib.sha256(json.dumps(value).encode()).hexdigest() for name, value in parts.items()}


@dataclass(frozen=True, slots=True)
class Configured:
    """What a `config.json` says of another run.

    Attributes:
        values: by field of the recipe; checked, each by itself.
        deterministic: whether the same bytes were asked for.
        absent: fields of the recipe that it does not name.
    """

    values: dict[str, Any]
    deterministic: bool
    absent: tuple[str, ...]


def read_config(path: Path) -> Configured:
    """Reads a `config.json`, or a file like one with a part of the recipe.

    The size of pictures and their channels are left out where the run's inputs had others than its recipe says, which
    is so for arrays: there the data decide.

    Raises:
        DataError: it cannot be read.
        FormatError: it has another version, a key or a value that this version does not know, or is of `compress`.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("recipe"), dict):
        raise FormatError("holds no recipe", where=path, fix="give the config.json of a run")
    own = f"ei-train/{SCHEMA}"
    if document.get("schema", own) != own:
        what = f"is {document['schema']}, and this program reads {own}"
        raise FormatError(what, where=path, fix="use the program that wrote it, or a newer one")
    own_task = document.get(MODE, "classification") in OWN_MODES  # others may say more of how they are deployed
    _refuse_unknown(document, KEYS if own_task else document.keys(), path)
    values = document["recipe"]
    _refuse_unknown(values, Recipe.model_fields, f"{path}, recipe")
    if values.get("network", "none") != "none" and "versions" in document and "network" not in document:
        what = "is of `ei-train compress`, which begins with a finished model"
        raise FormatError(what, where=path, fix="give the config.json of `train`")
    try:
        Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        field = ".".join(["recipe", *map(str, first["loc"])])
        raise FormatError(f"must be {reason}" if first["loc"] else reason, where=f"{path}, {field}") from None
    left_out = _of_other_inputs(values, document.get(SHAPE))
    return Configured(
        {name: value for name, value in values.items() if name not in left_out},
        bool(document.get("deterministic", False)),
        tuple(name for name in Recipe.model_fields if name not in values),
    )


def _refuse_unknown(found: Mapping[str, Any], known: Collection[str], where: Path | str) -> None:
    unknown = [name for name in found if name not in known]
    if unknown:
        keys = f"{'key' if len(unknown) == 1 else 'keys'} {', '.join(unknown)}"
        fix = "numbers of the recipe belong into `recipe`" if set(unknown) & set(Recipe.model_fields) else None
        raise FormatError(
            f"this version does not know the {keys}", where=where, fix=fix or f"it knows {', '.join(known)}"
        )


def _of_other_inputs(values: Mapping[str, Any], shape: Any) -> set[str]:
    """Fields about pictures that do not say what the run's inputs were."""
    if not isinstance(shape, list) or shape == [
        values.get("image_size"),
        values.get("image_size"),
        values.get("channels"),
    ]:
        return set()
    return {"image_size"} if len(shape) == 3 else {"image_size", "channels", "input_scaling"}
