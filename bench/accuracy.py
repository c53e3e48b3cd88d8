"""Accuracy of everything on the pictures people have: linear probe, head, dense, pruned, INT8, against both baselines.

    python -m bench.accuracy [--shared ../shared] [--out accuracy] [--sets trashnet6,...] [--seeds 1,2,3] [--only ...]

Each set of SHARED/data is split 64/16/20 by each seed; 20 and 50 pictures a class are drawn from its training set, a
quarter as many from validation, and the whole testing set stays. Every run becomes a line of OUT/runs.jsonl, and what
is there is not run again, so it may be stopped at any time and go on; a whole one takes hours. In the end come
OUT/accuracy.md, a table of means over the seeds, and OUT/sparsity.svg, accuracy against sparsity for trashnet6.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from bench.bench_conversion import ei_train

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_{}_no_top.h5"
SIZES = {"trashnet6": (160, 224), "sign-digits10": (96, 96), "rubbish4": (96, 96)}  # pixels; which weights
FEW = (20, 50)  # training pictures a class
OPTIONS: dict[str, tuple[str, ...]] = {
    "default": (),
    "uniform": ("--sparsity-allocation", "uniform"),
    "thorough": ("--effort", "thorough"),
    "quick": ("--effort", "quick"),
    "dense": ("--no-prune",),
    "dense thorough": ("--no-prune", "--effort", "thorough"),
    "sparsity 0.5": ("--final-sparsity", "0.5"),
    "sparsity 0.7": ("--final-sparsity", "0.7"),
    "sparsity 0.9": ("--final-sparsity", "0.9"),
}
BASELINES = ("as-written", "wired")
ON_FEW = ("default", "dense")
ON_WHOLE = ("default", "uniform", "thorough", "quick", "dense", "dense thorough")
SWEEP = {"dense": 0.0, "sparsity 0.5": 0.5, "sparsity 0.7": 0.7, "default": 0.8, "sparsity 0.9": 0.9}
SWEPT = "trashnet6"


@dataclass(frozen=True, slots=True)
class Run:
    """One training: of which pictures, how, with which seed; `few` pictures a class, or all of them."""

    set: str
    few: int | None
    method: str
    seed: int

    @property
    def key(self) -> str:
        """Its name in the file of runs."""
        return f"{self.set}/{self.few or 'all'}/{self.method}/{self.seed}"


def main() -> None:
    """Runs what is missing, then writes the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the reference data")
    parser.add_argument("--out", type=Path, default=Path("accuracy"), help="where the results go")
    parser.add_argument("--sets", default=",".join(SIZES), help="which sets")
    parser.add_argument("--seeds", default="1,2,3", help="which seeds")
    parser.add_argument("--only", default="", help="which methods; all by default")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "runs.jsonl"
    done = read_runs(file)
    runs = list(planned(asked.sets.split(","), [int(seed) for seed in asked.seeds.split(",")]))
    runs = [run for run in runs if not asked.only or run.method in asked.only.split(",")]
    for number, run in enumerate(runs, start=1):
        if run.key not in done:
            print(f"{number} of {len(runs)}: {run.key}", flush=True)
            done[run.key] = measured(run, asked.shared.resolve())
            with file.open("a") as stream:
                stream.write(json.dumps({"run": run.key, **done[run.key]}) + "\n")
    (asked.out / "accuracy.md").write_text(table(runs, done))
    (asked.out / "sparsity.svg").write_text(image(done))
    print(table(runs, done))


def read_runs(file: Path) -> dict[str, dict[str, Any]]:
    """What was measured before; a line that was cut short counts as missing."""
    found = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[values.pop("run")] = values
    return found


def planned(sets: list[str], seeds: list[int]) -> Iterator[Run]:
    """Every run, the first seed of everything first."""
    for seed in seeds:
        for name in sets:
            for few in FEW:
                yield from (Run(name, few, method, seed) for method in (*ON_FEW, *BASELINES))
            yield from (Run(name, None, method, seed) for method in (*ON_WHOLE, *BASELINES))
            if name == SWEPT:
                yield from (Run(name, None, method, seed) for method in SWEEP if method not in ON_WHOLE)


def measured(run: Run, shared: Path) -> dict[str, Any]:
    """Trains once, from pictures to files, and gives test accuracies and seconds."""
    side, trained_at = SIZES[run.set]
    weights = shared / WEIGHTS.format(trained_at)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ei_train(
            *("split", shared / "data" / run.set, folder / "whole", "--seed", run.seed),
            *("--train", 0.64, "--validation", 0.16, "--test", 0.20),
        )
        data = folder / "whole" if run.few is None else thinned(folder / "whole", folder / "few", run)
        if run.method in BASELINES:
            return baseline(run, data, folder, shared, weights, side)
        started = time.monotonic()
        code = ei_train(
            *("train", "--data-directory", data, "--out-directory", folder / "out", "--weights", weights),
            *("--image-size", side, "--seed", run.seed, *OPTIONS[run.method]),
        )
        seconds = time.monotonic() - started
        report = json.loads((folder / "out/report.json").read_text())
    return {
        "probe": report["unpruned"]["linear probe"]["testing"],
        "head": report["unpruned"]["head"]["testing"],
        "float": report["metrics"]["float32"]["testing"]["accuracy"],
        "int8": report["metrics"]["int8"]["testing"]["accuracy"],
        "validation": report["metrics"]["float32"]["validation"]["accuracy"],
        "sparsity": report["sparsity"]["prunable"],
        "bytes": report["files"]["model_quantized_int8_io.tflite"],
        "seconds": round(seconds, 1),
        "code": code,
    }


