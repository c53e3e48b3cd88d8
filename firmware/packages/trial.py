"""Runs a package's C on this machine before it is given out: its self-test, and more inputs against the reference."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import ExportError
from ei_compat.core.words import counted
from firmware.compiler import CompiledTensor
from firmware.packages import native
from firmware.packages.library import library, sources
from firmware.packages.scaling import RANGES
from firmware.packages.spec import PackageSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS = 6  # besides the golden one
FLAGS = ("-std=c99", "-O1", "-I.")
TIMEOUT = 300  # seconds
MAIN = """
#include <stdio.h>
#include "self-test/ei_self_test.h"
#include "tflite-model/@name@.h"
static uint32_t arena[(@NAME@_ARENA_BYTES + 3u) / 4u];
int main(void)
{
    if (ei_self_test() != EI_IMPULSE_OK) {
        return 1;
    }
    while (fread(@name@_input(arena), 1, @NAME@_INPUT_BYTES, stdin) == @NAME@_INPUT_BYTES) {
        if (@name@_invoke(arena, sizeof arena) != EIT_OK) {
            return 1;
        }
        @outputs@
    }
    return 0;
}
"""


def run(spec: PackageSpec) -> int:
    """Compiles the library and runs it.

    Returns:
        How many inputs gave the reference's bytes; 0 where there is no C compiler.

    Raises:
        ExportError: a byte differs, or the C compiler fails.
    """
    compiler = native.own_compiler()
    if compiler is None:
        return 0
    model = spec.model
    ends = [f"_{i}" if i else "" for i in range(len(model.outputs))]
    writes = " ".join(f"fwrite(@name@_output{e}(arena), 1, @NAME@_OUTPUT{e}_BYTES, stderr);" for e in ends)
    main = MAIN.replace("@outputs@", writes).replace("@name@", model.name).replace("@NAME@", model.name.upper())
    contents = library(spec) | {"main.c": main.encode()}
    values = inputs(model.input)
    with tempfile.TemporaryDirectory() as name:
        program = native.build(Path(name), contents, sources(contents), FLAGS, compiler)
        try:
            done = subprocess.run(
                [str(program)], input=values.tobytes(), capture_output=True, check=False, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise _wrong(f"does not end within {TIMEOUT} s", spec) from None
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip().splitlines()
        raise _wrong(f"fails its self-test ({said[0] if said else f'status {done.returncode}'})", spec)
    wanted = np.stack([spec.reference(row) for row in values])
    given = np.frombuffer(done.stderr, np.uint8).reshape(wanted.shape)
    wrong = int((given != wanted).any(axis=1).sum())
    if wrong:
        raise _wrong(f"gives other bytes than the reference on {wrong} of {counted(len(values), 'input')}", spec)
    return len(values) + 1


def inputs(tensor: CompiledTensor) -> NDArray[np.int8] | NDArray[np.uint8]:
    """Inputs that meet what a sweep or a test card does not: noise, extremes, waves; one a row."""
    size = int(np.prod(tensor.shape))
    low, high = RANGES[tensor.dtype]
    rng = np.random.default_rng(20)
    waves = np.sin(np.arange(size) * np.array([[0.02], [0.31]])) * 127.5 + (low + high) / 2
    noise = rng.integers(low, high + 1, (2, size))
    extremes = np.where(noise > low + 128, high, low)
    values: NDArray[np.int8] | NDArray[np.uint8] = (
        np.concatenate([noise, extremes, np.rint(waves)])[:INPUTS].clip(low, high).astype(tensor.dtype)
    )
    return values


def _wrong(what: str, spec: PackageSpec) -> ExportError:
    fix = "this is a fault of ei-train or of the C compiler: please report it with the model"
    return ExportError(f"the compiled C {what}", where=spec.name, fix=fix)
