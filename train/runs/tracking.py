"""Who else hears of a run: TensorBoard's files, an MLflow server. What they miss never costs the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from ei_compat.core.errors import Interrupted
from ei_compat.core.words import first_line
from train.runs import mlflow_run
from train.runs.events import Events

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.job import Job
    from train.methods.state import Epoch
    from train.runs.report import Report


class Tracker(Protocol):
    """One who hears of a run."""

    name: str

    def begin(self, config: Mapping[str, Any]) -> None:
        """The run begins, or goes on; `config` decides its result."""
        ...

    def epoch(self, number: int, line: Epoch) -> None:
        """An epoch is over, the one of this number, counted from 1 through all phases."""
        ...

    def end(self, report: Report, folder: Path) -> None:
        """The run is finished, and its files are in the folder."""
        ...

    def stop(self) -> None:
        """The run has ended in another way."""
        ...


class Trackers:
    """All who hear of a run, for the length of a `with` block.

    Args:
        trackers: who they are; one who fails later on is left out, with a warning.
        progress: hears of that.
    """

    def __init__(self, trackers: Iterable[Tracker], progress: Progress) -> None:
        self._trackers, self._progress, self._epochs = list(trackers), progress, 0

    def __enter__(self) -> Trackers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tracker in self._trackers:
            with suppress(Exception):
                tracker.stop()
        self._trackers.clear()

    def begin(self, config: Mapping[str, Any], history: Sequence[Epoch]) -> None:
        """The run begins; `history` are the epochs that it has behind it."""
        self._tell(lambda tracker: tracker.begin(config))
        for line in history:
            self.epoch(line)

    def epoch(self, line: Epoch) -> None:
        """An epoch is over."""
        self._epochs += 1
        self._tell(lambda tracker: tracker.epoch(self._epochs, line))

    def end(self, report: Report, folder: Path) -> None:
        """The run is finished, and its files are in the folder."""
        self._tell(lambda tracker: tracker.end(report, folder))
        self._trackers.clear()

    def _tell(self, say: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                say(tracker)
            except Interrupted:
                raise
            except Exception as error:
                self._trackers.remove(tracker)
                reason = first_line(error)
                self._progress.warn(f"The run goes on without {tracker.name}: {reason}")


def check(job: Job) -> None:
    """Refuses what cannot be told, before any time is spent.

    Raises:
        UsageError: MLflow's client is not installed, or the address holds a password.
    """
    if job.mlflow is not None:
        mlflow_run.check(job.mlflow)


def trackers_of(job: Job, metric: str, progress: Progress) -> Trackers:
    """Those that the user asked for.

    Args:
        job: says so.
        metric: what the task's is called.
        progress: hears of one who fails later on.

    Raises:
        RemoteError: the MLflow server does not answer, or refuses.
    """
    found: list[Tracker] = []
    if job.mlflow is not None:
        found.append(mlflow_run.MlflowRun(job.mlflow, job.out.resolve().name, metric))
    if job.tensorboard:
        found.append(Events(job.out, metric))
    return Trackers(found, progress)
