"""What a model takes on a microcontroller: flash, memory and instructions, per layer and in total.

Instructions are counted in QEMU on the ESP32-C3's instruction set where it is installed, and estimated by the
compiler's calibrated model otherwise; the result says which. Milliseconds are estimates in any case: instructions times
cycles per instruction over the clock. TensorFlow Lite Micro's side is what is known of it without running it: the whole
`.tflite` in flash, whole tensors in memory, and the instructions per multiply-accumulate that its kernels took on
MobileNetV2.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from firmware import qemu
from firmware.compiler import CompiledLayer, CompiledModel, compile_model, compiled_front

COUNTED, ESTIMATED = "qemu rv32imc", "estimate"
CODE_BYTES = 24000  # of the engine, where it cannot be built
TFLM_PER_MAC = 9.4  # RV32IMC instructions of TFLM with ESP-NN's generic kernels on MobileNetV2 0.35: 318.9 M for 33.9 M
BOARDS = (("ESP32-C3", 160, 1.5), ("ESP32", 240, 1.5), ("ESP32-S3", 240, 1.5))  # MHz, assumed cycles per instruction


@dataclass(frozen=True, slots=True)
class Estimate:
    """A time in milliseconds and how it was estimated."""

    milliseconds: float
    formula: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A model's needs; `method` and `flash_method` say how they were found, `stack_bytes` is None if unmeasured.

    `two_workers` are the instructions on two cores, the longer way between barriers each time, None if not counted.
    `arena_bytes` holds the whole input, `rows_arena_bytes` takes it row by row; `arena_bound` is the latter's least.
    """

    instructions: int
    two_workers: int | None
    method: str
    dense_instructions: int
    flash_bytes: int
    flash_method: str
    arena_bytes: int
    rows_arena_bytes: int
    arena_bound: int
    stack_bytes: int | None
    tflite_bytes: int
    tflm_arena_bytes: int
    tflm_instructions: int
    macs: int
    nonzero: int
    weights: int
    times: dict[str, Estimate]
    layers: tuple[CompiledLayer, ...]

    def as_json(self) -> dict[str, Any]:
        """The whole profile as JSON values."""
        return {
            "instructions": {
                "total": self.instructions,
                "two_workers": self.two_workers,
                "method": self.method,
                "dense_estimate": self.dense_instructions,
                "tflm_estimate": self.tflm_instructions,
            },
            "flash_bytes": self.flash_bytes,
            "flash_method": self.flash_method,
            "arena_bytes": self.arena_bytes,
            "rows_arena_bytes": self.rows_arena_bytes,
            "arena_bound": self.arena_bound,
            "stack_bytes": self.stack_bytes,
            "tflite_bytes": self.tflite_bytes,
            "tflm_arena_bytes_at_least": self.tflm_arena_bytes,
            "macs": self.macs,
            "nonzero": self.nonzero,
            "weights": self.weights,
            "times": {board: asdict(estimate) for board, estimate in self.times.items()},
            "layers": [asdict(layer) for layer in self.layers],
        }


def profile_model(tflite: bytes, *, file: str | os.PathLike[str] = "model.tflite", count: bool = True) -> Profile:
    """Profiles a model.

    Args:
        tflite: an int8 `.tflite` file's bytes.
        file: how errors name it.
        count: whether to count in QEMU where it is installed; without it everything is an estimate.

    Raises:
        FormatError, ExportError, LimitError: see `compile_model`; ExportError also where building or QEMU fails.
    """
    return profile_compiled(compile_model(tflite, name="model", file=os.fspath(file)), len(tflite), count=count)


def profile_compiled(model: CompiledModel, tflite_bytes: int, *, count: bool = True) -> Profile:
    """Profiles a model that is compiled already, from a file of so many bytes; see `profile_model`."""
    measured = qemu.measure(model, [_example(model)]) if count and qemu.available() else None
    counts = measured.layers if measured else tuple(layer.instructions for layer in model.layers)
    total = measured.instructions if measured else sum(counts)
    constants = sum(layer.bytes for layer in model.layers)
    return Profile(
        instructions=total,
        two_workers=measured.two_workers if measured else None,
        method=COUNTED if measured else ESTIMATED,
        dense_instructions=total + sum(layer.dense_instructions - layer.instructions for layer in model.layers),
        flash_bytes=measured.text + measured.data if measured else constants + CODE_BYTES,
        flash_method="linked for rv32imc" if measured else ESTIMATED,
        arena_bytes=model.arena_bytes,
        rows_arena_bytes=model.rows_arena_bytes,
        arena_bound=model.arena_bound,
        stack_bytes=measured.stack if measured else None,
        tflite_bytes=tflite_bytes,
        tflm_arena_bytes=model.whole_tensor_bytes,
        tflm_instructions=round(model.macs * TFLM_PER_MAC),
        macs=model.macs,
        nonzero=model.nonzero,
        weights=model.weights,
        times={board: _time(total, mhz, cycles) for board, mhz, cycles in BOARDS},
        layers=tuple(map(_counted, model.layers, counts)),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run a model: bytes of both arenas, estimated instructions, and the layers that run twice."""

    rows_arena_bytes: int
    arena_bytes: int
    instructions: int
    again: tuple[str, ...]


def front(tflite: bytes, *, file: str | os.PathLike[str] = "model.tflite") -> tuple[Choice, ...]:
    """Arena against instructions: every way to run a model that needs less memory than all that take fewer of them.

    Instructions are estimates. Errors as of `profile_model`.
    """
    return tuple(
        Choice(m.rows_arena_bytes, m.arena_bytes, sum(layer.instructions for layer in m.layers), m.again)
        for m in compiled_front(tflite, name="model", file=os.fspath(file))
    )


def profile_file(path: Path, *, count: bool = True) -> Profile:
    """Profiles a `.tflite` file; see `profile_model`."""
    return profile_model(path.read_bytes(), file=path, count=count)


def _example(model: CompiledModel) -> bytes:
    """A smooth picture with some noise: counts depend little on the input, and not at all on the run."""
    size = int(np.prod(model.input.shape))
    noise = np.random.default_rng(0).integers(-20, 21, size)
    return np.clip(60 * np.sin(np.arange(size) / 97) + noise, -128, 127).astype(np.int8).tobytes()


def _time(instructions: int, mhz: int, cycles: float) -> Estimate:
    formula = f"estimate: x {cycles} / {mhz} MHz"
    return Estimate(round(instructions * cycles / (mhz * 1000), 1), formula)


def _counted(layer: CompiledLayer, instructions: int) -> CompiledLayer:
    """A layer with its instructions as counted; what it would take dense differs by as much as estimated."""
    dense = instructions + layer.dense_instructions - layer.instructions
    return replace(layer, instructions=instructions, dense_instructions=dense)
