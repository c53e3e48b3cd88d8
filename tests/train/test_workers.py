"""Processes that train together: what `TF_CONFIG` may say, and that two do what one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ei_compat.core.errors import UsageError
from ei_compat.core.progress import SILENT
from tests.train.conftest import SMALL
from train import pipeline
from train.job import Job
from train.runs.folder import private_folder
from train.runs.report import Report
from train.workers import LostError, Place, Workers, read_place

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


def config(cluster: dict[str, list[str]], role: str, index: int) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": role, "index": index}})}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"TF_CONFIG": "{}"}, None, id="empty"),
        pytest.param(config({"worker": ["a:1"]}, "worker", 0), None, id="a cluster of one"),
        pytest.param(config({"worker": ["a:1", "b:1"]}, "worker", 1), Place(1, 2), id="workers alone"),
        pytest.param(config({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "chief", 0), Place(0, 3), id="chief"),
        pytest.param(config({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "worker", 0), Place(1, 3), id="first worker"),
    ],
)
def test_place(environment: dict[str, str], place: Place | None) -> None:
    assert read_place(environment) == place


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({"TF_CONFIG": "{"}, "is not what TensorFlow describes a cluster with", id="no JSON"),
        pytest.param({"TF_CONFIG": "[]"}, "is not what TensorFlow describes a cluster with", id="no object"),
        pytest.param(config({"worker": ["a:1", "b:1"]}, "worker", 2), "no worker number 2", id="index"),
        pytest.param(config({"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "ps", 0), "role 'ps'", id="role"),
        pytest.param(config({"chief": ["a:1", "b:1"]}, "chief", 0), "with 2 chiefs", id="chiefs"),
    ],
)
def test_a_place_that_cannot_be(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=f"TF_CONFIG: .*{message}|TF_CONFIG: {message}"):
        read_place(environment)


@pytest.mark.parametrize("rows", [1, 2, 7, 8])
def test_every_row_of_a_batch_is_someones(rows: int) -> None:
    shares = []
    for index in range(3):
        workers = object.__new__(Workers)  # without joining a cluster
        workers.place = Place(index, 3)
        shares.append(workers.share(np.arange(rows)))
    assert all(len(share) for share in shares)
    assert sorted(np.concatenate(shares)) == sorted(np.tile(np.arange(rows), 1 if rows >= 3 else 3))


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process the second of two, whose first cannot be reached."""
    for name, value in config({"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "worker", 1).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("as_worker")
def test_a_worker_does_with_earlier_results_what_the_chief_does(finished: tuple[Job, Report]) -> None:
    """Else it would wait for a chief who has refused them, or found nothing left to do."""
    job, _ = finished
    before = {path.name: path.read_bytes() for path in job.out.iterdir()}

    with pytest.raises(UsageError, match=r"holds the results of a finished run; .*--overwrite"):
        pipeline.run(job, SILENT)
    with pytest.raises(UsageError, match="holds a finished run that differs in --seed"):
        pipeline.run(replace(job, resume=True, recipe=job.recipe.model_copy(update={"seed": 9})), SILENT)
    assert pipeline.run(replace(job, resume=True), SILENT) is None
    assert {path.name: path.read_bytes() for path in job.out.iterdir()} == before


def test_a_worker_takes_a_copy_of_what_it_goes_on_from(tmp_path: Path) -> None:
    for name in ("checkpoint.npz", "model.tflite"):
        (tmp_path / name).write_text(name)

    with private_folder(tmp_path, resume=True, replace=False) as own:
        assert [path.name for path in own.iterdir()] == ["checkpoint.npz"]
        (own / "checkpoint.npz").write_text("another")
    with private_folder(tmp_path, resume=False, replace=True) as new:
        assert list(new.iterdir()) == []

    assert not own.exists()
    assert (tmp_path / "checkpoint.npz").read_text() == "checkpoint.npz"


class Deserted:
    """Stands for workers of whom one is lost."""

    def check_agreement(self, digest: bytes) -> None:
        raise LostError


def test_who_is_lost_once_the_results_are_written_is_no_failure(tmp_path: Path) -> None:
    said: list[str] = []
    progress = SimpleNamespace(note=said.append)

    pipeline._dismiss(Deserted(), progress)
    assert said == ["Another process of the cluster was lost after its work was done"]
    with pytest.raises(LostError, match="another process of the cluster is lost; run again with --resume to go on, on"):
        pipeline._wait_for_chief(Deserted(), tmp_path, progress)
    (tmp_path / "report.json").write_text("{}")
    pipeline._wait_for_chief(Deserted(), tmp_path, progress)


@pytest.fixture
def start() -> Iterator[Callable[..., list[subprocess.Popen[str]]]]:
    """Starts a program as both processes of a cluster, with one list of arguments for each."""
    started: list[subprocess.Popen[str]] = []

    def begin(program: str, *arguments: Sequence[object]) -> list[subprocess.Popen[str]]:
        with socket.socket() as first, socket.socket() as second:
            for each in (first, second):
                each.bind(("127.0.0.1", 0))
            hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", f"tests.train.{program}", *map(str, own)],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | config({"worker": hosts}, "worker", index),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for index, own in enumerate(arguments)
        ]
        started.extend(processes)
        return processes

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_processes_train_as_one_does_also_after_one_was_lost(start, tmp_path: Path) -> None:
    from tests.train.together import train

    (tmp_path / "alone").mkdir()
    alone = train(tmp_path / "alone", 0)
    results = [tmp_path / f"{index}.npz" for index in range(2)]

    chief, worker = start("together", (tmp_path, results[0], 0), (tmp_path, results[1], 3))
    worker.communicate(timeout=SECONDS)
    assert worker.returncode == 9
    _, said = chief.communicate(timeout=SECONDS)
    assert (chief.returncode, said.strip().splitlines()[-1]) == (
        4,
        "error: TF_CONFIG: another process of the cluster is lost; run again with --resume to go on, on all of them",
    )
    for process in start("together", (tmp_path, results[0]), (tmp_path, results[1])):
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
    for result in results:
        with np.load(result) as together:
            for name, expected in alone.items():
                np.testing.assert_allclose(together[name], expected, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_a_whole_run_of_two_processes_of_which_the_chief_alone_writes(start, images: Path, tmp_path: Path) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items() if name != "augment"]
    command = ["train", "--data-directory", images, "--out-directory", tmp_path / "out", "--log-format", "plain"]

    ends = start("short", *[[*command, *options, "--max-prune-drop=1", "--qat-epochs=1"]] * 2)
    said = [process.communicate(timeout=SECONDS) for process in ends]

    assert [process.returncode for process in ends] == [0, 0], said
    assert [errors for _, errors in said] == ["", ""]
    assert "Result" in said[0][0]
    assert said[1][0].endswith("Waiting for the chief, who goes on alone\n")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [line["phase"] for line in report["history"]] == ["head"] * 2 + ["finetune"] * 3 + ["qat"]
