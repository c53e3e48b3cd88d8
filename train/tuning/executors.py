"""Where trials run: the `Executor` protocol, and the executors by name.

An executor runs `running.run` for each spec, on whatever machines it has, and gives a future of what that returns. It
keeps no state of its own: all that has to outlive it lies in the trials' folders, so any executor, of any driver, may
go on with what another one began.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from ei_compat.core.errors import UsageError
from train.tuning.trials import Outcome, Spec


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user says of an executor.

    Attributes:
        workers: trials at a time; None for as many as suit the machines.
        address: of a cluster; None for this machine.
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


EXECUTORS: Mapping[str, str] = {"local": "train.tuning.local:Local"}  # each is made of `Settings`


def open_executor(name: str, settings: Settings) -> Executor:
    """The executor of that name.

    Raises:
        UsageError: there is none, or it lacks what it needs.
    """
    if name not in EXECUTORS:
        raise UsageError("no such executor", where=f"--executor {name}", fix=f"use {' or '.join(EXECUTORS)}")
    executor: Executor = pkgutil.resolve_name(EXECUTORS[name])(settings)
    return executor
