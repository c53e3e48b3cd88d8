"""Kills a deterministic run in every phase and between them, resumes it each time, and compares the bytes at the end.

    python -m bench.kill [SEED]

The moments are those of `MOMENTS`, in this order, each a little later as the seed draws it; one that had passed when
the run was killed before is named and left out. The run starts from weights, which it makes: features and answers are
constants then. Every process is killed with SIGKILL.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.bench_conversion import ROOT, ei_train

OPTIONS = [
    *("--image-size", "64", "--epochs", "4", "--fine-tune-epochs", "5", "--qat-epochs", "2", "--min-steps", "0"),
    *("--batch-size", "8", "--ensure-determinism", "--max-int8-drop", "1", "--max-prune-drop", "1"),
]
FILES = ("model.tflite", "model_quantized_int8_io.tflite")
Seen = Callable[[str, Path], bool]


def printed(text: str) -> Seen:
    """Whether the log so far holds the text."""
    return lambda log, _: text in log


def written(name: str) -> Seen:
    """Whether the file is there."""
    return lambda _, out: (out / name).exists()


MOMENTS: dict[str, tuple[Seen, float]] = {  # what shows that it has come, and up to how many seconds later to kill
    "while features are computed": (printed("Using batch size"), 2),
    "on the head": (printed("steps of the head"), 0.5),
    "after an epoch of the head": (printed("Epoch 1/4"), 0.05),
    "between head and fine-tuning": (printed("Epoch 4/4"), 1),
    "while the beginning is pruned, or in fine-tuning's first step": (printed("Going on in"), 15),
    "before the masks are final": (printed("Epoch 1/5"), 0.2),
    "after the masks are final": (printed("Epoch 3/5"), 0.2),
    "on the way to INT8": (printed("Epoch 5/5"), 5),
    "in quantisation-aware training": (printed("Epoch 1/2"), 0.2),
    "while float is converted": (printed("Finished training"), 1),
    "while INT8 is converted": (written("model.tflite"), 0.5),
    "while the models are exported": (written("model_quantized_int8_io.tflite"), 0.5),
    "while the files are measured": (written("model.h5.zip"), 0.05),
}


def main() -> None:
    """Prints what happened, and ends with 1 where the bytes differ."""
    draw = random.Random(sys.argv[1] if len(sys.argv) > 1 else 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ei_train("demo", folder / "demo", "--per-class", "12")
        make_weights(folder / "weights.h5")
        if start(folder, "whole").wait() != 0:
            sys.exit("the uninterrupted run failed")
        moments = list(MOMENTS)
        while moments:
            moments = kill(folder, moments, draw)
        code = start(folder, "killed", "--resume").wait()
        good = code == 0
        for name in FILES:
            digests = [digest(folder / out / name) for out in ("whole", "killed")]
            good &= digests[0] == digests[1]
            print(f"{name}: {'the same bytes' if digests[0] == digests[1] else 'DIFFERENT'}, {digests}")
    print(f"exit code {code}")
    sys.exit(not good)


def make_weights(path: Path) -> None:
    """Writes weights as ImageNet's are stored, but random."""
    code = (
        "import sys, tf_keras as keras; keras.utils.set_random_seed(1); keras.applications.MobileNetV2("
        "input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None).save_weights(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def start(folder: Path, out: str, *more: str) -> subprocess.Popen[bytes]:
    """Starts the run; what it prints goes to a file beside its folder."""
    command = [sys.executable, "-m", "train", "--data-directory", folder / "demo", "--out-directory", folder / out]
    with (folder / f"{out}.log").open("wb") as log:
        return subprocess.Popen(
            [*map(str, command), "--weights", str(folder / "weights.h5"), *OPTIONS, *more],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}, stdout=log,
        )  # fmt: skip


def kill(folder: Path, moments: list[str], draw: random.Random) -> list[str]:
    """Resumes the run and kills it at the first of the moments, or a later one if that had passed; returns the rest."""
    out, log = folder / "killed", folder / "killed.log"
    process = start(folder, "killed", "--resume")
    come: list[str] = []
    while not come:
        if process.poll() is not None:
            sys.exit(
                f"ended with {process.returncode} before it could be killed {moments[0]}: {log.read_text()[-300:]}"
            )
        time.sleep(0.005)
        text = log.read_text()
        come = [what for what in moments if MOMENTS[what][0](text, out)]
    time.sleep(draw.uniform(0, MOMENTS[come[0]][1]))
    process.send_signal(signal.SIGKILL)
    process.wait()
    index = moments.index(come[0])
    for what in moments[:index]:
        print(f"passed {what}")
    print(f"killed {come[0]}", flush=True)
    return moments[index + 1 :]


def digest(path: Path) -> str:
    """The start of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


if __name__ == "__main__":
    main()
