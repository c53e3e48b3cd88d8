"""Drawn features, as arrays and as "Edit block locally" exports them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = 6


def windows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows [N, 12 * 6]: twelve readings of six axes, and how fast [N] the first axes swing, 0.4 to 2.

    The third axis stays where gravity holds it, and the last is a thousand times smaller than the others.
    """
    random = np.random.default_rng(seed)
    speed = random.uniform(0.4, 2.0, count)
    turn = random.uniform(0, 2 * np.pi, (count, 1)) + speed[:, None] * np.arange(12)
    axes = [8 * np.sin(turn), 5 * np.cos(turn), 9.8 + 0 * turn, 3 * turn % 7, np.sin(2 * turn), 0.002 * np.cos(turn)]
    x = np.stack(axes, axis=-1) + random.normal(0, 0.3, (count, 12, COLUMNS)) * [1, 1, 1, 1, 1, 1e-3]
    return x.reshape(count, -1).astype(np.float32), speed


def export(folder: Path, *, mode: str, count: int = 320, **info: Any) -> Path:
    """Such an export: `train_input.json`, a bare list of parameters, and `data/`; classes are slow, middle and fast."""
    x, speed = windows(count, seed=1)
    classes = ["fast", "middle", "slow"]
    kinds = 2 - np.digitize(speed, [0.9, 1.45])
    y = np.eye(3, dtype=np.float32)[kinds] if mode == "classification" else 100 * speed
    (folder / "data").mkdir(parents=True)
    held = count // 4
    for name, rows in (("train", slice(held, None)), ("test", slice(held))):
        np.save(folder / "data" / f"X_split_{name}.npy", x[rows])
        np.save(folder / "data" / f"Y_split_{name}.npy", y[rows])
    described = {
        "classes": classes if mode == "classification" else [], "mode": mode, "inputShapeString": f"({x.shape[1]},)",
        "yType": "npy", "printHWInfo": False, "trainTestSplit": 0.2, "stratifiedTrainTest": False, "convertInt8": True,
        "profileInt8": True, "skipEmbeddingsAndMemory": False, "syntiantTarget": False, "maxTrainingTimeSeconds": 1200,
        "remainingGpuComputeTimeSeconds": None, "isEnterpriseProject": False, "flattenDataset": False,
    }  # fmt: skip
    (folder / "train_input.json").write_text(json.dumps(described | info))
    parameters = [
        {"name": "Number of training cycles", "value": "30", "type": "int", "param": "epochs"},
        {"name": "Learning rate", "value": "0.005", "type": "float", "param": "learning-rate"},
    ]
    (folder / "parameters.json").write_text(json.dumps(parameters))
    return folder
