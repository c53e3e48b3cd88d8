"""Three ways to watch a run: bars on a terminal, plain lines in a log, JSON lines for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as BarState
from rich.text import Text

from ei_compat.core.errors import UsageError
from ei_compat.core.progress import Progress as AnyProgress
from ei_compat.core.progress import Silent, Task
from train.cli import console
from train.result import Result, as_document, headed

LogFormat = Literal["auto", "plain", "json"]
EVENT = "event/1"  # the schema of a line of the log as JSON
PLAIN_SECONDS = 10.0  # between two lines of a task in a log; Edge Impulse's own "% done" lines come as often


def make_progress(log_format: LogFormat, *, as_json: bool = False) -> RunProgress:
    """The progress that fits where the output goes; `auto` draws on a terminal and writes plain lines elsewhere.

    Args:
        log_format: of the log on stdout.
        as_json: whether stdout is for the result alone.

    Raises:
        UsageError: both are to be JSON.
    """
    if as_json and log_format == "json":
        raise UsageError("--json prints the report alone and --log-format json all that leads to it; give one of them")
    if as_json:
        return ResultAlone()
    if log_format == "json":
        return JsonProgress()
    if log_format == "auto" and console.animates(sys.stdout):
        return TerminalProgress()
    return PlainProgress()


def bars() -> AnyProgress:
    """Bars on stderr where a person watches; the result alone goes to stdout."""
    return TerminalProgress(Console(stderr=True, highlight=False)) if console.animates(sys.stderr) else WarningsAlone()


class WarningsAlone(Silent):
    """Progress that nobody watches: warnings on stderr, and no more."""

    def warn(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.warn`."""
        console.warn(line)


class _Counter:
    """A task that counts its steps and tells a callback, at most once in `seconds`."""

    def __init__(self, total: int | None, seconds: float, tell: Callable[[int, dict[str, float]], None]) -> None:
        self.done, self.total, self._seconds, self._tell = 0, total, seconds, tell
        self._told_at = time.monotonic()

    def advance(self, steps: int = 1, **figures: float) -> None:
        """See `Task.advance`."""
        self.done += steps
        if time.monotonic() - self._told_at >= self._seconds:
            self._told_at = time.monotonic()
            self._tell(self.done, figures)


class TerminalProgress:
    """A live bar for each task, with its figures; notes and warnings scroll above it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """See `ei_compat.core.progress.Progress.task`."""
        columns = (
            SpinnerColumn(finished_text=" "),
            TextColumn(f"{name:<10}", style="bold"),
            *((TimeElapsedColumn(),) if total is None else self._counted(unit)),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(name, total=total, figures="" if total is None else "starting")
            yield _BarTask(bar, task)
            if total is None:
                bar.update(task, total=1, completed=1)  # it had no steps, and is done

    @staticmethod
    def _counted(unit: str) -> tuple[ProgressColumn, ...]:
        """What is shown of a task whose steps are known."""
        return BarColumn(), MofNCompleteColumn(), TextColumn(unit), _TimeColumn(elapsed_when_finished=True)

    def note(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.note`."""
        self._console.print(line, markup=False)

    def warn(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.warn`."""
        self._console.print(f"warning: {line}", style="yellow", markup=False)

    def finish(self, result: Result) -> None:
        """The result of the run, as tables."""
        console.show(result)


class _TimeColumn(TimeRemainingColumn):
    """The time that is left; before the first step, when nobody knows, the time that has passed."""

    def render(self, task: BarState) -> Text:
        """See `rich.progress.ProgressColumn.render`."""
        return super().render(task) if task.completed else TimeElapsedColumn().render(task)


class _BarTask:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._figures, self._begun = bar, task, "", False

    def advance(self, steps: int = 1, **figures: float) -> None:
        """See `Task.advance`."""
        if figures:
            self._figures = "  ".join(f"{name} {value:.3g}" for name, value in figures.items())
        self._begun |= steps > 0
        self._bar.update(self._task, advance=steps, figures=self._figures if self._begun else "starting")


class PlainProgress:
    """One line at a time, flushed, for logs and pipes."""

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:  # noqa: ARG002
        """See `ei_compat.core.progress.Progress.task`; of a task without steps the name, once."""
        if total is None:
            self.note(f"{name[:1].upper()}{name[1:]}...")
        yield _Counter(total, PLAIN_SECONDS, lambda done, figures: self._tell(name, done, total, figures))

    def _tell(self, name: str, done: int, total: int | None, figures: dict[str, float]) -> None:
        if "epoch" in figures:  # the line that Edge Impulse's own blocks print
            self.note(f"Epoch {100 * (figures['epoch'] % 1 or 1):.0f}% done")
        else:
            self.note(f"{name} {done}" if total is None else f"{name} {100 * done // max(total, 1)}% done")

    def note(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.note`."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def warn(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.warn`."""
        sys.stderr.write(f"warning: {line}\n")
        sys.stderr.flush()

    def finish(self, result: Result) -> None:
        """The result of the run, as tables."""
        console.show(result)


class JsonProgress:
    """One JSON object a line on stdout: `{"schema": …, "event": …, "time": seconds since 1970, …}`."""

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """See `ei_compat.core.progress.Progress.task`."""
        self._write("start", task=name, total=total, unit=unit)
        counter = _Counter(total, 1.0, lambda done, figures: self._write("step", task=name, done=done, **figures))
        yield counter
        self._write("end", task=name, done=counter.done)

    def note(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.note`."""
        self._write("note", text=line)

    def warn(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.warn`."""
        self._write("warning", text=line)

    def finish(self, result: Result) -> None:
        """The result of the run, as one event."""
        self._write("result", result=as_document(result))

    def _write(self, event: str, **values: Any) -> None:
        line = headed(EVENT, {"event": event, "time": round(time.time(), 3), **values})
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class ResultAlone:
    """The result as one JSON document on stdout, and nothing else there; bars and warnings are on stderr."""

    def __init__(self) -> None:
        self._bars = bars()

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """See `ei_compat.core.progress.Progress.task`."""
        with self._bars.task(name, total, unit) as task:
            yield task

    def note(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.note`."""
        self._bars.note(line)

    def warn(self, line: str) -> None:
        """See `ei_compat.core.progress.Progress.warn`."""
        self._bars.warn(line)

    def finish(self, result: Result) -> None:
        """The result of the run."""
        console.show(result, as_json=True)


RunProgress = TerminalProgress | PlainProgress | JsonProgress | ResultAlone
