"""How good the files are: both `.tflite` files are run as they are, through LiteRT.

The INT8 file runs on LiteRT's reference kernels, which give the bytes that a microcontroller gives; the default
kernels for x86 and ARM round differently by a few steps.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.progress import SILENT, Progress
from train import backend

if TYPE_CHECKING:
    from train.data import Samples

SMALLEST_PROBABILITY = 1e-7  # keeps the loss finite where INT8 rounds a probability to zero, as Keras does


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One class: precision, recall and F1 are shares, support is its number of samples."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """One file on one set.

    Attributes:
        accuracy: share of samples whose most probable class is theirs.
        loss: mean cross-entropy in nats.
        precision, recall, f1: unweighted means over the classes that occur.
        samples: how many were measured.
        confusion: rows are the true classes, columns the predicted ones.
        classes: scores by label.
    """

    accuracy: float
    loss: float
    precision: float
    recall: float
    f1: float
    samples: int
    confusion: list[list[int]]
    classes: dict[str, ClassScores]

    def as_json(self) -> dict[str, Any]:
        """The scores as JSON values."""
        return asdict(self)


def read_scores(document: Mapping[str, Any]) -> Scores:
    """The scores that `as_json` gave."""
    return Scores(**dict(document) | {"classes": {k: ClassScores(**v) for k, v in document["classes"].items()}})


def score(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> Scores:
    """Compares predictions [N, classes] with class indices [N]."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, predicted), 1)
    hits, support, claimed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision = hits / np.maximum(claimed, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + claimed, 1)
    seen = support > 0
    rows = zip(labels, precision, recall, f1, support, strict=True)
    likelihood = np.clip(probabilities[np.arange(len(truth)), truth], SMALLEST_PROBABILITY, 1.0)
    return Scores(
        accuracy=float(hits.sum() / len(truth)),
        loss=float(-np.log(likelihood).mean()),
        precision=float(precision[seen].mean()),
        recall=float(recall[seen].mean()),
        f1=float(f1[seen].mean()),
        samples=len(truth),
        confusion=confusion.tolist(),
        classes={label: ClassScores(float(p), float(r), float(f), int(n)) for label, p, r, f, n in rows},
    )


def predict(tflite: bytes, samples: Samples, *, name: str = "evaluate", progress: Progress = SILENT) -> np.ndarray:
    """Runs a classifier over every sample.

    Args:
        tflite: a model with one picture [1, H, W, C] in, float32 or int8, and probabilities [1, classes] out.
        samples: give what the model takes: uint8 pixels for [0, 1], or float32.
        name: of the task in the progress.
        progress: one step per sample.

    Returns:
        float32 probabilities [N, classes]; an INT8 model's are dequantised.
    """
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [rows for rows in np.array_split(np.arange(len(samples)), workers) if len(rows)]
    with backend.without_native_chatter():
        interpreters = [_interpreter(tflite) for _ in shares]
    stop = threading.Event()
    with progress.task(name, len(samples), "picture") as task, ThreadPoolExecutor(workers) as pool:
        parts = pool.map(_predict_rows, interpreters, repeat(samples), shares, repeat(task), repeat(stop))
        try:
            return np.concatenate(list(parts))
        finally:
            stop.set()  # an interrupted main thread does not wait for whole shares


def _interpreter(tflite: bytes) -> Any:
    """An interpreter of one thread, on reference kernels for an INT8 model."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    if interpreter.get_input_details()[0]["dtype"] == np.float32:
        interpreter = Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _predict_rows(interpreter: Any, samples: Samples, rows: np.ndarray, task: Any, stop: threading.Event) -> np.ndarray:
    """Runs a share of the samples; LiteRT lets go of Python's lock meanwhile."""
    entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = np.empty((len(rows), exit_["shape"][-1]), np.float32)
    for position, row in enumerate(rows):
        if stop.is_set():
            break
        interpreter.set_tensor(entry["index"], _quantised(samples.take(np.array([row]))[0], entry))
        interpreter.invoke()
        results[position] = _dequantised(interpreter.get_tensor(exit_["index"])[0], exit_)
        task.advance()
    return results


def _quantised(pixels: np.ndarray, entry: dict[str, Any]) -> np.ndarray:
    values = pixels.astype(np.float32) / 255 if pixels.dtype == np.uint8 else pixels
    if entry["dtype"] == np.float32:
        return values
    scale, zero_point = entry["quantization"]
    steps: np.ndarray = np.clip(np.round(values / scale) + zero_point, -128, 127)
    return steps.astype(np.int8)


def _dequantised(values: np.ndarray, exit_: dict[str, Any]) -> np.ndarray:
    if exit_["dtype"] == np.float32:
        return values
    scale, zero_point = exit_["quantization"]
    real: np.ndarray = (values.astype(np.float32) - zero_point) * scale
    return real


def prunable_weights(tflite: bytes) -> Iterator[np.ndarray]:
    """The stored weights of every convolution (not depthwise) and dense layer of a `.tflite` file."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = {schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED}
    dtypes = {schema.TensorType.INT8: np.int8, schema.TensorType.FLOAT32: np.float32}
    model = schema.Model.GetRootAs(tflite)
    graph = model.Subgraphs(0)
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) in kinds:
            tensor = graph.Tensors(operator.Inputs(1))
            yield model.Buffers(tensor.Buffer()).DataAsNumpy().view(dtypes[tensor.Type()])
