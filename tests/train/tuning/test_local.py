"""Trials as subprocesses: done once, gone on with after a kill, stopped on request."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ei_compat.core.errors import UsageError
from tests.train.tuning import stub
from train.tuning.executors import Settings, open_executor
from train.tuning.local import Local, divided
from train.tuning.sketch import Cost
from train.tuning.trials import Outcome, Spec, finished

VALUES = (("alpha", 0.5), ("final_sparsity", 0.7), ("image_size", 96))


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(tmp_path / "data", "0" * 64, tmp_path / "trials", VALUES)


@pytest.fixture
def local() -> Iterator[Local]:
    made = Local(Settings(workers=2))
    yield made
    made.close()


def did(spec: Spec) -> list[str]:
    return (spec.root / f"{spec.digest}.did").read_text().splitlines()


def waited(path: Path, text: str) -> None:
    """Until a file holds a text."""
    end = time.monotonic() + 60
    while not path.is_file() or text not in path.read_text():
        assert time.monotonic() < end, f"no {text!r} in {path}"
        time.sleep(0.01)


def test_a_trial_gives_what_its_folder_says(spec: Spec, local: Local, stubbed: Callable[..., None]) -> None:
    outcome = local.submit(spec).result(60)
    options = {"alpha": "0.5", "final_sparsity": "0.7", "image_size": "96", "effort": "default", "seed": "1"}
    assert outcome == Outcome(
        spec.digest, 0, 1, stub.accuracy_of(options), Cost(*stub.cost_of(options)), outcome.seconds, (), None
    )
    assert did(spec) == ["begin", *(f"epoch {number}" for number in range(5)), "end"]
    assert Outcome.of_json(outcome.as_json()) == outcome


def test_what_is_done_is_not_done_again(spec: Spec, local: Local, stubbed: Callable[..., None]) -> None:
    local.submit(spec).result(60)
    again = local.submit(spec).result(60)
    assert again.attempts == 0
    assert did(spec).count("begin") == 1


def test_a_process_that_is_killed_goes_on_from_its_checkpoint(
    spec: Spec, local: Local, stubbed: Callable[..., None]
) -> None:
    stubbed(seconds=0.2)
    future = local.submit(spec)
    record = spec.root / f"{spec.digest}.did"
    waited(record, "epoch 1")
    os.kill(_owner(spec), signal.SIGKILL)
    outcome = future.result(60)
    assert (outcome.attempts, outcome.code, outcome.error) == (2, 0, None)
    assert did(spec).count("begin") == 1
    assert did(spec).count("resume") == 1
    assert len([line for line in did(spec) if line.startswith("epoch")]) <= 6  # at most one epoch twice


def _owner(spec: Spec) -> int:
    """The process that trains in the folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        words = path.read_bytes().split(b"\0") if path.parent.name.isdigit() else []
        if str(spec.folder).encode() in words:
            return int(path.parent.name)
    raise AssertionError("nobody")


def test_what_fails_says_why(spec: Spec, local: Local, stubbed: Callable[..., None]) -> None:
    stubbed(exit=4)
    outcome = local.submit(spec).result(60)
    assert (outcome.code, outcome.attempts, outcome.error) == (4, 1, "here; it went wrong; mend it")
    assert finished(spec) is None


def test_closing_stops_what_runs_and_leaves_a_checkpoint(spec: Spec, stubbed: Callable[..., None]) -> None:
    stubbed(seconds=0.2)
    local = Local(Settings(workers=1))
    future = local.submit(spec)
    waited(spec.root / f"{spec.digest}.did", "epoch 0")
    local.close()
    assert future.result(1).metric is None
    assert (spec.folder / "checkpoint.npz").is_file()


def test_the_digest_is_of_recipe_and_data_and_not_of_places(spec: Spec, tmp_path: Path) -> None:
    assert replace(spec, data=tmp_path / "elsewhere", root=tmp_path / "other").digest == spec.digest
    for change in (
        {"effort": "quick"}, {"seed": 2}, {"data_digest": "1"}, {"deterministic": True}, {"values": VALUES[:1]},
    ):  # fmt: skip
        assert replace(spec, **change).digest != spec.digest


def test_an_effort_multiplies_what_the_user_has_set(spec: Spec) -> None:
    given = replace(spec, values=(("fine_tune_epochs", 5), ("min_steps", 100), ("prune", False)), effort="quick")
    assert given.options() == [
        "--effort", "quick", "--fine-tune-epochs", "2", "--min-steps", "40", "--no-prune", "--seed", "1",
    ]  # fmt: skip


def test_processors_are_divided() -> None:
    assert divided(range(8), 3) == [range(2), range(2, 5), range(5, 8)]
    assert divided([0, 1], 3) == [[0], [1], [0]]
    assert divided([], 2) == [(), ()]


def test_an_unknown_executor_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="--executor slurm: there is none of that name; use local or ray"):
        open_executor("slurm", Settings())
