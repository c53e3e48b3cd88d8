"""Progress of long work, reported without knowing who watches.

A function that takes a while accepts a `Progress`; the program passes one that draws on a terminal or writes a log, a
library user passes nothing and gets `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of work in progress."""

    def advance(self, steps: int = 1, **figures: float) -> None:
        """Counts `steps` as done; `figures` are shown beside the bar, such as `loss=0.31`."""


class Progress(Protocol):
    """Receiver of what long work reports."""

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Opens a piece of work of `total` steps (None where unknown), counted in `unit`."""
        ...

    def note(self, line: str) -> None:
        """One line of information."""

    def warn(self, line: str) -> None:
        """One line of warning."""


class _SilentTask:
    def advance(self, steps: int = 1, **figures: float) -> None:
        pass


class Silent:
    """Progress that reports nothing."""

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:  # noqa: ARG002
        """See `Progress.task`."""
        yield _SilentTask()

    def note(self, line: str) -> None:
        """See `Progress.note`."""

    def warn(self, line: str) -> None:
        """See `Progress.warn`."""


SILENT: Progress = Silent()


class Kept(Silent):
    """Progress that passes tasks and notes on, and keeps the warnings for the result of the work.

    Args:
        to: where the rest is reported.
    """

    def __init__(self, to: Progress) -> None:
        self._to = to
        self.warnings: list[str] = []

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """See `Progress.task`."""
        with self._to.task(name, total, unit) as task:
            yield task

    def note(self, line: str) -> None:
        """See `Progress.note`."""
        self._to.note(line)

    def warn(self, line: str) -> None:
        """See `Progress.warn`."""
        self.warnings.append(line)
