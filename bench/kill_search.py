"""Kills a worker and a driver of a search that really trains; nothing may be lost, or begun twice.

Two drivers share a PostgreSQL of their own and one folder; the data are the demo's, networks and runs are as small as
can be. With SIGKILL go: a worker that has a checkpoint, and then a driver whose worker has one. All runs must be
finished at the end, each begun once, and those that were killed must have gone on from their checkpoints.

    python -m bench.kill_search [--trials 2] [--calm]

With --calm the search is done once more without kills: the same runs must be finished, with the same accuracies.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.bench_conversion import ROOT, ei_train
from ei_compat.block.run_folder import CHECKPOINT
from tests.postgres import Server
from tests.train.tuning.searching import ancestors, workers
from train.tuning.driver import SEEDS

SPACE = """
backbone: mobilenet_v2
alpha: 0.35
image_size: [64, 48]
channels: 3
final_sparsity: {low: 0.5, high: 0.8, step: 0.1}
head: {head_units: "16", head_dropout: "0.2"}
weights: none
epochs: 2
fine_tune_epochs: 2
min_steps: 0
learning_rate: 0.001
fine_tune_learning_rate: 0.001
augment: false
"""
LEASE = 10  # seconds until a dead driver's trial passes on
PROGRAM = (
    "from train.tuning import database; from train import supervisor; "
    f"database.LEASE_SECONDS = {LEASE}; supervisor.main()"
)
PATIENCE = 900  # seconds


class Search:
    """The drivers of one search.

    Args:
        folder: of the data.
        out: of the search.
        url: of its database.
        count: of trials.
    """

    def __init__(self, folder: Path, out: Path, url: str, count: int) -> None:
        self._folder, self.out, self._url, self.count = folder, out, url, count

    def driver(self) -> subprocess.Popen[str]:
        """Starts another one."""
        options = ["--max-ram", "64KiB", "--trials", str(self.count), "--rungs", "default", "--top", "1"]
        options += ["--workers", "1", "--space", str(self._folder / "space.yaml"), "--storage", self._url]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "tune", str(self._folder / "demo"), str(self.out), *options,
             "--ensure-determinism", "--log-format", "plain"],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        )  # fmt: skip

    def logs(self) -> dict[str, str]:
        """What was said in each trial, by digest."""
        return {path.stem: path.read_text() for path in (self.out / "trials").glob("*.log")}

    def finished(self) -> set[str]:
        """Digests of the trials that are."""
        return {path.parent.name for path in (self.out / "trials").glob("*/report.json")}

    def trials(self) -> list[dict[str, Any]]:
        """What the result says of them."""
        found: list[dict[str, Any]] = json.loads((self.out / "tune.json").read_text())["trials"]
        return found

    def victim(self) -> tuple[int, str]:
        """Waits for a worker that trains and has a checkpoint; its process and its digest."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for number, digest in workers(self.out).items():
                if (self.out / "trials" / digest / CHECKPOINT).exists():
                    return number, digest
            time.sleep(0.02)
        raise TimeoutError("nobody trains")


def disturb(search: Search) -> set[str]:
    """Runs a search with kills; the digests of what was killed."""
    begun = [search.driver(), search.driver()]
    try:
        number, one = search.victim()
        os.kill(number, signal.SIGKILL)
        print(f"killed the worker of {one}", flush=True)
        time.sleep(1)
        number, other = search.victim()
        above = set(ancestors(number))
        dead, living = sorted(begun, key=lambda driver: driver.pid not in above)
        dead.send_signal(signal.SIGKILL)
        print(f"killed the driver of {other}", flush=True)
        assert living.wait(PATIENCE) == 0
    finally:
        for driver in begun:
            driver.kill()
            driver.wait()
    return {one, other}


def check(search: Search, victims: set[str]) -> None:
    """All that was begun is finished, was begun once, and went on where it was killed."""
    logs, trials = search.logs(), search.trials()
    assert [each["state"] for each in trials] == ["trained"] * search.count, trials
    runs = search.count + SEEDS - 1  # the best one's first seed is its trial's
    assert search.finished() == logs.keys()
    assert len(logs) == runs, logs.keys()
    for digest, log in logs.items():
        begun, gone_on = log.count("Nothing to resume"), log.count("Going on in")
        print(f"{digest}: begun {begun} times, gone on {gone_on} times")
        assert begun == 1, digest
        assert gone_on or digest not in victims, digest


def main() -> None:
    """Prints what happened; ends with an error where something is lost, or was begun twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--calm", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that was started
    with tempfile.TemporaryDirectory() as scratch, Server() as server:
        folder = Path(scratch)
        ei_train("demo", folder / "demo", "--per-class", "12")
        (folder / "space.yaml").write_text(SPACE)
        killed = Search(folder, folder / "killed", server.database("killed"), given.trials)
        check(killed, disturb(killed))
        if given.calm:
            calm = Search(folder, folder / "calm", server.database("calm"), given.trials)
            driver = calm.driver()
            assert driver.wait(PATIENCE) == 0
            check(calm, set())
            assert calm.finished() == killed.finished()
            metrics = [[each["rungs"]["default"]["metric"] for each in one.trials()] for one in (calm, killed)]
            assert metrics[0] == metrics[1], metrics
            print("a calm search finished the same runs, with the same accuracies")


if __name__ == "__main__":
    main()
