"""A finished run's folder and an evaluation, made without training: what pages are drawn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ei_compat.block.run_folder import CONFIG, EXPLORER, FLOAT_FILE, INT8_FILE, LABELS, PREDICTIONS, REPORT
from ei_compat.core.progress import SILENT
from ei_compat.dataset.reading import Reading
from train.checks import Check
from train.inspection.board import Board, Needs
from train.inspection.layers import Kernel, LayerError
from train.methods.state import Epoch
from train.recipe import Recipe
from train.reporting.findings import Findings, Seen, look_at_data
from train.result import as_document
from train.runs.predictions import predictions_text
from train.runs.report import Report
from train.samples import Samples, TrainingData
from train.scaling import Scaling
from train.sparsity import Sparsity
from train.tasks import TASKS, Answered, Task
from train.trained.comparison import Comparison, Difference
from train.trained.evaluation import Evaluation, Sure
from train.trained.model import Model
from train.trained.sets import Sets

SIDE = 32
HOSTILE = "<script>alert('x')</script> & \"co\".png"  # a file's name
BOARD = Board(
    own=Needs(81_484, 251_478, 60_171_271, {"ESP32": 376.1, "ESP32-S3": 376.1}),
    tflm=Needs(384_000, 797_768, 279_811_830, {"ESP32": 1748.9, "ESP32-S3": 1748.9}),
    rows_ram_bytes=33_964,
    flash_method="estimate",
    instructions_method="estimate",
    chips={"ESP32": "x 1.5 / 240 MHz", "ESP32-S3": "x 1.5 / 240 MHz"},
    macs=29_767_216,
    nonzero=129_490,
    weights=554_464,
)


def task_of(kind: str, labels: Sequence[str] = ("cat", "dog", "cow & calf")) -> Task:
    """A task of three classes, or of a number."""
    names = labels if kind == "classification" else ("value",)
    return TASKS.named(kind).of_rows(names, np.empty((0, len(names))))


def data_of(task: Task, counts: Mapping[str, int], seed: int = 1) -> tuple[TrainingData, dict[str, np.ndarray]]:
    """Coloured noise, and features that know the targets; a copy in two sets, and a label that is wrong."""
    random, sets, features = np.random.default_rng(seed), {}, {}
    for name, count in counts.items():
        if task.name == "classification":
            y = (np.arange(count) % len(task.labels)).astype(np.int32)
            hue, known = y, np.eye(len(task.labels))[y]
        else:
            y = random.uniform(-50, 50, count).astype(np.float32)
            hue, known = (y > 0).astype(int), y[:, np.newaxis] / 50
        x = random.integers(0, 150, (count, SIDE, SIDE, 3), np.uint8)
        x[np.arange(count), :, :, hue % 3] += 100
        names = [f"{name}/picture{number}.png" for number in range(count)]
        names[1] = f"{name}/{HOSTILE}"
        features[name] = np.concatenate([3 * known, random.normal(0, 0.3, (count, 10))], axis=1).astype(np.float32)
        sets[name] = Samples(x, y, names)
    sets["testing"].x[0] = sets["training"].x[0]
    wrong = sets["training"].y
    wrong[5] = (wrong[5] + 1) % len(task.labels) if task.name == "classification" else wrong[5] + 60
    data = TrainingData(
        task, sets["training"], sets["validation"], sets["testing"], "folders", (("broken.png", "is empty"),),
        Reading(files=sum(counts.values()) + 1), Scaling.of("0..1", 3), None, None, "",
    )  # fmt: skip
    return data, features


def outputs_of(task: Task, y: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Answers that are mostly right."""
    random = np.random.default_rng(seed)
    if task.name == "regression":
        return (y + random.normal(0, 20 * noise, len(y)))[:, np.newaxis].astype(np.float32)
    logits = 3 * np.eye(len(task.labels))[y] + random.normal(0, 4 * noise, (len(y), len(task.labels)))
    powers = np.exp(logits)
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def history_of() -> list[Epoch]:
    """Two phases."""
    phases = [("head", epoch) for epoch in (1, 2, 3)] + [("finetune", epoch) for epoch in (1, 2, 3, 4)]
    return [
        Epoch(phase, epoch, 1 / at, 0.5 + 0.05 * at, 1.2 / at, 0.5 + 0.04 * at, 0.001, 0.1 * at, 1.0)
        for at, (phase, epoch) in enumerate(phases, 1)
    ]


