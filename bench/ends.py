"""Ends a small run in many ways at random moments, and looks at what it says and what it leaves.

python -m bench.ends signals|kills|disks COUNT [--seed N] [--span SECONDS] [--late SHARE] [--at-once N]
                     [--minutes M] [--docker "[OPTIONS] IMAGE"]

`signals` sends SIGINT or SIGTERM (to a container by `docker kill` and `docker stop`); `kills` sends SIGKILL to
the program or to its parent; `disks` trains, as root, into a file system of its own that is too small, or that others
fill at a random moment. Every end must say why in one line, leave no file half-written, and lose none that was
finished; a container must be gone within three seconds of `docker stop`. Moments are drawn evenly on a logarithmic
scale up to the span, which is about what TensorFlow's start takes; but for a share that lies up to eight seconds behind
a line of the log, so that every phase has its part however slow the machine is. With a limit of minutes fewer trials
than asked for may be made; the last line counts those that were.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}  # lines are waited for
OPTIONS = [
    *("--image-size", "32", "--weights", "weights.h5", "--epochs", "2", "--fine-tune-epochs", "2"),
    *("--max-int8-drop", "1", "--max-prune-drop", "1", "--min-steps", "0", "--log-format", "plain"),
]
RESULTS = ("model.tflite", "model_quantized_int8_io.tflite", "saved_model.zip", "model.h5.zip", "report.json")
PHASES = {  # by the beginning of the last line of the log
    "nothing": "start",
    "Training": "features",
    "Using": "features",
    "features": "features",
    "head": "head",
    "Epoch": "training",
    "Finished": "conversion and evaluation",
    "Result": "the end",
}
WEIGHTS = """
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tf_keras
tf_keras.utils.set_random_seed(1)
network = tf_keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, include_top=False, weights=None)
network.save_weights(sys.argv[1])
"""
MARKS = ("Training on", "Epoch 1/2", "Epoch 2/2", "Finished training")  # lines after which a run is ended
STOP_SECONDS = 3.0  # within which a container must be gone
ENOUGH_MB = 45  # of space for the small run


def whole(path: Path) -> bool:
    """Whether a file of a run can be read to its end."""
    if path.suffix == ".json":
        return bool(json.loads(path.read_bytes()))
    if path.suffix == ".zip":
        return zipfile.ZipFile(path).testzip() is None
    if path.suffix == ".npz":
        with np.load(path) as file:
            return all(file[name] is not None for name in file.files)
    return path.suffix != ".tflite" or path.read_bytes()[4:8] == b"TFL3"


def visible(folder: Path) -> set[str]:
    """Names of what a run has finished so far."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} if folder.is_dir() else set()


class End(NamedTuple):
    """How a run ended: exit code, stdout, stderr, the seconds after the signal, and what was finished before it."""

    code: int
    output: str
    errors: str
    seconds: float = 0.0
    finished: frozenset[str] = frozenset()


def findings(out: Path, end: End, expected: set[int]) -> list[str]:
    """What is wrong with an end."""
    lines = [line for line in end.errors.splitlines() if not line.startswith("warning: ")]
    wrong = [] if end.code in expected | {0} else [f"exit {end.code}"]
    if end.code and not (len(lines) == 1 and lines[0].startswith("error: ")):
        wrong.append(f"says {lines}")
    names = visible(out)
    wrong += [f"{name} is damaged" for name in names if (out / name).suffix != ".csv" and not whole(out / name)]
    lost = end.finished - names - ({"checkpoint.npz"} if "report.json" in names else set())
    wrong += [f"{name} was there and is lost" for name in lost]
    if end.code and "Epoch " in end.output and not names & {"checkpoint.npz", "report.json"}:
        wrong.append("no checkpoint although training had begun")
    if end.code in {130, 143} and "checkpoint.npz" in names and "--resume" not in end.errors:
        wrong.append("does not say how to go on")
    if end.code == 0 and not names >= set(RESULTS):
        wrong.append(f"finished with {sorted(names)} alone")
    return wrong


