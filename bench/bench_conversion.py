"""How long conversion takes against the recipe that people use, in one run on one machine.

    python -m bench.bench_conversion [SHARED]

SHARED holds the reference data (default `../shared`). Both train on the same arrays; only what each spends on turning
its trained network into a float and an INT8 file is compared. The bar is a quarter.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BAR = 0.25
WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"


def main() -> None:
    """Prints both times, their ratio and whether it is within the bar."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared").resolve()
    if not (shared / "baseline").is_dir():
        print(f"left out: {shared} has no baseline")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ei_train("split", shared / "data/trashnet6", folder / "split")
        ei_train("convert", folder / "split", folder / "arrays", "--to", "arrays", "--image-size", "160")
        theirs = baseline(shared, folder)
        weights = shared / "weights" / WEIGHTS
        ei_train(
            "train", "--data-directory", folder / "arrays", "--out-directory", folder / "ours", "--weights", weights
        )
        ours = json.loads((folder / "ours/report.json").read_text())["seconds"]
    spent = ours["convert_float"] + ours["convert_int8"]
    ratio = spent / theirs
    print(f"conversion: {spent:.1f} s, the recipe's {theirs:.1f} s, ratio {ratio:.3f}, at most {BAR} is asked for")
    sys.exit(ratio > BAR)


def baseline(shared: Path, folder: Path) -> float:
    """Seconds that the recipe spends on its two conversions."""
    command = [sys.executable, shared / "baseline/seed_recipe.py", "as-written", folder / "arrays"]
    done = subprocess.run(
        [*map(str, command), str(shared / "weights" / WEIGHTS), str(folder / "theirs")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    log = json.loads(done.stdout.splitlines()[-1])
    return float(log["s_convert_float"] + log["s_convert_int8"])


def ei_train(*arguments: object) -> int:
    """Runs the program; exit code 5, a check that is not met, is part of the result."""
    done = subprocess.run(
        [sys.executable, "-m", "train", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode not in (0, 5):
        sys.exit(done.returncode)
    return done.returncode


if __name__ == "__main__":
    main()