def make_evaluation(
    kind: str = "classification",
    *,
    files: Sequence[str] = ("float32", "int8"),
    own: bool = False,
    counts: Mapping[str, int] | None = None,
    threshold: float | None = None,
    against: bool = False,
) -> Evaluation:
    """A model on drawn samples, and against another that is wrong on other ones; no model file is there."""
    task = task_of(kind)
    data, _ = data_of(task, {"training": 12, "validation": 12, "testing": 40} if counts is None else counts)
    wanted = ("validation", "testing") if own else ("testing",)
    samples = {name if own else "all": data.sets()[name] for name in wanted}
    noise = {"float32": 0.4, "int8": 0.5}
    outputs = {f: {name: outputs_of(task, each.y, noise[f], 7) for name, each in samples.items()} for f in files}
    scored = {f: {name: task.score(samples[name].y, said) for name, said in outputs[f].items()} for f in files}
    model = Model(Path("out"), dict.fromkeys(files, b"none"), task, (SIDE, SIDE, 3), Scaling.of("0..1", 3), None)
    deployed = outputs[model.deployed]
    right = {name: task.measure(samples[name].y, said) > 0 for name, said in deployed.items()}
    sure = {
        name: Sure(int((said.max(axis=1) >= threshold).sum()), int(right[name].sum()) // 2, len(said))
        for name, said in (deployed.items() if threshold is not None else ())
    }
    differences = {
        name: Difference(0.8, 0.6, tuple(each.names[:9]), tuple(each.names[9:11]), len(each), 3)
        for name, each in samples.items()
    }
    return Evaluation(
        model, Path("new data"), Sets(samples, frozenset(), own, "folders", data.broken), outputs, scored, threshold,
        sure, Comparison(Path("other"), differences) if against else None,
    )  # fmt: skip


def make_run(
    folder: Path, kind: str = "classification", counts: Mapping[str, int] | None = None, **changes: Any
) -> Report:
    """Writes the files of a run into a new folder and returns its report.

    Args:
        folder: of the run.
        kind: of task.
        counts: samples of each set.
        changes: of the report.
    """
    task = task_of(kind)
    data, features = data_of(task, counts or {"training": 60, "validation": 24, "testing": 36})
    held = {name: samples for name, samples in data.sets().items() if name != "training"}
    sets = {
        name: Answered(
            samples.names,
            samples.y,
            {"float32": outputs_of(task, samples.y, 0.4, 7), "int8": outputs_of(task, samples.y, 0.5, 7)},
        )
        for name, samples in held.items()
    }
    found = Findings(SILENT)
    look_at_data(found, data, sets, Seen(features, frozen=True), 1)
    report = Report(
        **{
            "task": task.name,
            "classes": task.labels,
            "samples": {name: len(samples) for name, samples in data.sets().items()},
            "broken": data.broken,
            "reading": data.reading.as_json(),
            "metrics": {
                kind: {name: task.score(each.y, each.outputs[kind]) for name, each in sets.items()}
                for kind in ("float32", "int8")
            },
            "unpruned": {"linear probe": dict.fromkeys(sets, 0.8), "head": dict.fromkeys(sets, 0.82)},
            "sparsity": Sparsity(0.8, 0.76, 0.8, {"Conv1/kernel": 0.5, "y_pred/kernel": 0.85}),
            "checks": [Check("zeros in the INT8 file at least", 0.8, 0.8, met=True), Check("odd", 0.1, 0.2, met=False)],
            "seconds": {"prepare": 1.5, "total": 75.0},
            "peak_memory_bytes": 1_970_000_000,
            "files": {FLOAT_FILE: 2_282_000, INT8_FILE: 797_768},
            "history": history_of(),
            "best_epochs": {"head": 2, "finetune": 4},
            "resumed": False,
            "command": "ei-train train --data-directory 'my data' --out-directory out",
            **found.parts,
            "board": BOARD,
            "kernels": (Kernel("Conv1", 432, 0.5, 0.5, 0.5), Kernel("y_pred", 384, 0.85, 0.85, None)),
            "layers": (LayerError("Conv1", "CONV_2D", 0.011), LayerError("y_pred", "FULLY_CONNECTED", 0.08)),
        }
        | changes
    )
    folder.mkdir()
    config = {
        "recipe": Recipe(seed=9).model_dump(mode="json"),
        "input_shape": [SIDE, SIDE, 3],
        "classes": list(task.labels),
        "data": {"format": "folders", "sha256": "5" * 64},
        "versions": {"ei-train": "0.2.0", "numpy": "2"},
    }
    files = {
        INT8_FILE: b"not looked at",
        LABELS: "\n".join(task.labels).encode(),
        PREDICTIONS: predictions_text(task, sets).encode(),
        CONFIG: json.dumps(config).encode(),
        EXPLORER: found.explorer,
        REPORT: json.dumps(as_document(report)).encode(),
    }
    for name, content in files.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return report
