"""What a run costs: seconds and memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds of each phase, in order."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.laps: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Times a block."""
        started = time.monotonic()
        yield
        self.laps[name] = round(time.monotonic() - started, 3)

    @property
    def total(self) -> float:
        """Seconds since the stopwatch was made."""
        return round(time.monotonic() - self._started, 3)


def peak_memory() -> int:
    """The largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
