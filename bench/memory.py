"""How much memory a run takes whose arrays are larger than that.

    python -m bench.memory FOLDER [GIGABYTES] [OPTION ...]

FOLDER gets black 160x160 pictures of two classes, in float32 as Edge Impulse writes them, in a sparse file that takes
no space on the disk (8 GB of them by default); and the run, which goes on where an earlier one was stopped. Printed is
the largest resident set, against what docs/explanation/durations.md says. The options are those of `ei-train train`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from bench.bench_conversion import ROOT

BOUND = 5 << 30  # bytes, in docs/explanation/durations.md
SHAPE = (160, 160, 3)
HELD = 64  # pictures for validation
QUICK = ["--epochs", "1", "--fine-tune-epochs", "1", "--min-steps", "0", "--resume"]


def main() -> None:
    """Makes what is missing, trains, and ends with 1 where the bound is passed."""
    folder = Path(sys.argv[1]).resolve()
    gigabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 8.0
    data = folder / f"arrays{gigabytes:g}"
    if not data.exists():
        draw(data, int(gigabytes * 1e9) // (4 * int(np.prod(SHAPE))))
    command = [sys.executable, "-m", "train", "train", "--data-directory", str(data)]
    command += ["--out-directory", str(folder / f"out{gigabytes:g}"), *QUICK, *sys.argv[3:]]
    began = time.monotonic()
    process = os.posix_spawn(sys.executable, command, os.environ | {"PYTHONPATH": str(ROOT)})
    for number in (signal.SIGINT, signal.SIGTERM):  # they stop the run, and what it took is printed
        signal.signal(number, signal.SIG_IGN)
    _, status, usage = os.wait4(process, 0)
    peak = usage.ru_maxrss * 1024
    print(
        f"{gigabytes:g} GB of arrays: exit {os.waitstatus_to_exitcode(status)}, {time.monotonic() - began:.0f} s, "
        f"peak {peak / 2**30:.2f} GiB of at most {BOUND / 2**30:g}"
    )
    sys.exit(peak > BOUND)


def draw(folder: Path, rows: int) -> None:
    """Writes arrays of that many training rows."""
    folder.mkdir(parents=True)
    for part, count in (("train", rows), ("test", HELD)):
        np.lib.format.open_memmap(folder / f"X_split_{part}.npy", "w+", np.float32, (count, *SHAPE))
        np.save(folder / f"Y_split_{part}.npy", np.eye(2, dtype=np.float32)[np.arange(count) % 2])
    info = {"classes": ["a", "b"], "mode": "classification", "inputShapeString": str(SHAPE), "yType": "npy"}
    (folder / "train_input.json").write_text(json.dumps(info | {"imageInputScaling": "0..1"}))


if __name__ == "__main__":
    main()
