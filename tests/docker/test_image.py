"""The image as its users run it: hardened, as any user, without a network; what is in it and what is not.

`EI_TRAIN_IMAGE` names the image under test.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.needs import missing

pytestmark = pytest.mark.docker

IMAGE = os.environ.get("EI_TRAIN_IMAGE", "ei-train")
STRANGER = 1234  # a uid that has no account in the image
HARDENED = [
    *("--network", "none", "--read-only", "--tmpfs", "/tmp"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
TINY = [
    *("--image-size", "32", "--weights", "none", "--epochs", "1", "--fine-tune-epochs", "2"),
    *("--max-int8-drop", "1", "--max-prune-drop", "1"),
]
COLOURS = {"blue": (40, 40, 200), "green": (40, 200, 40), "red": (200, 40, 40)}


def docker(*arguments: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module", autouse=True)
def image() -> dict[str, Any]:
    """The image's configuration; without the image there is nothing to test."""
    answer = docker("image", "inspect", IMAGE)
    if answer.returncode != 0:
        missing(f"there is no image {IMAGE}; make build")
    found: dict[str, Any] = json.loads(answer.stdout)[0]
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of a user of this machine who is not root, as far as that can be had."""
    if os.getuid() == 0:
        os.chown(tmp_path, STRANGER, STRANGER)
    tmp_path.chmod(0o755)
    return tmp_path


def noise(colour: tuple[int, int, int], size: int, seed: int) -> np.ndarray:
    """A picture in [0, 255] that is mostly of one colour."""
    generator = np.random.default_rng(seed)
    return (np.array(colour) + generator.integers(-40, 40, (size, size, 3))).clip(0, 255).astype(np.uint8)


def write_class_folders(root: Path) -> None:
    for label, colour in COLOURS.items():
        (root / label).mkdir(parents=True)
        for index in range(12):
            Image.fromarray(noise(colour, 40, index)).save(root / label / f"{index}.png")


def write_export(root: Path) -> None:
    """What an unzipped "Edit block locally" export holds, as far as a run looks at it; its code must not be run."""
    options = {
        "classes": list(COLOURS),
        "mode": "classification",
        "inputShapeString": "(96, 96, 3)",
        "yType": "npy",
        "trainTestSplit": 0.2,
        "stratifiedTrainTest": False,
        "convertInt8": True,
        "profileInt8": True,
        "maxTrainingTimeSeconds": 1200,
        "remainingGpuComputeTimeSeconds": None,
        "customValidationSplit": False,
    }
    (root / "train_input.json").write_text(json.dumps(options))
    (root / "train.py").write_text("raise SystemExit('the code of the export was run')\n")
    (root / "data").mkdir()
    for name, count in {"train": 96, "test": 24}.items():
        labels = np.arange(count) % len(COLOURS)
        colours = [list(COLOURS.values())[label] for label in labels]
        images = [noise(colour, 96, seed) for seed, colour in enumerate(colours)]
        np.save(root / "data" / f"X_split_{name}.npy", np.stack(images).astype(np.float32) / 255)
        np.save(root / "data" / f"Y_split_{name}.npy", np.eye(len(COLOURS), dtype=np.float32)[labels])


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


def test_it_is_labelled_and_starts_by_the_script_that_answers_signals(image: dict[str, Any]) -> None:
    config = image["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels.keys() >= {"title", "description", "licenses", "version", "revision"}
    assert config["WorkingDir"] == "/scripts"
    assert config["Entrypoint"] == [
        "/bin/sh",
        "/opt/ei-train/entrypoint.sh",
    ]  # no shell around it: `docker stop` reaches it
    assert "TF_USE_LEGACY_KERAS=1" in config["Env"]


def test_it_stays_slim(image: dict[str, Any]) -> None:
    assert image["Size"] < 1.25e9
    leftovers = (
        "for tool in cc gcc g++ clang ld make strip; do command -v $tool; done; "
        "cd /opt/ei-train; ls -d bin/pip* lib/python3*/site-packages/tensorflow/include 2>/dev/null; "
        "ls -A /root/.cache /tmp 2>/dev/null | grep -v :; find / -xdev -name '*.whl' -path '*/ei-train/*'; true"
    )
    answer = docker("run", "--rm", "--network", "none", "--entrypoint", "sh", IMAGE, "-c", leftovers)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_tensorflow_starts_from_bytecode() -> None:
    program = (
        "import sys, os, tensorflow;"
        "modules = [module for name, module in sys.modules.items() if name.startswith('tensorflow.')];"
        "files = [module.__cached__ for module in modules if getattr(module, '__cached__', None)];"
        "print(len(files), sum(map(os.path.exists, files)))"
    )
    answer = docker("run", "--rm", *HARDENED, "--entrypoint", "python3", IMAGE, "-c", program)
    modules, compiled = map(int, answer.stdout.split())
    assert modules > 1000
    assert compiled / modules > 0.99


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["--version"]], ids=" ".join)
def test_help_needs_nothing(command: list[str]) -> None:
    answer = docker("run", "--rm", *HARDENED, "--user", f"{STRANGER}:{STRANGER}", IMAGE, *command)
    assert answer.returncode == 0, answer.stderr
    assert "ei-train" in answer.stdout


def test_a_usage_error_is_one_line() -> None:
    answer = docker("run", "--rm", *HARDENED, IMAGE, "no-such-command")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


def test_a_stranger_trains_on_a_read_only_root_without_a_network(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "data")
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    tmp_path.chmod(0o755)
    before = set(tmp_path.rglob("*"))
    answer = docker(
        *("run", "--rm", *HARDENED, "--user", f"{STRANGER}:{STRANGER}", "--volume", f"{tmp_path}:/scripts", IMAGE),
        *("--data-directory", "data", "--out-directory", "out", *TINY),
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sparsity"]["int8_file"] == pytest.approx(0.8, abs=0.01)
    assert {path.parent for path in set(tmp_path.rglob("*")) - before} == {tmp_path / "out"}
    assert owners(tmp_path / "out") == {STRANGER}


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[str]:
    """A container in the background; gone when the block ends."""
    name = f"ei-train-test-{os.getpid()}"
    try:
        started = docker("run", "--detach", "--name", name, *arguments)
        assert started.returncode == 0, started.stderr
        yield name
    finally:
        docker("rm", "--force", name)


def wait_for(name: str, line: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while line not in (logs := docker("logs", name)).stdout + logs.stderr:
        state = docker("inspect", "--format", "{{.State.Running}}", name).stdout.strip()
        assert state == "true", logs.stderr
        assert time.monotonic() < deadline, f"{line!r} did not come: {logs.stdout}{logs.stderr}"
        time.sleep(0.3)


def stop(name: str) -> int:
    docker("stop", "--time", "60", name)
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout)


def test_a_stop_while_training_saves_and_exits_143_and_only_the_volume_is_touched(home: Path) -> None:
    write_class_folders(home / "data")
    arguments = ["--data-directory", "data", "--out-directory", "out", *TINY, "--epochs", "1000"]
    with running("--volume", f"{home}:/scripts", IMAGE, *arguments) as name:
        wait_for(name, "Epoch 2/1000", 200)
        assert stop(name) == 143
        assert "resume" in docker("logs", name).stderr
        touched = {line.split()[1] for line in docker("diff", name).stdout.splitlines()}
    assert not {path for path in touched if not path.startswith(("/tmp", "/scripts"))}
    assert any((home / "out").iterdir())
    assert owners(home / "out") == {home.stat().st_uid}


def test_a_stop_before_python_is_there_is_heeded(home: Path) -> None:
    """The kernel would spare a container's first process the signal, had it no handler yet."""
    write_class_folders(home / "data")  # else a run that a busy engine is slow to stop would end for want of data
    for _ in range(3):
        with running(
            "--volume", f"{home}:/scripts", IMAGE, "--data-directory", "data", "--out-directory", "out"
        ) as name:
            assert stop(name) == 143
            assert docker("logs", name).stderr.splitlines()[-1].startswith("error: stopped by SIGTERM")


def test_a_stop_before_training_is_heeded_too(home: Path) -> None:
    waiting = (
        "import runpy, sys, time, types;"
        "slow = sys.modules['train.cli.main'] = types.ModuleType('train.cli.main');"
        "slow.main = lambda: (print('up'), time.sleep(60));"
        "runpy.run_path('/opt/ei-train/entrypoint.py', run_name='__main__')"
    )
    with running("--entrypoint", "python3", IMAGE, "-c", waiting) as name:
        wait_for(name, "up", 30)
        assert stop(name) == 143