class Trial:
    """One run in a folder of its own.

    Args:
        home: holds `demo` and `weights.h5`; gets `out`.
        docker: options of `docker run` and the image, or none.
        deadline: on the monotonic clock, after which nothing is waited for any more.
        environment: more of it.
    """

    def __init__(
        self, home: Path, docker: list[str] | None = None, deadline: float = float("inf"), **environment: str
    ) -> None:
        self.deadline = deadline
        self.out, self.docker, self.name = home / "out", docker, f"ends-{os.getpid()}-{time.monotonic_ns()}"
        arguments = ["--data-directory", "demo", "--out-directory", "out", *OPTIONS]
        command = [sys.executable, "-m", "train", *arguments]
        if docker is not None:
            command = ["docker", "run", "--name", self.name, "--volume", f"{home}:/scripts", *docker, *arguments]
        self.log, self.errors = home / "log", home / "errors"
        with self.log.open("wb") as log, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, cwd=home, env=ENVIRONMENT | environment, stdout=log, stderr=errors
            )  # fmt: skip

    def reaches(self, mark: str, times: int) -> None:
        """Waits until so many lines of the log begin with this, or the end."""
        while self.process.poll() is None and time.monotonic() < self.deadline:
            if f"\n{self.log.read_text()}".count(f"\n{mark}") >= times:
                return
            time.sleep(0.02)

    def _is_up(self) -> bool:
        """Whether the container runs, or, without one, Python has begun with our code, which catches SIGTERM first."""
        if self.docker is not None:
            state = ["docker", "inspect", "--format", "{{.State.Status}}", self.name]
            return subprocess.run(state, check=False, capture_output=True, text=True).stdout.strip() == "running"
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1)

    def runs_for(self, seconds: float) -> bool:
        """Whether it still runs this time after it was up."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline and not self._is_up():
            time.sleep(0.001)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, min(seconds, self.deadline - time.monotonic())))
        return self.process.poll() is None

    def ended(self, number: signal.Signals | None = None, *, child: bool = False) -> End:
        """Sends the signal, if any, and waits."""
        began, finished = time.monotonic(), visible(self.out)
        if number is not None and self.docker is not None:
            kind = ["stop"] if number is signal.SIGTERM else ["kill", "--signal", number.name]
            subprocess.run(["docker", *kind, self.name], check=False, capture_output=True)
        elif number is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            os.kill(int(children[0]) if child and children else self.process.pid, number)
        self.process.wait(900)
        seconds = time.monotonic() - began
        if self.docker is not None:
            subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True)
        return End(
            self.process.returncode, self.log.read_text(), self.errors.read_text(), seconds, frozenset(finished)
        )  # fmt: skip


def cut_short(home: Path, draw: random.Random, asked: argparse.Namespace) -> tuple[End, set[int]]:
    """A run that gets a signal at a random moment, and the exit codes that are right."""
    number = draw.choice([signal.SIGINT, signal.SIGTERM]) if asked.kind == "signals" else signal.SIGKILL
    to_child, run = draw.random() < 0.7, Trial(home, asked.docker, asked.deadline)
    if not run.runs_for(moment_of(run, draw, asked)):
        return run.ended(), set()
    end = run.ended(number, child=to_child and asked.kind == "kills")
    if end.code == -signal.SIGKILL:  # the parent itself: nobody is left to say it
        end = end._replace(code=137, errors="error: the parent was killed")
        wait_until_unlocked(run.out)
    return end, {128 + number}


def moment_of(run: Trial, draw: random.Random, asked: argparse.Namespace) -> float:
    """Waits for a line of the log that is drawn, or not; gives the seconds from then on."""
    if draw.random() >= asked.late:
        return float(asked.span ** draw.uniform(-1.0, 1.0))
    mark = draw.choice(MARKS)
    run.reaches(mark, draw.choice((1, 2)) if mark.startswith("Epoch") else 1)
    return float(10 ** draw.uniform(-1.5, 0.9))


def wait_until_unlocked(out: Path) -> None:
    """Waits for the child of a parent that was killed, which ends by itself; its lock of the folder goes with it."""
    if out.is_dir():
        handle = os.open(out, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.close(handle)


@contextlib.contextmanager
def small_disk(out: Path, size: str) -> Iterator[None]:
    """A file system of this size in place of the output folder."""
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", out], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", out], check=True)


def full_disk(home: Path, draw: random.Random, asked: argparse.Namespace) -> tuple[End, set[int]]:
    """A run into a disk that is or becomes full, the temporary folder's too, and the exit codes that are right."""
    run = Trial(home, None, asked.deadline, TMPDIR=str(home / "out"))
    if asked.fill and run.runs_for(moment_of(run, draw, asked)):
        with contextlib.suppress(OSError), (home / "out" / ".others").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
    end = run.ended()
    if end.code and "no space left" not in end.errors.lower():
        end = end._replace(errors=end.errors + "\nno word of the disk")
    return end, {3}


