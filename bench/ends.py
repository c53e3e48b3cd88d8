"""Ends a small run in many ways at random moments, and looks at what it says and what it leaves.

python bench/ends.py signals|kills|disks COUNT [--seed N] [--span SECONDS] [--docker "[OPTIONS] IMAGE"]

`signals` sends SIGINT or SIGTERM (to a container by `docker kill` and `docker stop`); `kills` sends SIGKILL to
the program or to its parent; `disks` trains into a file system of a few megabytes, as root. Every end must say why in
one line, leave no file half-written, and lose none that was finished. Moments are drawn evenly on a logarithmic scale,
because most phases lie at the beginning; without a span the first run is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
OPTIONS = [
    *("--image-size", "32", "--weights", "none", "--epochs", "3", "--fine-tune-epochs", "3"),
    *("--max-int8-drop", "1", "--max-prune-drop", "1", "--min-steps", "0", "--log-format", "plain"),
]
RESULTS = ("model.tflite", "model_quantized_int8_io.tflite", "saved_model.zip", "model.h5.zip", "report.json")


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


class End(NamedTuple):
    """How a run ended: exit code, stdout, stderr, and the seconds after the signal."""

    code: int
    output: str
    errors: str
    seconds: float


def findings(out: Path, end: End, expected: set[int]) -> list[str]:
    """What is wrong with an end."""
    code, output, errors, _ = end
    lines = [line for line in errors.splitlines() if not line.startswith("warning: ")]
    wrong = [] if code in expected | {0} else [f"exit {code}"]
    if code and not (len(lines) == 1 and lines[0].startswith("error: ")):
        wrong.append(f"says {lines}")
    files = [path for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    wrong += [f"{path.name} is damaged" for path in files if not whole(path)]
    names = {path.name for path in files}
    if code and "% done" in output and not names & {"checkpoint.npz", "report.json"}:
        wrong.append("no checkpoint although training had begun")
    if code in {130, 143} and "checkpoint.npz" in names and "--resume" not in errors:
        wrong.append("does not say how to go on")
    if code == 0 and not names >= set(RESULTS):
        wrong.append(f"finished with {sorted(names)} alone")
    return wrong


class Trial:
    """One run in a folder of its own.

    Args:
        home: holds `demo`; gets `out`.
        docker: options of `docker run` and the image, or none.
        environment: more of it.
    """

    def __init__(self, home: Path, docker: list[str] | None, **environment: str) -> None:
        self.out, self.name = home / "out", f"ends-{os.getpid()}-{time.monotonic_ns()}"
        arguments = ["--data-directory", "demo", "--out-directory", "out", *OPTIONS]
        command = [sys.executable, "-m", "train", *arguments]
        if docker is not None:
            command = ["docker", "run", "--name", self.name, "--volume", f"{home}:/scripts", *docker, *arguments]
        self.docker = docker
        self.process = subprocess.Popen(
            command, cwd=home, env=ENVIRONMENT | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, number: signal.Signals | None, *, child: bool = False) -> End:
        """Sends the signal, if any, and waits."""
        began = time.monotonic()
        if number is not None and self.docker is not None:
            kind = ["stop"] if number is signal.SIGTERM else ["kill", "--signal", number.name]
            subprocess.run(["docker", *kind, self.name], check=False, capture_output=True)
        elif number is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            os.kill(int(children[0]) if child and children else self.process.pid, number)
        output, errors = self.process.communicate(timeout=900)
        if self.docker is not None:
            subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True)
        return End(self.process.returncode, output, errors, time.monotonic() - began)


def main() -> None:
    """Prints every finding and the counts, and ends with 1 where there is any finding."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["signals", "kills", "disks"])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--span", type=float, default=0.0)
    parser.add_argument("--docker", type=shlex.split)
    asked = parser.parse_args()
    draw, codes, bad, slowest = random.Random(asked.seed), Counter[int](), 0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o755)
        subprocess.run(
            [sys.executable, "-m", "train", "demo", home / "demo", "--per-class", "6"],
            cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        for trial in range(asked.count):
            began = time.monotonic()
            if asked.kind == "disks":
                end, expected = full_disk(home, draw)
            else:
                end, expected = cut_short(home, draw, asked)
            asked.span = asked.span or time.monotonic() - began
            slowest = max(slowest, end.seconds if expected else 0.0)
            wrong = findings(home / "out", end, expected)
            if (home / "out").is_mount():
                subprocess.run(["umount", home / "out"], check=True)
            shutil.rmtree(home / "out", ignore_errors=True)
            codes[end.code] += 1
            bad += bool(wrong)
            reached = ([line for line in end.output.splitlines() if line.strip()] or ["nothing"])[-1][:60]
            print(f"{trial + 1}: exit {end.code} after {end.seconds:.1f} s, at {reached!r}", *wrong, flush=True)
    print(f"{asked.count} {asked.kind}: exit codes {dict(codes)}, {bad} with findings, slowest answer {slowest:.1f} s")
    sys.exit(bad > 0)


def cut_short(home: Path, draw: random.Random, asked: argparse.Namespace) -> tuple[End, set[int]]:
    """A run that gets a signal at a random moment, and the exit codes that are right."""
    run = Trial(home, asked.docker)
    number = draw.choice([signal.SIGINT, signal.SIGTERM]) if asked.kind == "signals" else signal.SIGKILL
    if asked.span == 0.0:
        return run.ended(None), set()
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.process.wait(asked.span ** draw.uniform(-0.3, 1.0))
        return run.ended(None), set()
    to_child = asked.kind == "kills" and draw.random() < 0.7
    end = run.ended(number, child=to_child)
    if end.code == -signal.SIGKILL:  # the parent itself: nobody is left to say it
        end = end._replace(code=137, errors="error: the parent was killed")
    return end, {128 + number}


def full_disk(home: Path, draw: random.Random) -> tuple[End, set[int]]:
    """A run into a small file system, its temporary folder too, and the exit codes that are right."""
    (home / "out").mkdir()
    size = f"{int(10 ** draw.uniform(2, 4.9))}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", home / "out"], check=True)
    end = Trial(home, None, TMPDIR=str(home / "out")).ended(None)
    if end.code and "no space left" not in end.errors:
        end = end._replace(errors=end.errors + "\nno word of the disk")
    return end._replace(output=f"{end.output}\n{size}"), {3}


if __name__ == "__main__":
    main()
