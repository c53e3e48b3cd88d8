"""How many trials several drivers of one search get through, on a PostgreSQL of its own, and that none is told twice.

Each driver is a process with the search's own `Driver`; costs and accuracy are the formulas of `bench.bench_tune`, and
a training is a wait of so many seconds. A line for each number of drivers, then the checks: every trial is finished,
was told by exactly one driver, and as many were trained as were asked for.

    python -m bench.drivers [--drivers 1,2,4,8,16] [--trials 300] [--training 0.5] [--within SECONDS] [--folder FOLDER]

`--within` ends the drivers by SIGKILL after so many seconds; with the same --folder, which then keeps the database, the
search goes on where it was. Trials that do not fit are told too, and come on top of --trials.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.bench_tune import BUDGET, NOISE, accuracy_of, cost_of
from tests.postgres import Server
from train.recipe import Recipe
from train.tuning.costs import Costs
from train.tuning.database import Database
from train.tuning.driver import Driver, Search
from train.tuning.sketch import Cost
from train.tuning.space import space_of
from train.tuning.study import Study, Trial
from train.tuning.subject import Subject
from train.tuning.trials import Outcome, Spec

MARKS = (100, 300, 1000, 3000, 10_000)
TOLD = (" does not fit: ", " at default", " failed: ")  # what a driver says of a trial that it has told


class Oracle:
    """Subject, costs, executor and watch of a driver: all that is not the search itself."""

    metric, higher_is_better, slots = "accuracy", True, 1

    def __init__(self, training: float) -> None:
        self._training, self._threads = training, ThreadPoolExecutor(self.slots)
        self._spent = time.process_time()

    def sketch(self, recipe: Recipe) -> Recipe:
        """See `Subject`; the recipe says all."""
        return recipe

    def of(self, recipe: Recipe, _: object) -> Cost | str:
        """See `Costs`."""
        values = recipe.model_dump() | {"head_units": ",".join(map(str, recipe.head_units))}
        return cost_of(values) or "there is no such network"

    def submit(self, spec: Spec) -> Future[Outcome]:
        """See `Executor`."""
        return self._threads.submit(self._train, spec)

    def _train(self, spec: Spec) -> Outcome:
        time.sleep(self._training)
        values = dict(spec.values)
        noise = np.random.default_rng(int(hashlib.sha256(spec.digest.encode()).hexdigest()[:8], 16)).normal(0, NOISE)
        return Outcome(spec.digest, 0, 1, accuracy_of(values) + float(noise), cost_of(values))

    def close(self) -> None:
        """See `Executor`."""
        self._threads.shutdown()

    def changed(self, trials: Callable[[], Sequence[Trial]], happened: str) -> None:  # noqa: ARG002
        """See `Watch`."""
        if any(words in happened for words in TOLD):
            spent, self._spent = self._spent, time.process_time()
            number, cpu = happened.split()[1].rstrip(":"), round(1000 * (self._spent - spent))
            print(f"{number} {cpu}\n", end="", flush=True)  # in one piece: several drivers write


class Searching(Driver):
    """A driver that ends with the search, before the best are trained with several seeds."""

    def _finals(self) -> list[tuple[Trial, list[Outcome]]]:
        return []


def drive(url: str, trials: int, training: float, gate: Path | None = None) -> None:
    """One driver's part, begun once `gate` holds a file `go`; prints each trial that it tells, and its CPU ms since."""
    oracle, place = Oracle(training), Database(url)
    base = Spec(Path("/nowhere"), "0" * 40, Path("/nowhere"), ())
    search = Search(base, cast(Subject, oracle), BUDGET, trials, ("default",), 1)
    study = Study(place.storage, space_of({}), seed=1, higher_is_better=True, claims=place)
    if gate is not None:
        (gate / str(os.getpid())).touch()
        while not (gate / "go").exists():
            time.sleep(0.05)
    Searching(search, study, cast(Costs, oracle), oracle, oracle).run()
    oracle.close()
    place.close()


