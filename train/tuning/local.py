"""The executor of one machine: subprocesses, among which its processors are divided."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

from ei_compat.core.errors import UsageError
from train import backend
from train.tuning.executors import CORES_A_TRIAL, Settings
from train.tuning.running import run
from train.tuning.trials import Outcome, Spec


class Local:
    """Trials as subprocesses of this one; see `Executor`."""

    name: ClassVar[str] = "local"

    def __init__(self, settings: Settings) -> None:
        if settings.address is not None:
            raise UsageError("is of --executor ray", where=f"--ray-address {settings.address}")
        self._slots = settings.workers or max(1, backend.processors() // CORES_A_TRIAL)
        self._threads = ThreadPoolExecutor(self._slots, thread_name_prefix="trial")
        self._stop = threading.Event()
        self._free: queue.SimpleQueue[Sequence[int]] = queue.SimpleQueue()
        for part in divided(backend.cores(), self._slots):
            self._free.put(part)

    @property
    def slots(self) -> int:
        """See `Executor`."""
        return self._slots

    def submit(self, spec: Spec) -> Future[Outcome]:
        """See `Executor`."""
        return self._threads.submit(self._run, spec)

    def _run(self, spec: Spec) -> Outcome:
        cores = self._free.get()
        try:
            return run(spec, cores, self._stop)
        finally:
            self._free.put(cores)

    def close(self) -> None:
        """See `Executor`."""
        self._stop.set()
        self._threads.shutdown(cancel_futures=True)


def divided(cores: Sequence[int], slots: int) -> list[Sequence[int]]:
    """The processors of each of so many slots, as evenly as can be; several share one where there are too few."""
    if not cores:
        return [()] * slots
    if slots >= len(cores):
        return [cores[slot % len(cores) :][:1] for slot in range(slots)]
    return [cores[len(cores) * slot // slots : len(cores) * (slot + 1) // slots] for slot in range(slots)]
