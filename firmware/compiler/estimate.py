"""What a model takes, without any C: enough to compare thousands of networks before one of them is trained.

The arenas depend on the layers' shapes alone: which weights are zero changes neither a plane nor a kernel's scratch.
They take most of the time, so whoever looks at a network with other zeros passes them on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from firmware.compiler import tflite
from firmware.compiler.kernels import kernels
from firmware.compiler.lower import lower
from firmware.compiler.plan import plans


class Arenas(NamedTuple):
    """Bytes of both arenas: with the input row by row, and with the whole input in it."""

    rows: int
    whole: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a model takes.

    Attributes:
        arenas: exact, every layer running once.
        constant_bytes: of all constant arrays.
        instructions: of one inference on RV32IMC, by the calibrated model of `cost.py`.
    """

    arenas: Arenas
    constant_bytes: int
    instructions: int


def estimate(tflite_bytes: bytes, *, file: str = "model.tflite", arenas: Arenas | None = None) -> Estimate:
    """Estimates a model; the figures are those of `compile_model`, which also proves the schedule.

    Args:
        tflite_bytes: an int8 `.tflite` file's bytes.
        file: how errors name it.
        arenas: of the same network with other weights, where they are known.

    Raises:
        FormatError, ExportError, LimitError: as of `compile_model`.
    """
    program = lower(tflite.read(tflite_bytes, file))
    made = kernels(program)
    if arenas is None:
        whole, rows = plans(program, [kernel.scratch for kernel in made])
        arenas = Arenas(rows.arena, whole.arena)
    return Estimate(arenas, sum(kernel.bytes for kernel in made), sum(kernel.instructions for kernel in made))
