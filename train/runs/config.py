"""What decided the result of a run: `config.json`, and the fingerprint that a resumed run must share."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.run_folder import SCALING, SHAPE
from train import __version__, backend
from train.backbones.weights_file import digest
from train.recipe import option_of
from train.result import headed

if TYPE_CHECKING:
    from train.backbones.weights_file import WeightsFile
    from train.job import Job
    from train.recipe import Recipe
    from train.samples import TrainingData

SCHEMA = "config/1"
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
