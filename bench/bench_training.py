"""How long a whole run takes, and how much memory, against the recipe that people use, in one run on one machine.

    python -m bench.bench_training [SHARED]

SHARED holds the reference data (default `../shared`). All train on the same arrays; measured is each process from its
start to its end, which for the recipe includes that it measures itself, some seconds. Wall time is what a user waits
for; CPU time says more where the machine is shared. Also shown: seconds per epoch of fine-tuning for 1x, 2x and 4x the
pictures, which must grow as they do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.bench_conversion import ROOT, WEIGHTS, ei_train

BARS = {"trashnet6 at 160": {"wired": 0.60, "as-written": 1.0}, "200 pictures at 96": {"as-written": 0.40}}
LINEAR = 0.25  # by how much an epoch of twice the pictures may miss twice the time
FEW = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process and those it started: seconds of wall and of CPU, and the largest resident set in bytes."""

    wall: float
    cpu: float
    memory: int


def main() -> None:
    """Prints the costs, their ratios and whether they are within the bars."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared").resolve()
    if not (shared / "baseline").is_dir():
        print(f"left out: {shared} has no baseline")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ei_train("split", shared / "data/trashnet6", folder / "split")
        ei_train("convert", folder / "split", folder / "large", "--to", "arrays", "--image-size", "160")
        ei_train("convert", folder / "split", folder / "all96", "--to", "arrays", "--image-size", "96")
        take(folder / "all96", folder / "small", FEW)
        missed = [
            not compare(name, shared, folder / arrays, folder)
            for name, arrays in zip(BARS, ("large", "small"), strict=True)
        ]
        missed.append(not epochs(shared, folder))
    sys.exit(any(missed))


def compare(name: str, shared: Path, arrays: Path, folder: Path) -> bool:
    """Whether our run on the arrays is within all bars of the name."""
    weights = shared / "weights" / (WEIGHTS if "160" in name else WEIGHTS.replace("224", "96"))
    out = folder / f"{arrays.name}-ours"
    ours = measure("-m", "train", "train", "--data-directory", arrays, "--out-directory", out, "--weights", weights)
    report = json.loads((out / "report.json").read_text())
    accuracy = {kind: by_set["testing"]["accuracy"] for kind, by_set in report["metrics"].items()}
    print(f"{name}: {ours.wall:.1f} s, {ours.cpu:.1f} CPU s, {ours.memory / 2**20:.0f} MiB")
    print("  " + ", ".join(f"{kind} {value:.3f}" for kind, value in accuracy.items()) + " of the testing set right")
    print("  of the time " + ", ".join(f"{lap} {s / ours.wall:.2f}" for lap, s in report["seconds"].items()))
    good = True
    for mode, bar in BARS[name].items():
        recipe = shared / "baseline/seed_recipe.py"
        theirs = measure(recipe, mode, arrays, weights, folder / f"{arrays.name}-{mode}")
        time_, cpu, memory = ours.wall / theirs.wall, ours.cpu / theirs.cpu, ours.memory / theirs.memory
        print(f"  of {mode}: {time_:.2f} of the time ({bar} asked), {cpu:.2f} of CPU, {memory:.2f} of memory")
        good &= time_ <= bar and (mode != "wired" or memory <= 1)
    return good


def epochs(shared: Path, folder: Path) -> bool:
    """Whether the time of an epoch grows with the pictures."""
    each = []
    for share in (4, 2, 1):
        take(folder / "all96", folder / f"part{share}", len(np.load(folder / "all96/Y_split_train.npy")) // share)
        out = folder / f"epochs{share}"
        command = ["train", "--data-directory", folder / f"part{share}", "--out-directory", out, "--min-steps", "0"]
        weights = shared / "weights" / WEIGHTS.replace("224", "96")
        ei_train(*command, "--weights", weights, "--fine-tune-epochs", "4", "--max-prune-drop", "1")
        history = json.loads((out / "report.json").read_text())["history"]
        each.append(min(line["seconds"] for line in history if line["phase"] == "finetune"))
    growth = [later / earlier for earlier, later in pairwise(each)]
    print(f"epochs of 1x, 2x, 4x the pictures: {', '.join(f'{s:.2f} s' for s in each)}")
    return all(value <= 2 * (1 + LINEAR) for value in growth)


def take(arrays: Path, into: Path, rows: int) -> None:
    """So many training rows of a folder of arrays, spread evenly, and of the other sets in proportion."""
    into.mkdir()
    for source in arrays.iterdir():
        if source.suffix == ".npy":
            array = np.load(source, mmap_mode="r")
            whole = len(np.load(arrays / "Y_split_train.npy", mmap_mode="r"))
            chosen = np.linspace(0, len(array) - 1, max(1, len(array) * rows // whole)).astype(int)
            np.save(into / source.name, array[chosen])
        else:
            (into / source.name).write_bytes(source.read_bytes())


def measure(*command: object) -> Cost:
    """Runs Python with these arguments; a check that is not met (exit code 5) does not matter here."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 5):
        sys.exit(process.returncode)
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