def measure(url: str, server: Server, name: str, drivers: int, given: argparse.Namespace, log: Path) -> dict[str, Any]:
    """Runs so many drivers; what came of them."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.drivers", "--drive", url]
    command += ["--trials", str(given.trials), "--training", str(given.training)]
    with log.open("a") as said, tempfile.TemporaryDirectory() as gate:
        begun = [subprocess.Popen([*command, "--gate", gate], stdout=said) for _ in range(drivers)]
        while len(list(Path(gate).iterdir())) < drivers and all(process.poll() is None for process in begun):
            time.sleep(0.1)
        (Path(gate) / "go").touch()
        end = time.monotonic() + (given.within or float("inf"))
        try:
            for process in begun:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(None if given.within is None else max(0.0, end - time.monotonic()))
        finally:
            killed = sum(process.poll() is None for process in begun)
            for process in begun:
                process.kill()
                process.wait()
    if not killed:
        assert all(process.returncode == 0 for process in begun)
    states = dict(cast("list[tuple[str, int]]", server.do("SELECT state::text, count(*) FROM trials GROUP BY 1", name)))
    return {"drivers": drivers, "killed": killed, "states": states, "cpu_ms": _cpu(log), **_pace(server, name)}


def _cpu(log: Path) -> dict[int, int]:
    """CPU milliseconds of the drivers for a trial, around the trials of these numbers: the median."""
    told = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    around = {mark: [spent for number, spent in told if abs(number - mark) <= mark // 10] for mark in MARKS}
    return {mark: round(statistics.median(each)) for mark, each in around.items() if each}


def _pace(server: Server, name: str) -> dict[str, Any]:
    """Trials told a second: the middle 80 % of them."""
    times = "extract(epoch from datetime_complete)"
    rows = server.do(f"SELECT {times}::float FROM trials WHERE datetime_complete IS NOT NULL ORDER BY 1", name)  # noqa: S608
    ends = [cast(float, row[0]) for row in rows]
    middle = ends[len(ends) // 10 : len(ends) - len(ends) // 10]
    return {"told": len(ends), "told_a_second": round((len(middle) - 1) / max(middle[-1] - middle[0], 1e-9), 2)}


def check(server: Server, name: str, trials: int, log: Path) -> None:
    """Every trial is told, by one driver each."""
    numbers = [row[0] for row in server.do("SELECT number FROM trials ORDER BY number", name)]
    assert numbers == list(range(len(numbers)))
    unfinished = server.do("SELECT number FROM trials WHERE state NOT IN ('COMPLETE', 'PRUNED')", name)
    assert not unfinished, unfinished
    trained = server.do("SELECT count(*) FROM trials WHERE state = 'COMPLETE'", name)[0][0]
    assert trained == trials, trained
    assert not server.do("SELECT * FROM ei_train_claims", name)
    told = Counter(int(line.split()[0]) for line in log.read_text().splitlines())
    assert max(told.values()) == 1, "told twice"
    silent = set(numbers) - told.keys()  # told by a driver that was killed before it could say so
    print(f"{len(numbers)} trials told once each, {trained} of them trained; {len(silent)} by drivers killed at once")


def _cpu_seconds() -> float:
    """Of the drivers that have ended."""
    times = os.times()
    return times.children_user + times.children_system


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def main() -> None:
    """Prints a JSON line for each number of drivers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--drivers", default="1,2,4,8,16")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--training", type=float, default=0.5)
    parser.add_argument("--within", type=float)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    parser.add_argument("--gate", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        return drive(given.drive, given.trials, given.training, given.gate)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that was started
    with _folder(given.folder) as folder, Server(folder if given.folder else None) as server:
        for drivers in map(int, given.drivers.split(",")):
            name = f"drivers_{drivers}"
            log, known = folder / f"{name}.log", server.has(name)
            url = server.url(name) if known else server.database(name)
            began = _cpu_seconds()
            made = measure(url, server, name, drivers, given, log)
            made["drivers_cpu_seconds"] = round(_cpu_seconds() - began)
            print(json.dumps(made), flush=True)
            if not made["killed"]:
                check(server, name, given.trials, log)
    return None


if __name__ == "__main__":
    main()
