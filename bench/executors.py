"""Trains the same specs by `--executor local` and by `--executor ray`, and compares every byte that a run leaves.

    python -m bench.executors [--network] [TRIALS]

Real trainings of the demo data with --ensure-determinism, one at a time on all processors, MobileNetV2 at 32 pixels or,
with --network, two small convolutions. What holds times, paths or durations is left out, and named.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from pathlib import Path

from bench.bench_conversion import ei_train
from ei_compat.block.run_folder import CARD, CONFIG, EXPLORER, KERAS, LOG, PAGE, REPORT, RESULTS, SAVED_MODEL
from train.tuning.executors import Settings, open_executor
from train.tuning.subject import digest_of
from train.tuning.trials import Outcome, Spec

NETWORK = """
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Conv2D, Dense, Flatten, MaxPooling2D


def build(input_shape, classes):
    return Sequential(
        [
            Conv2D(8, 3, activation="relu", padding="same", input_shape=input_shape),
            MaxPooling2D(),
            Flatten(),
            Dense(classes, activation="softmax"),
        ]
    )
"""
VALUES = {"image_size": 32, "epochs": 1, "fine_tune_epochs": 2, "max_int8_drop": 1.0, "max_prune_drop": 1.0}
DATED = {REPORT, CONFIG, CARD, PAGE, LOG, EXPLORER, SAVED_MODEL, KERAS}  # durations, dates, or archives of dated files
Found = dict[str, dict[str, str]]  # the digest of each file, by trial


def main() -> None:
    """Compares; exit code 1 where something differs."""
    trials = int(next((word for word in sys.argv[1:] if word.isdigit()), "2"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        ei_train("demo", data, "--per-class", "20")
        values = VALUES | {"weights": "none"}
        if "--network" in sys.argv:
            (folder / "net.py").write_text(NETWORK)
            values = VALUES | {"network": str(folder / "net.py")}
        found = {each: _trained(each, data, folder / each, values, trials) for each in ("local", "ray")}
    print(f"compared {', '.join(name for name in RESULTS if name not in DATED)}; not {', '.join(sorted(DATED))}")
    same = found["local"] == found["ray"]
    print(f"{trials} trials, {sum(map(len, found['ray'].values()))} files: {'the same bytes' if same else found}")
    sys.exit(not same)


def _trained(executor: str, data: Path, root: Path, values: dict[str, object], trials: int) -> Found:
    began = time.monotonic()
    with_settings = open_executor(executor, Settings(workers=1))
    try:
        specs = [
            Spec(data, digest_of(data), root, tuple(sorted(values.items())), seed=seed, deterministic=True)
            for seed in range(1, trials + 1)
        ]
        outcomes: list[Outcome] = [with_settings.submit(spec).result() for spec in specs]
    finally:
        with_settings.close()
    for outcome in outcomes:
        assert outcome.metric is not None, outcome
    print(f"{executor}: {[outcome.metric for outcome in outcomes]} in {time.monotonic() - began:.0f} s")
    return {
        spec.digest: {
            name: hashlib.sha256((spec.folder / name).read_bytes()).hexdigest()
            for name in RESULTS
            if name not in DATED and (spec.folder / name).is_file()
        }
        for spec in specs
    }


if __name__ == "__main__":
    main()