class Trials:
    """What was tried, and how it ended."""

    def __init__(self, asked: argparse.Namespace, scratch: Path) -> None:
        self.asked, self.scratch = asked, scratch
        self.codes, self.phases, self.bad, self.slowest = Counter[int](), Counter[str](), 0, 0.0
        self.lock = threading.Lock()

    def make(self, trial: int) -> None:
        """One trial, the same for the same seed and number."""
        if time.monotonic() > self.asked.deadline:
            return
        asked, draw = self.asked, random.Random(f"{self.asked.seed} {trial}")
        home = Path(tempfile.mkdtemp(dir=self.scratch))
        home.chmod(0o755)
        shutil.copytree(self.scratch / "demo", home / "demo")
        shutil.copy(self.scratch / "weights.h5", home)
        if asked.kind != "disks":
            end, expected = cut_short(home, draw, asked)
            self.note(trial, end, findings(home / "out", end, expected), expected)
        else:
            asked = argparse.Namespace(**vars(asked), fill=draw.random() < 0.8)
            size = f"{ENOUGH_MB}m" if asked.fill else f"{int(10 ** draw.uniform(2, 4.7))}k"
            with small_disk(home / "out", size):
                end, expected = full_disk(home, draw, asked)
                self.note(trial, end, findings(home / "out", end, expected), expected, f"disk of {size}")
        shutil.rmtree(home, ignore_errors=True)

    def note(self, trial: int, end: End, wrong: list[str], expected: set[int], *more: str) -> None:
        """Counts one end and prints it."""
        if self.asked.docker is not None and expected == {143} and end.seconds > STOP_SECONDS:
            wrong.append(f"docker stop took {end.seconds:.1f} s")
        last = ([line for line in end.output.splitlines() if line.strip()] or ["nothing"])[-1]
        if "Result" in end.output.splitlines():
            last = "Result"
        phase = PHASES.get(last.split()[0], "another")
        with self.lock:
            self.codes[end.code] += 1
            self.phases[phase] += end.code != 0
            self.bad += bool(wrong)
            self.slowest = max(self.slowest, end.seconds if expected and self.asked.kind != "disks" else 0.0)
            print(
                f"{trial + 1}: exit {end.code} after {end.seconds:.1f} s, at {last[:60]!r}", *more, *wrong, flush=True
            )

    def summary(self) -> str:
        """The counts."""
        return (
            f"{self.codes.total()} {self.asked.kind}: exit codes {dict(self.codes)}, {self.bad} with findings, "
            f"cut short in {dict(self.phases)}, slowest answer {self.slowest:.1f} s"
        )


def main() -> None:
    """Prints every finding and the counts, and ends with 1 where there is any finding."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["signals", "kills", "disks"])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--span", type=float, default=30.0)
    parser.add_argument("--late", type=float, default=0.2)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--docker", type=shlex.split)
    asked = parser.parse_args()
    asked.deadline = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        demo = [sys.executable, "-m", "train", "demo", scratch / "demo", "--per-class", "6"]
        subprocess.run(demo, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
        subprocess.run(
            [sys.executable, "-c", WEIGHTS, scratch / "weights.h5"], stderr=subprocess.DEVNULL, check=True
        )  # fmt: skip
        trials = Trials(asked, scratch)
        with ThreadPoolExecutor(asked.at_once) as pool:
            list(pool.map(trials.make, range(asked.count)))
    print(trials.summary())
    sys.exit(trials.bad > 0)


if __name__ == "__main__":
    main()
