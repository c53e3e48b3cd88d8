"""The output directory of a run under way: it can be written to before any time is spent, and files appear whole."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ei_compat.block.run_folder import CHECKPOINT, CONFIG, LABELS, LOG, PREDICTIONS, REPORT, RESULTS, labels_text
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import write_file
from train.result import as_document
from train.runs.checkpoint import DAMAGED, described
from train.runs.config import fingerprint
from train.runs.events import clear_events
from train.runs.report import Report, read_report, training_log
from train.tasks import TASKS


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
        with self._damage_named():
            made_with, document = (json.loads(path.read_bytes()) for path in paths)
            then = fingerprint(made_with)
        changed = [name for name, value in fingerprint(config).items() if then.get(name) != value]
        if changed:
            raise UsageError(
                f"holds a finished run that differs in {', '.join(changed)}",
                where=self.path,
                fix="give another --out-directory, or --overwrite",
            )
        with self._damage_named():
            return read_report(document)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Raises UsageError where files are not what a run writes."""
        try:
            yield
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"the results cannot be read: {error}", where=self.path, fix="--overwrite starts anew"
            ) from error

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
        clear_events(self.path)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Writes files, each whole or not at all."""
        for name, content in files.items():
            write_file(self.path / name, content)


def numbered_folder(parent: Path, name: str) -> Path:
    """Makes the first folder that is not there yet of `name`, `name-2`, `name-3` and so on.

    To make a folder is one step of the file system, so that two runs that start at once get two of them.

    Raises:
        UsageError: the name is no folder's.
        DataError: the folder cannot be made.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise UsageError("is no name of a folder", where=f"--name {name}", fix="give one without slashes, such as exp")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number, path = 1, parent / name
        while True:
            with suppress(FileExistsError):
                path.mkdir()
                return path
            number += 1
            path = parent / f"{name}-{number}"
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise DataError(f"cannot be written to ({reason})", where=parent, fix="give another --out-directory") from error


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


def texts(report: Report, config: Mapping[str, Any], predictions: str) -> dict[str, bytes]:
    """The files that say what a run made and how; `report.json`, which makes it finished, is the last."""
    written = {
        LABELS: labels_text(report.classes),
        LOG: training_log(report.history, TASKS.named(report.task).metric),
        PREDICTIONS: predictions,
        CONFIG: json.dumps(config, indent=2) + "\n",
        REPORT: json.dumps(as_document(report), indent=2) + "\n",
    }
    # A name that is no UTF-8 must not cost a finished model.
    return {name: text.encode("utf-8", "backslashreplace") for name, text in written.items()}
