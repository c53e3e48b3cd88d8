"""Where trials run: the `Executor` protocol, and the executors by name.

An executor runs `running.run` for each spec, on whatever machines it has, and gives a future of what that returns. It
keeps no state of its own: all that has to outlive it lies in the trials' folders, so any executor, of any driver, may
go on with what another one began.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from train.registry import Registry
from train.tuning.trials import Outcome, Spec

CORES_A_TRIAL = 2  # a training step gains little from more where networks are this small


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user says of an executor.

    Attributes:
        workers: trials at a time; None for as many as suit the machines.
        address: of a cluster; None where the user names none.
    """

    workers: int | None = None
    address: str | None = None


class Executor(Protocol):
    """Runs trials.

    Attributes:
        slots: how many run at a time; a driver submits no more.
    """

    @property
    def slots(self) -> int: ...  # noqa: D102

    def submit(self, spec: Spec) -> Future[Outcome]:
        """Begins a trial.

        The future gives an outcome however the run ended, also where its process was killed again and again (see
        `running.ATTEMPTS`); it raises where the executor itself failed.
        """
        ...

    def close(self) -> None:
        """Stops what still runs, which leaves a checkpoint, and waits for its end."""
        ...


class Opener(Protocol):
    """What makes an executor of `Settings`; raises UsageError or RemoteError where it lacks what it needs."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def __call__(self, settings: Settings) -> Executor: ...  # noqa: D102


EXECUTORS: Registry[Opener] = Registry(
    "--executor", "ei_train.executors", {"local": "train.tuning.local:Local", "ray": "train.tuning.ray_cluster:Ray"}
)


def open_executor(name: str, settings: Settings) -> Executor:
    """The executor of that name.

    Raises:
        UsageError: there is none, or it lacks what it needs.
        RemoteError: its cluster cannot be reached.
    """
    return EXECUTORS.named(name)(settings)
