"""Checkpoints: one file beside the results from which `--resume` goes on, and the signals that ask for one."""

from __future__ import annotations

import hashlib
import json
import signal
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from ei_compat.block.run_folder import CHECKPOINT
from ei_compat.core.errors import Interrupted, TrainingError, UsageError
from ei_compat.core.files import replaced_file
from ei_compat.core.words import counted
from train import supervision
from train.methods.state import Epoch, TrainState
from train.signals import on_signals
from train.supervision import HOW_TO_GO_ON

DAMAGED = "that is damaged"
ARRAY_LISTS = ("weights", "optimizer", "masks", "average", "best", "teacher", "chosen")


class Checkpoints:
    """Saves the state of training into one file, and on a signal once more before stopping.

    Within a `with` block SIGINT and SIGTERM are only noted once it holds them (see `hold`), so that a step is never cut
    in two.

    Args:
        folder: the output directory.
        fingerprint: everything that must be the same for a checkpoint to be continued, by name.
        deadline: when training must stop, on the monotonic clock, or None.
    """

    def __init__(self, folder: Path, fingerprint: dict[str, str], deadline: float | None = None) -> None:
        self.path = folder / CHECKPOINT
        self._fingerprint = fingerprint
        self._deadline = deadline
        self._signal: signal.Signals | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def digest(self) -> bytes:
        """SHA-256 of the fingerprint."""
        return hashlib.sha256(json.dumps(self._fingerprint).encode()).digest()

    def __enter__(self) -> Checkpoints:
        return self

    def hold(self) -> None:
        """From here to the end of the block signals are noted and not acted on."""
        if not self._handlers:
            supervision.saving(True)
            self._handlers.update(on_signals(self._note))

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        supervision.saving(False)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._signal = signal.Signals(number)

    @property
    def stopping(self) -> bool:
        """Whether a signal has come or the time is up."""
        return self._signal is not None or (self._deadline is not None and time.monotonic() > self._deadline)

    def check(self) -> None:
        """Raises Interrupted when a signal has come, and TrainingError when the time is up."""
        if self._signal is not None:
            raise Interrupted(self._signal, fix=HOW_TO_GO_ON)
        if self.stopping:
            raise TrainingError("the time limit of train_input.json is reached", fix=HOW_TO_GO_ON)

    def save(self, state: TrainState) -> None:
        """Writes the state, whole or not at all."""
        arrays = {f"{name}.{i}": a for name in ARRAY_LISTS for i, a in enumerate(getattr(state, name))}
        meta = {
            "fingerprint": self._fingerprint,
            "lengths": {name: len(getattr(state, name)) for name in ARRAY_LISTS},
            "state": {k: getattr(state, k) for k in TrainState.__slots__ if k not in ARRAY_LISTS and k != "history"},
            "history": [asdict(line) for line in state.history],
        }
        with replaced_file(self.path) as file:
            np.savez(file, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
        supervision.resumable(True)

    def load(self) -> TrainState | None:
        """The saved state, or None where there is none.

        Raises:
            UsageError: the file is damaged, or was made with other options, data or versions.
        """
        if not self.path.exists():
            return None
        try:
            with self.path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                meta = json.loads(file["meta"].tobytes())
                lists: dict[str, Any] = {
                    name: [file[f"{name}.{i}"] for i in range(meta["lengths"][name])] for name in ARRAY_LISTS
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UsageError("the checkpoint is damaged", where=self.path, fix="--overwrite starts anew") from error
        changed = [k for k, v in self._fingerprint.items() if meta["fingerprint"].get(k) != v]
        if changed:
            raise UsageError(
                f"the checkpoint differs in {', '.join(changed)}",
                where=self.path,
                fix="give the same options and data, or --overwrite to start anew",
            )
        supervision.resumable(True)
        return TrainState(**meta["state"], **lists, history=[Epoch(**line) for line in meta["history"]])

    def remove(self) -> None:
        """Deletes the file once the results are written."""
        self.path.unlink(missing_ok=True)
        supervision.resumable(False)


def described(path: Path) -> str:
    """How far the training of a checkpoint has come, in words."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            meta = json.loads(file["meta"].tobytes())
        return f"of {counted(len(meta['history']), 'epoch')}"
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return DAMAGED
