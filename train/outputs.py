"""The output directory: what a run writes, and that it can be written before any time is spent."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ei_compat.errors import DataError
from ei_compat.files import write_file
from train import __version__
from train.data import TrainingData
from train.job import Job
from train.recipe import Recipe
from train.report import Report, training_log
from train.weights import WeightsFile

FLOAT_FILE, INT8_FILE = "model.tflite", "model_quantized_int8_io.tflite"
LIBRARIES = (
    "tensorflow",
    "tensorflow-cpu",  # the same code without CUDA, in the image; only one of the two is installed
    "tf-keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "numpy",
    "pillow",
)


def prepare_folder(out: Path) -> None:
    """Makes the output directory.

    Raises:
        DataError: it cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".ei-train-probe"
        write_file(probe, b"")
        probe.unlink()
        for partial in out.glob(".checkpoint.npz.*.part"):
            partial.unlink()  # of a run that was killed while it saved
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise DataError(f"cannot be written to ({reason})", where=out, fix="give another --out-directory") from error


def config(job: Job, recipe: Recipe, data: TrainingData, weights: WeightsFile | None) -> dict[str, Any]:
    """Everything that decided the result, for `config.json`; numbers as they were used, not as they were asked for."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "deterministic": job.deterministic,
        "input_shape": list(data.shape),
        "classes": list(data.classes),
        "data": {
            "format": data.format,
            "sha256": data.sha256,
            "samples": {name: len(samples) for name, samples in data.sets().items()},
        },
        "weights": None
        if weights is None
        else {
            "file": weights.path.name,
            "image_size": weights.image_size,
            "origin": weights.origin,
            "sha256": weights.sha256,
        },
        "versions": {"ei-train": __version__, "python": platform.python_version()}
        | {name: found for name in LIBRARIES if (found := _installed_version(name))},
    }


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def fingerprint(config: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint must share with the run that resumes it: a digest for each part of the configuration.

    Of the weights only the content counts: what was downloaded the first time is local the next.
    """
    weights = config["weights"] and config["weights"]["sha256"]
    parts = {**config, "weights": weights}
    return {name: hashlib.sha256(json.dumps(value).encode()).hexdigest() for name, value in parts.items()}


def write_results(out: Path, report: Report, config: Mapping[str, Any], models: Mapping[str, bytes]) -> None:
    """Writes every file of a finished run, each whole or not at all; `report.json` is the last."""
    texts = {
        "labels.txt": "".join(f"{label}\n" for label in report.classes),
        "training_log.csv": training_log(report.history),
        "config.json": json.dumps(config, indent=2) + "\n",
        "report.json": json.dumps(report.as_json(), indent=2) + "\n",
    }
    for name, content in models.items():
        write_file(out / name, content)
    for name, text in texts.items():
        write_file(out / name, text.encode())
