"""What the files say: both `.tflite` files are run as they are, through LiteRT.

The INT8 file runs on LiteRT's reference kernels, which give the bytes that a microcontroller gives; the default
kernels for x86 and ARM round differently by a few steps.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import DataError
from ei_compat.core.progress import SILENT, Progress
from ei_compat.media.pixels import quantize
from train import backend
from train.batches import as_float

if TYPE_CHECKING:
    from train.samples import Samples, Selected


@dataclass(frozen=True, slots=True)
class Tensors:
    """The one input and the one output of a model, as LiteRT describes them: `dtype`, `shape`, `quantization`."""

    input: dict[str, Any]
    output: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input, without the batch."""
        return tuple(int(side) for side in self.input["shape"][1:])

    @property
    def values(self) -> int:
        """How many the output has."""
        return int(np.prod(self.output["shape"]))

    @property
    def input_range(self) -> tuple[float, float] | None:
        """The least and the greatest value that the input can hold; None for floats."""
        if self.input["dtype"] is np.float32:
            return None
        ends, (scale, zero_point) = np.iinfo(self.input["dtype"]), self.input["quantization"]
        return float((ends.min - zero_point) * scale), float((ends.max - zero_point) * scale)


def describe(tflite: bytes, file: Path) -> Tensors:
    """What a model takes and gives.

    Raises:
        DataError: it is no model, or one that `predict` cannot run.
    """
    try:
        with backend.without_native_chatter():
            interpreter = _interpreter(tflite)
    except (ValueError, RuntimeError) as error:
        raise DataError(f"is no model that LiteRT can run ({error})", where=file, fix="give a .tflite file") from None
    entries, exits = interpreter.get_input_details(), interpreter.get_output_details()
    if len(entries) != 1 or len(exits) != 1:
        what = f"the model has {len(entries)} inputs and {len(exits)} outputs, not one of each"
        raise DataError(what, where=file, fix="give a classifier or a regression")
    kinds = {np.float32, np.int8, np.uint8}
    if any(tensor["dtype"] not in kinds for tensor in (*entries, *exits)) or entries[0]["shape"][0] != 1:
        raise DataError("the model takes or gives no single row of float32, int8 or uint8", where=file)
    return Tensors(entries[0], exits[0])


def predict(
    tflite: bytes, samples: Samples | Selected, *, name: str = "evaluate", progress: Progress = SILENT
) -> np.ndarray:
    """Runs a model over every sample.

    Args:
        tflite: a model with one picture [1, H, W, C] in, float32, int8 or uint8, and K outputs of one row out.
        samples: give what the model takes: uint8 pixels for [0, 1], or float32.
        name: of the task in the progress.
        progress: one step per sample.

    Returns:
        float32 outputs [N, K]; an INT8 model's are dequantised.
    """
    workers = backend.processors()
    shares = [rows for rows in np.array_split(np.arange(len(samples)), workers) if len(rows)]
    sessions = [Session(tflite) for _ in shares]
    stop = threading.Event()
    with progress.task(name, len(samples), "picture") as task, ThreadPoolExecutor(workers) as pool:
        parts = pool.map(_predict_rows, sessions, repeat(samples), shares, repeat(task), repeat(stop))
        try:
            return np.concatenate(list(parts))
        finally:
            stop.set()  # an interrupted main thread does not wait for whole shares


def predict_sets(
    tflite: bytes, kind: str, sets: Mapping[str, Samples], progress: Progress = SILENT
) -> dict[str, np.ndarray]:
    """What one file, `float32` or `int8`, says of every set: outputs [N, K], see `predict`."""
    return {name: predict(tflite, samples, name=f"{kind} {name}", progress=progress) for name, samples in sets.items()}


def _interpreter(tflite: bytes) -> Any:
    """An interpreter of one thread, on reference kernels for an INT8 model."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    if interpreter.get_input_details()[0]["dtype"] == np.float32:
        interpreter = Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


class Session:
    """A model ready to be run, one input at a time; of one thread.

    Args:
        tflite: see `predict`.
    """

    def __init__(self, tflite: bytes) -> None:
        with backend.without_native_chatter():
            self._interpreter = _interpreter(tflite)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    @property
    def outputs(self) -> int:
        """How many it gives."""
        return int(np.prod(self._output["shape"]))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Outputs float32 [K] of an input [1, ...]; LiteRT lets go of Python's lock meanwhile."""
        self._interpreter.set_tensor(self._input["index"], quantised(values, self._input))
        self._interpreter.invoke()
        return dequantised(self._interpreter.get_tensor(self._output["index"]).reshape(-1), self._output)


def _predict_rows(
    session: Session, samples: Samples | Selected, rows: np.ndarray, task: Any, stop: threading.Event
) -> np.ndarray:
    """Runs a share of the samples."""
    results = np.empty((len(rows), session.outputs), np.float32)
    for position, row in enumerate(rows):
        if stop.is_set():
            break
        results[position] = session(samples.take(np.array([row]))[0])
        task.advance()
    return results


def quantised(pixels: np.ndarray, entry: Mapping[str, Any]) -> np.ndarray:
    """What a model is given for values, by LiteRT's details of its input; float32 stays as it is."""
    values, dtype = as_float(pixels), np.dtype(entry["dtype"])
    if dtype == np.float32:
        return values
    scale, zero_point = entry["quantization"]
    return quantize(values, scale, zero_point, dtype.name)


def dequantised(values: np.ndarray, exit_: Mapping[str, Any]) -> np.ndarray:
    """The float32 that a tensor's values stand for, by LiteRT's details of it."""
    if exit_["dtype"] == np.float32:
        return values
    scale, zero_point = exit_["quantization"]
    real: np.ndarray = (values.astype(np.float32) - zero_point) * scale
    return real
