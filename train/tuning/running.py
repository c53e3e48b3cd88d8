"""Runs one trial to its end on the machine that it is called on; what every executor's worker does."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import train
from ei_compat.block.run_folder import CHECKPOINT
from train.tuning.trials import Outcome, Spec, finished, said

PROGRAM = ("-P", "-m", "train.tuning.launch")
ATTEMPTS = 3  # processes in a row, at most, that are killed before they save anything new
STOPPED = {129, 130, 143}  # exit codes of a run that was asked to stop, and left a checkpoint
LOOK_SECONDS = 0.5  # between two looks at another process in the folder
PATIENCE_SECONDS = 60.0  # in which a run that was asked to stop has to save


def run(spec: Spec, cores: Sequence[int] = (), stop: threading.Event | None = None) -> Outcome:
    """Trains, unless that is done already; goes on from a checkpoint; tries again where the process is killed.

    Args:
        spec: what is trained.
        cores: the processors that it may use; any where there are none.
        stop: once set, the process is asked to stop, and leaves a checkpoint.
    """
    stop = stop or threading.Event()
    spec.root.mkdir(parents=True, exist_ok=True)
    _wait_until_free(spec, stop)
    code, attempts, fruitless = 0, 0, 0
    while (done := finished(spec, code=code, attempts=attempts)) is None:
        if stop.is_set() or fruitless >= ATTEMPTS or (attempts and not _killed(code)):
            return Outcome(spec.digest, code, attempts, error=_reason(spec, stop))
        before = _checkpointed(spec)
        code = _process(spec, cores, stop)
        attempts += 1
        fruitless = 0 if _checkpointed(spec) != before else fruitless + 1
    return done


def _reason(spec: Spec, stop: threading.Event) -> str:
    """Why nothing came of it."""
    if stop.is_set():
        return "stopped"
    return said(spec.log.read_text(errors="replace").splitlines())


def _checkpointed(spec: Spec) -> int | None:
    """When the last checkpoint was written; None where there is none."""
    try:
        return (spec.folder / CHECKPOINT).stat().st_mtime_ns
    except OSError:
        return None


def _killed(code: int) -> bool:
    """Whether a process did not end by itself, or was asked to stop by somebody else."""
    return code < 0 or code in STOPPED or code == 137


def _process(spec: Spec, cores: Sequence[int], stop: threading.Event) -> int:
    """One process to its end; its exit code, below 0 for the signal that killed it."""
    launched = [sys.executable, *PROGRAM, str(os.getpid()), ",".join(map(str, cores)) or "-"]
    here = str(Path(train.__file__).parents[1])  # not the working directory, where an export may hold a train.py
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    with (
        spec.log.open("ab") as log,
        subprocess.Popen(
            [*launched, *spec.command()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": paths},
        ) as process,
    ):
        while True:
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    return _stopped(process)


def _stopped(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _wait_until_free(spec: Spec, stop: threading.Event) -> None:
    """Waits while another process is at work in the folder, as one whose driver has just been killed may be."""
    while spec.folder.is_dir() and not stop.is_set():
        handle = os.open(spec.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(LOOK_SECONDS)
        except OSError:
            return  # a file system that knows no locks
        finally:
            os.close(handle)