def baseline(run: Run, data: Path, folder: Path, shared: Path, weights: Path, side: int) -> dict[str, Any]:
    """What people write themselves, on the same pictures."""
    ei_train("convert", data, folder / "arrays", "--to", "arrays", "--image-size", side)
    command = [sys.executable, shared / "baseline/seed_recipe.py", run.method, folder / "arrays", weights, folder / "b"]
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=True)
    log = json.loads(done.stdout.splitlines()[-1])
    return {
        "float": log["holdout"]["float"],
        "int8": log["holdout"]["int8"],
        "sparsity": log["sparsity"],
        "bytes": log["int8_bytes"],
        "seconds": log["s_total"],
    }


def thinned(whole: Path, few: Path, run: Run) -> Path:
    """The set with that many training pictures a class, a quarter as many for validation, and the same testing set."""
    from ei_compat.dataset.dataset import Category, ClassLabel
    from ei_compat.formats import open_dataset, write_dataset

    assert run.few is not None
    dataset, draw = open_dataset(whole), np.random.default_rng(run.seed)
    kept = [sample for sample in dataset.samples if sample.category is Category.TESTING]
    for category, count in ((Category.TRAINING, run.few), (Category.VALIDATION, run.few // 4)):
        for label in dataset.labels:
            own = [s for s in dataset.samples if s.category is category and s.label == ClassLabel(label)]
            kept += [own[row] for row in sorted(draw.permutation(len(own))[:count])]
    write_dataset(replace(dataset, samples=tuple(kept)), few, "ei-export")
    return few


def table(runs: list[Run], done: dict[str, dict[str, Any]]) -> str:
    """Means over the seeds that were run, a row for each set and method."""
    rows: dict[tuple[str, int | None, str], list[dict[str, Any]]] = {}
    for run in runs:
        if run.key in done:
            rows.setdefault((run.set, run.few, run.method), []).append(done[run.key])
    columns = ("probe", "head", "float", "int8", "sparsity")
    lines = [
        f"| set | a class | method | {' | '.join(columns)} | seconds | seeds | missed |",
        f"|---|---|---|{'---|' * (len(columns) + 3)}",
    ]
    for (name, few, method), results in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1] or 10**6)):
        cells = [f"{mean(r[c] for r in results):.3f}" if c in results[0] else "" for c in columns]
        missed = sum(r.get("code", 0) != 0 for r in results)
        seconds = mean(r["seconds"] for r in results)
        lines.append(
            f"| {name} | {few or 'all'} | {method} | {' | '.join(cells)} | {seconds:.0f} | {len(results)} | {missed} |"
        )
    return "\n".join(lines) + "\n"


def image(done: dict[str, dict[str, Any]]) -> str:
    """Test accuracy of INT8 against sparsity, a dot for each run and a line through the means, as SVG."""
    width, height, low, high = 480, 300, 0.60, 0.90

    def place(sparsity: float, accuracy: float) -> str:
        return f"{50 + sparsity * (width - 70):.1f},{height - 40 - (accuracy - low) / (high - low) * (height - 60):.1f}"

    dots, line = [], []
    for method, sparsity in SWEEP.items():
        found = [v["int8"] for k, v in done.items() if k.startswith(f"{SWEPT}/all/{method}/")]
        dots += [place(sparsity, value) for value in found]
        line += [place(sparsity, mean(found))] if found else []
    marks = [0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90]
    texts = [(*place(0, m).split(","), f"{m:.2f}", "end", -8, 4) for m in marks]
    texts += [(*place(s, low).split(","), f"{s:g}", "middle", 0, 18) for s in SWEEP.values()]
    caption = f"share of zero weights; INT8 test accuracy on {SWEPT}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        *(f'<polyline points="{place(0, m)} {place(1, m)}" stroke="#ddd"/>' for m in marks),
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#1565c0" stroke-width="2"/>',
        *('<circle cx="{}" cy="{}" r="3" fill="#1565c0"/>'.format(*dot.split(",")) for dot in dots),
        *(
            f'<text x="{float(x) + dx}" y="{float(y) + dy}" font-size="11" text-anchor="{anchor}">{text}</text>'
            for x, y, text, anchor, dx, dy in texts
        ),
        f'<text x="{width / 2}" y="{height - 6}" font-size="11" text-anchor="middle">{caption}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
