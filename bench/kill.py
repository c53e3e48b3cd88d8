"""Kills a deterministic run ten times at random moments and resumes it each time; the bytes must be the same.

python bench/kill.py [SEED]
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KILLS = 10
OPTIONS = [
    "--image-size",
    "96",
    "--weights",
    "none",
    "--epochs",
    "12",
    "--fine-tune-epochs",
    "8",
    "--ensure-determinism",
    "--max-int8-drop",
    "1",
]


def main() -> None:
    """Prints what happened, and ends with 1 where the bytes differ."""
    draw = random.Random(sys.argv[1] if len(sys.argv) > 1 else 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-m", "train", "demo", str(folder / "demo"), "--per-class", "40"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip

        def start(out: str, *more: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "train", "--data-directory", str(folder / "demo")]
            return subprocess.Popen(
                [*command, "--out-directory", str(folder / out), *OPTIONS, *more],
                cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
            )  # fmt: skip

        began = time.monotonic()
        if start("whole").wait() != 0:
            sys.exit("the uninterrupted run failed")
        whole = time.monotonic() - began
        kills = 0
        while kills < KILLS:
            process = start("killed", "--resume")
            try:
                code = process.wait(draw.uniform(0.1, 0.6) * whole)
                print(f"finished with {code} before kill {kills + 1}; starting over")
                if code != 0:
                    sys.exit("a resumed run failed")
                shutil.rmtree(folder / "killed")  # a finished run would be resumed as finished
                continue
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                print(f"killed {kills} times", flush=True)
        code = start("killed", "--resume").wait()
        digests = [digest(folder / name / "model_quantized_int8_io.tflite") for name in ("whole", "killed")]
    print(f"exit code {code}, INT8 bytes {'the same' if digests[0] == digests[1] else 'DIFFERENT'}: {digests}")
    sys.exit(code != 0 or digests[0] != digests[1])


def digest(path: Path) -> str:
    """The start of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
