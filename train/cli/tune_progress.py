"""Three ways to watch a search: a live table on a terminal, plain lines in a log, JSON lines for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from train.cli.progress import EVENT
from train.result import headed
from train.tuning.study import ranked

if TYPE_CHECKING:
    from train.tuning.study import Trial

LINES = 12  # of what happened, below the table


class Lines:
    """A line for each thing that happens, flushed; on stdout, unless another stream is given."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        pass

    def changed(self, trials: Callable[[], Sequence[Trial]], happened: str) -> None:  # noqa: ARG002 - what a watch is told
        """See `train.tuning.driver.Watch`."""
        print(happened, file=self._stream, flush=True)


class JsonLines(Lines):
    """A JSON object for each thing that happens: `{"schema": …, "event": "tune", "time": seconds since 1970, …}`."""

    def changed(self, trials: Callable[[], Sequence[Trial]], happened: str) -> None:
        """See `train.tuning.driver.Watch`."""
        counts: dict[str, int] = {}
        for trial in trials():
            counts[trial.state] = counts.get(trial.state, 0) + 1
        record = {"event": "tune", "time": round(time.time(), 3), "text": happened, "trials": counts}
        sys.stdout.write(json.dumps(headed(EVENT, record)) + "\n")
        sys.stdout.flush()


class LiveTable(Lines):
    """What runs, how many of each kind there are, the best so far, and the last things that happened."""

    def __init__(self, metric: str, *, higher_is_better: bool) -> None:
        self._metric, self._higher_is_better = metric, higher_is_better
        self._live = Live(console=Console(highlight=False), refresh_per_second=2, transient=True)
        self._happened: list[str] = []

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._live.stop()

    def changed(self, trials: Callable[[], Sequence[Trial]], happened: str) -> None:
        """See `train.tuning.driver.Watch`."""
        self._happened = [*self._happened, happened][-LINES:]
        self._live.update(self._table(trials()))

    def _table(self, trials: Sequence[Trial]) -> Table:
        counts = {state: sum(trial.state == state for trial in trials) for state in ("infeasible", "failed")}
        trained = sum(bool(trial.rungs) for trial in trials)
        title = f"{len(trials)} trials, {trained} trained, {counts['infeasible']} infeasible, {counts['failed']} failed"
        table = Table(title=title, title_justify="left", caption="\n".join(self._happened), caption_justify="left")
        for name in ("trial", "state", "effort", self._metric):
            table.add_column(name)
        best = ranked(trials, higher_is_better=self._higher_is_better)[:3]
        for trial in [*(each for each in trials if each.state == "running"), *best]:
            last = trial.last
            metric = "" if last is None or last.metric is None else f"{last.metric:.4f}"
            state = trial.state if trial.state == "running" else f"best so far, {trial.state}"
            table.add_row(*map(Text, (str(trial.number), state, trial.effort, metric)))
        return table
