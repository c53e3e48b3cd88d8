"""Progress that nobody watches, and warnings that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ei_compat.core.progress import SILENT, Kept, Progress, Task


class Written:
    """Progress as a list of what was reported."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        self.lines.append((name, total, unit))
        yield self

    def advance(self, steps: int = 1, **figures: float) -> None:
        self.lines.append((steps, figures))

    def note(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        raise AssertionError(line)


def work(progress: Progress) -> None:
    with progress.task("count", 3, "files") as task:
        task.advance(2, loss=0.5)
    progress.note("half way")
    progress.warn("odd")


def test_silence_takes_everything():
    work(SILENT)


def test_warnings_are_kept_and_the_rest_passed_on():
    written = Written()
    kept = Kept(written)
    work(kept)
    assert kept.warnings == ["odd"]
    assert written.lines == [("count", 3, "files"), (2, {"loss": 0.5}), "half way"]
