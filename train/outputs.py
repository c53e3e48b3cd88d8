"""The output directory: what a run writes, and that it can be written before any time is spent."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import write_file
from train import __version__, backend
from train.checkpoint import DAMAGED, described
from train.checkpoint import FILE_NAME as CHECKPOINT
from train.data import TrainingData
from train.job import Job
from train.recipe import Recipe
from train.report import Report, read_report, training_log
from train.weights import WeightsFile

FLOAT_FILE, INT8_FILE = "model.tflite", "model_quantized_int8_io.tflite"
SAVED_MODEL, KERAS = "saved_model.zip", "model.h5.zip"
CONFIG, REPORT = "config.json", "report.json"
RESULTS = (FLOAT_FILE, INT8_FILE, SAVED_MODEL, KERAS, "labels.txt", "training_log.csv", CONFIG, REPORT)
LIBRARIES = (
    "tensorflow",
    "tensorflow-cpu",  # the same code without CUDA, in the image; only one of the two is installed
    "tf-keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "numpy",
    "pillow",
)


class OutputFolder:
    """The output directory of one run: made, found writable, and locked until the block ends.

    The lock is the kernel's (flock on the directory), so it is gone when its process is, however that ends.

    Raises:
        DataError: it cannot be made or written to.
        UsageError: another run is at work in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> OutputFolder:
        self._made = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDONLY)
            self._lock()
            probe = self.path / ".ei-train-probe"
            write_file(probe, b"")
            probe.unlink()
            for name in (*RESULTS, CHECKPOINT):
                for partial in self.path.glob(f".{name}.*.part"):
                    partial.unlink()  # of a run that was killed while it wrote
        except OSError as error:
            reason = (error.strerror or "error").lower()
            raise DataError(
                f"cannot be written to ({reason})", where=self.path, fix="give another --out-directory"
            ) from error
        return self

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another run is at work in it", where=self.path, fix="wait for its end, or give another --out-directory"
            ) from None
        except OSError as error:
            if error.errno not in {errno.EBADF, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}:
                raise  # those are network file systems that know no locks

    def __exit__(self, *exc: object) -> None:
        os.close(self._handle)
        if self._made and self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()  # nothing came of it

    def refuse_earlier(self) -> None:
        """Raises UsageError when the folder holds a checkpoint or results, which nobody asked to replace."""
        held = [name for name in (CHECKPOINT, *RESULTS) if (self.path / name).exists()]
        if CHECKPOINT in held:
            kind = described(self.path / CHECKPOINT)
            go_on = "" if kind == DAMAGED else "--resume goes on from it, "
            raise UsageError(f"holds a checkpoint {kind}", where=self.path, fix=f"{go_on}--overwrite starts anew")
        if held:
            what = "the results of a finished run" if REPORT in held else f"{held[0]} of an earlier run"
            raise UsageError(f"holds {what}", where=self.path, fix="give another --out-directory, or --overwrite")

    def finished(self, config: Mapping[str, Any]) -> Report | None:
        """The report of a finished run, where the folder holds one.

        Raises:
            UsageError: it was made with other options, data or versions.
        """
        paths = self.path / CONFIG, self.path / REPORT
        if not all(path.is_file() for path in paths):
            return None
        try:
            made_with, document = (json.loads(path.read_bytes()) for path in paths)
            then, report = fingerprint(made_with), read_report(document)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError("the results are damaged", where=self.path, fix="--overwrite starts anew") from error
        changed = [name for name, value in fingerprint(config).items() if then.get(name) != value]
        if changed:
            raise UsageError(
                f"holds a finished run that was made with another {', '.join(changed)}",
                where=self.path,
                fix="give another --out-directory, or --overwrite",
            )
        return report

    def require(self, size: int) -> None:
        """Raises DataError where the disk has fewer bytes left; after hours of training it would be too late."""
        usage = shutil.disk_usage(self.path)
        if usage.total and usage.free < size:
            raise DataError(
                f"no space left on the device: checkpoints and results take about {size / 1e6:.0f} MB, "
                f"{usage.free / 1e6:.1f} MB are free",
                where=self.path,
                fix="free some space, or give another --out-directory",
            )

    def clear(self) -> None:
        """Removes an earlier run's files, the report first, so that what is left is never taken for a whole."""
        for name in (REPORT, *RESULTS, CHECKPOINT):
            (self.path / name).unlink(missing_ok=True)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Writes files, each whole or not at all."""
        for name, content in files.items():
            write_file(self.path / name, content)


@contextmanager
def private_folder(path: Path, *, resume: bool, replace: bool) -> Iterator[Path]:
    """An output directory of one's own beside the real one, in which another process writes; gone with the block.

    Args:
        path: the real one.
        resume: whether to go on from what it holds; that is copied.
        replace: whether what it holds may be replaced.

    Raises:
        UsageError: it holds something that is neither.
    """
    if not (resume or replace):
        OutputFolder(path).refuse_earlier()
    with tempfile.TemporaryDirectory() as own:
        for name in (CHECKPOINT, CONFIG, REPORT) if resume else ():
            with suppress(FileNotFoundError):
                shutil.copy(path / name, own)
        yield Path(own)


def config(job: Job, recipe: Recipe, data: TrainingData, weights: WeightsFile | None) -> dict[str, Any]:
    """Everything that decided the result, for `config.json`; numbers as they were used, not as they were asked for."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "sources": {
            "train_input": None if data.info_file is None else str(data.info_file),
            "parameters": None if job.parameters is None else str(job.parameters.path),
        },
        "deterministic": job.deterministic,
        "machine": backend.machine(),
        "input_shape": list(data.shape),
        "imageInputScaling": data.scaling.name,
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

    Of the weights only the content counts: what was downloaded the first time is local the next. Other machines may go
    on, unless the same bytes were asked for.
    """
    parts = {name: value for name, value in config.items() if name not in {"sources", "machine"}}
    parts["weights"] = config["weights"] and config["weights"]["sha256"]
    if config["deterministic"]:
        parts["machine"] = config["machine"]
    return {name: hashlib.sha256(json.dumps(value).encode()).hexdigest() for name, value in parts.items()}


def texts(report: Report, config: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that say what a run made and how; `report.json`, which makes it finished, is the last."""
    written = {
        "labels.txt": "".join(f"{label}\n" for label in report.classes),
        "training_log.csv": training_log(report.history),
        CONFIG: json.dumps(config, indent=2) + "\n",
        REPORT: json.dumps(report.as_json(), indent=2) + "\n",
    }
    return {name: text.encode() for name, text in written.items()}
