"""Ends a small run in many ways at random moments, and looks at what it says and what it leaves.

python bench/ends.py signals|kills|disks COUNT [SEED] [IMAGE]

`signals` sends SIGINT or SIGTERM (in a container of IMAGE, where one is named: `docker stop`); `kills` sends SIGKILL to
the program or to its parent; `disks` trains into a file system of a few megabytes, as root. Every end must say why in
one line, leave no file half-written, and lose none that was finished.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

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


def findings(out: Path, code: int, output: str, errors: str, expected: set[int]) -> list[str]:
    """What is wrong with an end."""
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
        image: of a container, or none.
        environment: more of it.
    """

    def __init__(self, home: Path, image: str | None, **environment: str) -> None:
        self.out, self.name = home / "out", f"ends-{os.getpid()}-{time.monotonic_ns()}"
        arguments = ["--data-directory", "demo", "--out-directory", "out", *OPTIONS]
        command = [sys.executable, "-m", "train", *arguments]
        if image is not None:
            command = ["docker", "run", "--name", self.name, "--volume", f"{home}:/scripts", image, *arguments]
        self.image = image
        self.process = subprocess.Popen(
            command, cwd=home, env=ENVIRONMENT | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, number: signal.Signals | None, *, child: bool = False) -> tuple[int, str, str, float]:
        """Exit code, stdout, stderr, and the seconds after the signal."""
        began = time.monotonic()
        if number is not None and self.image is not None:
            kind = ["stop"] if number is signal.SIGTERM else ["kill", "--signal", number.name]
            subprocess.run(["docker", *kind, self.name], check=False, capture_output=True)
        elif number is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            os.kill(int(children[0]) if child and children else self.process.pid, number)
        output, errors = self.process.communicate(timeout=900)
        if self.image is not None:
            subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True)
        return self.process.returncode, output, errors, time.monotonic() - began


def main() -> None:
    """Prints every finding and the counts, and ends with 1 where there is any finding."""
    what, count = sys.argv[1], int(sys.argv[2])
    draw = random.Random(sys.argv[3] if len(sys.argv) > 3 else 1)
    image = sys.argv[4] if len(sys.argv) > 4 else None
    codes: Counter[int] = Counter()
    bad, slowest, span = 0, 0.0, 0.0
    for trial in range(count):
        with tempfile.TemporaryDirectory() as scratch:
            home = Path(scratch)
            home.chmod(0o755)
            subprocess.run(
                [sys.executable, "-m", "train", "demo", home / "demo", "--per-class", "6"],
                cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            began = time.monotonic()
            if what == "disks":
                code, output, errors, seconds, expected = full_disk(home, draw)
            else:
                run = Trial(home, image)
                if span == 0.0:  # the first one is measured and runs to its end
                    number = None
                else:
                    time.sleep(draw.uniform(0.1, span))
                    number = draw.choice([signal.SIGINT, signal.SIGTERM]) if what == "signals" else signal.SIGKILL
                child = draw.random() < 0.5
                running = run.process.poll() is None
                code, output, errors, seconds = run.ended(number if running else None, child=child and what == "kills")
                expected = {128 + number} if number else set()
                if what == "kills" and code == -signal.SIGKILL:
                    code, errors = 137, "error: nobody is left to say it"
                span = span or (time.monotonic() - began)
                slowest = max(slowest, seconds if number and running else 0.0)
            wrong = findings(home / "out", code, output, errors, expected)
            if (home / "out").is_mount():
                subprocess.run(["umount", home / "out"], check=True)
        codes[code] += 1
        bad += bool(wrong)
        reached = ([line for line in output.splitlines() if line.strip()] or ["nothing"])[-1][:60]
        print(f"{trial + 1}: exit {code} after {seconds:.1f} s, at {reached!r}", *wrong, flush=True)
    print(f"{count} {what}: exit codes {dict(codes)}, {bad} with findings, slowest answer {slowest:.1f} s")
    sys.exit(bad > 0)


def full_disk(home: Path, draw: random.Random) -> tuple[int, str, str, float, set[int]]:
    """A run into a small file system, as in `Trial.ended`, and the exit codes that are right."""
    (home / "out").mkdir()
    size = f"{int(10 ** draw.uniform(2, 4.9))}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", home / "out"], check=True)
    code, output, errors, seconds = Trial(home, None, TMPDIR=str(home / "out")).ended(None)
    if code and "no space left" not in errors:
        errors += "\nno word of the disk"
    return code, output + f"\n{size}", errors, seconds, {3}


if __name__ == "__main__":
    main()
