"""`tune`: opens what a search needs, runs it, and writes what it found."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.core.errors import CheckError, DataError, ExportError, Interrupted, UsageError
from train import supervision
from train.tuning.driver import Driver, Search, Watch
from train.tuning.executors import Settings, open_executor
from train.tuning.page import write_page
from train.tuning.results import Tuned, Winner, link_best, testing_of, write_results
from train.tuning.study import Study, journal_in

if TYPE_CHECKING:
    from train.tuning.boards import Board
    from train.tuning.costs import Costs
    from train.tuning.database import Database
    from train.tuning.executors import Executor
    from train.tuning.space import Space

SETTING = "setting"
GO_ON = "run the same command again to go on"


@dataclass(frozen=True, slots=True)
class Request:
    """A search as the user asked for it.

    Attributes:
        out: the folder of the results.
        search: what is searched for.
        space: where.
        board: whose budget it is, or None.
        storage: a database's URL; None for a journal in the folder.
        executor: by name, with its settings.
        settings: of the executor.
    """

    out: Path
    search: Search
    space: Space
    board: Board | None
    storage: str | None = None
    executor: str = "local"
    settings: Settings = Settings()  # noqa: RUF009 - frozen


def tune(request: Request, costs: Costs, watch: Watch) -> Tuned:
    """Searches, or goes on with a search, and writes its results.

    Raises:
        UsageError: the folder or the database holds another search, or somebody is at work in the folder.
        RemoteError: the database or the cluster does not answer, refuses, or is lost.
        DataError, TrainingError, ExportError: see `Driver.run`; ExportError also where no trained model fits.
        CheckError: a model's RAM is not what was predicted.
        Interrupted: a signal came; what runs has left checkpoints.
    """
    with (
        _executor(request) as executor,
        _database(request.storage) as database,
        _own(request.out, alone=database is None),
    ):
        try:
            study = Study(
                journal_in(request.out) if database is None else database.storage,
                request.space,
                seed=request.search.base.seed,
                higher_is_better=request.search.subject.higher_is_better,
                claims=database,
            )
            with study.claims.exclusive():
                _same_search(study, request)
            finals = Driver(request.search, study, costs, executor, watch).run()
        except Interrupted as error:
            raise Interrupted(error.signal, fix=GO_ON) from None
        return _written(request, study, finals)


@contextmanager
def _executor(request: Request) -> Iterator[Executor]:
    """Where trials run, opened before anything is written, for it may be refused."""
    executor = open_executor(request.executor, request.settings)
    try:
        yield executor
    finally:
        supervision.saving(True)  # what runs is given the time to save
        executor.close()
        supervision.saving(False)


@contextmanager
def _database(url: str | None) -> Iterator[Database | None]:
    """The database at a URL, if there is one."""
    if url is None:
        yield None
        return
    from train.tuning.database import Database, failures

    database = Database(url)
    try:
        with failures(url, GO_ON):
            yield database
    finally:
        database.close()


def _written(request: Request, study: Study, finals: list[Any]) -> Tuned:
    search, winner = request.search, None
    if finals:
        trial, outcomes = finals[0]
        sign = 1 if search.subject.higher_is_better else -1
        best = max(outcomes, key=lambda outcome: sign * (outcome.metric or 0.0))
        seed = search.base.seed + outcomes.index(best)
        spec = search.spec(trial.values, search.rungs[-1], seed)
        link_best(request.out, spec.folder)
        winner = Winner(trial, outcomes, best, testing_of(spec.folder), spec.command_line("again"))
    tuned = Tuned(
        search.subject.metric,
        search.subject.higher_is_better,
        request.board,
        search.budget,
        request.space.as_json(),
        study.trials(),
        study.importance(),
        winner,
    )
    write_results(request.out, tuned)
    write_page(request.out, tuned)
    if wrong := [share for share in tuned.errors()["ram_bytes"] if share]:
        raise CheckError(f"the RAM of {len(wrong)} models is not what was predicted", where=request.out)
    if winner is None:
        raise ExportError(
            "no trained model fits the budget", where=request.out, fix="allow more, or give more --trials"
        )
    return tuned


def _same_search(study: Study, request: Request) -> None:
    """Notes what is searched for; raises UsageError where the study is of something else."""
    search = request.search
    setting: Mapping[str, Any] = {
        "data": search.subject.digest,
        "--task or --from": list(search.base.arguments),
        "budget": asdict(search.budget),
        "space": request.space.as_json(),
        "rungs": list(search.rungs),
        "seed": search.base.seed,
        "--ensure-determinism": search.base.deterministic,
    }
    earlier = study.notes.get(SETTING)
    if earlier is None:
        study.note(SETTING, setting)
        return
    changed = [name for name, value in setting.items() if earlier.get(name) != value]
    if changed:
        raise UsageError(
            f"holds a search that differs in {', '.join(changed)}",
            where="--storage" if request.storage else request.out,
            fix=f"give the same options, or another {'database' if request.storage else 'folder'}",
        )


@contextmanager
def _own(out: Path, *, alone: bool) -> Iterator[None]:
    """The folder, made, and locked: by one driver where its journal is the storage, else by all on a database."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise DataError(f"cannot be written to ({error.strerror})", where=out, fix="give another folder") from None
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            fix = "wait, or give all of them the same --storage"
            raise UsageError("another search is at work in it", where=out, fix=fix) from None
        except OSError:
            if alone:  # but a volume that machines share may know no locks
                raise
        yield
    finally:
        os.close(handle)
