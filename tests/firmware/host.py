"""Builds a compiled model for this machine and runs it beside TensorFlow Lite's reference kernels."""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware.compiler import ENGINE, CompiledModel, compile_model
from firmware.compiler.config import CONFIG, EVERYTHING
from firmware.compiler.repair import without_stray_dimensions

Bytes = npt.NDArray[np.int8] | npt.NDArray[np.uint8]
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
PLAIN = ("-O1",)
SHIPPED = ("-DSHIPPED",)  # besides others: the engine cut down to what the one model uses, instead of all of it
WORKERS = ("-DEIT_WORKERS=2", "-pthread")
THREADS = ("-O1", "-g", "-fsanitize=thread", *WORKERS)
SANITIZED = ("-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# One model: reads inputs from stdin, writes outputs to stdout; the arenas are as small as allowed and full of rubbish
# each time. Each input is given both as a whole and row by row, every row once and in order; where that gives other
# bytes, the program ends with status 2.
RUN = """
#include "@.h"
static unsigned char @_bytes[#_INPUT_BYTES];
static uint32_t @_next;
static int @_read(void *context, uint32_t y, uint8_t *row)
{
    if (context != @_bytes || y != @_next++ || y >= #_INPUT_ROWS) {
        return 1;
    }
    for (uint32_t i = 0; i < #_INPUT_ROW_BYTES; i++) {
        row[i] = @_bytes[y * #_INPUT_ROW_BYTES + i] ^ FLIP;
    }
    return 0;
}
static int @_run(void)
{
    void *arena = malloc(#_ARENA_BYTES), *rows = malloc(#_ROWS_ARENA_BYTES);
    while (fread(@_bytes, 1, #_INPUT_BYTES, stdin) == #_INPUT_BYTES) {
        memset(arena, 0xa5, #_ARENA_BYTES);
        memset(rows, 0x5a, #_ROWS_ARENA_BYTES);
        memcpy(@_input(arena), @_bytes, #_INPUT_BYTES);
        @_next = 0;
        if (@_invoke(arena, #_ARENA_BYTES) != EIT_OK ||
            @_invoke_rows(rows, #_ROWS_ARENA_BYTES, @_read, @_bytes) != EIT_OK) {
            return 1;
        }
        OUTPUTS
    }
    free(arena);
    free(rows);
    return 0;
}
"""
OUTPUT = """if (memcmp(@_output$(arena), @_output$(rows), #_OUTPUT$_BYTES) != 0) {
            return 2;
        }
        fwrite(@_output$(arena), 1, #_OUTPUT$_BYTES, stdout);"""
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
RUNS
int main(int count, char **arguments)
{
    switch (count > 1 ? atoi(arguments[1]) : 0) {
        CASES
    }
    return 3;
}
"""


def _main(models: Sequence[CompiledModel]) -> str:
    """A program that runs the model whose number it is given, the first one if none."""
    runs, cases = [], []
    for number, model in enumerate(models):
        ends = [f"_{i}" if i else "" for i in range(len(model.outputs))]
        text = RUN.replace("OUTPUTS", "\n        ".join(OUTPUT.replace("$", end) for end in ends))
        flip = "0" if model.input.dtype == "uint8" else "0x80"
        for key, value in {"@": model.name, "FLIP": flip, "#_": f"{model.name.upper()}_"}.items():
            text = text.replace(key, value)
        runs.append(text)
        cases.append(f"case {number}: return {model.name}_run();")
    return MAIN.replace("RUNS", "\n".join(runs)).replace("CASES", "\n        ".join(cases))


def write(model: CompiledModel, folder: Path) -> list[str]:
    """Writes the generated files; returns everything to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in model.files.items():
        (folder / name).write_text(text)
    return [str(folder / f"{model.name}.c"), *(str(ENGINE / s) for s in model.engine_sources)]


@functools.cache
def everything() -> Path:
    """A folder with the `eit_config.h` of a model that would use all of the engine."""
    folder = Path(tempfile.mkdtemp(prefix="ei-train-engine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / CONFIG).write_text(EVERYTHING.header("tests"))
    return folder


@functools.cache
def _engine(flags: tuple[str, ...]) -> str:
    """The whole engine as a library, built once for each set of flags."""
    folder = Path(tempfile.mkdtemp(prefix="ei-train-engine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sources = [str(path) for path in sorted(ENGINE.glob("*.c"))]
    subprocess.run(["gcc", *WARNINGS, *flags, f"-I{everything()}", "-c", *sources], cwd=folder, check=True)
    objects = [str(path) for path in sorted(folder.glob("*.o"))]
    subprocess.run(["ar", "rc", str(folder / "engine.a"), *objects], check=True)
    return str(folder / "engine.a")


class Host:
    """A compiled model as a program of this machine."""

    def __init__(
        self, data: bytes, folder: Path, flags: tuple[str, ...] = PLAIN, model: CompiledModel | None = None
    ) -> None:
        self.model = model or compile_model(data, name="model")
        self.program = build([self.model], folder, flags)

    def __call__(self, values: Bytes) -> Bytes:
        """Output bytes, all outputs one after the other, one row per row of inputs."""
        done = subprocess.run([str(self.program)], input=values.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, (done.returncode, done.stderr.decode()[-2000:])
        return np.frombuffer(done.stdout, np.uint8).reshape(len(values), -1)


# Names that every generated source has for itself.
OWN = re.compile(r"\b(?:(?:row_)?(?:tensors|groups?\d*)|layer\d+_\w+|\w+_tiles_\d+|checked|engine_is_this_compilers)\b")


def _as_one(models: Sequence[CompiledModel], folder: Path) -> Path:
    """The generated sources in one file, which takes a compiler far less time."""
    text = []
    for model in models:
        write(model, folder)
        own = OWN.sub(rf"{model.name}_\g<0>", model.files[f"{model.name}.c"])
        text += [f"#undef PICTURE\n{own}"]
    path = folder / "generated.c"
    path.write_text("\n".join(text))
    return path


def build(models: Sequence[CompiledModel], folder: Path, flags: tuple[str, ...]) -> Path:
    """One program of several models, or with `SHIPPED` of one."""
    folder.mkdir(parents=True, exist_ok=True)
    generated = [str(_as_one(models, folder) if len(models) > 1 else write(models[0], folder)[0])]
    main, program = folder / "main.c", folder / "models"
    main.write_text(_main(models))
    if SHIPPED[0] in flags:
        [model] = models
        parts = [*flags, f"-I{ENGINE}", f"-I{folder}", *(str(ENGINE / name) for name in model.engine_sources)]
    else:
        parts = [*flags, f"-I{ENGINE}", f"-I{everything()}", f"-I{folder}", _engine(flags)]
    command = ["gcc", *WARNINGS, *generated, str(main), *parts]
    subprocess.run([*command, "-o", str(program)], check=True, capture_output=True, text=True)
    return program


def batch_mismatches(datas: list[bytes], folder: Path, count: int, flags: tuple[str, ...] = PLAIN) -> list[int]:
    """For several models, built as one program: output bytes that differ from the reference."""
    models = [compile_model(data, name=f"model{i}") for i, data in enumerate(datas)]
    program = build(models, folder, flags)
    wrong = []
    for number, (data, model) in enumerate(zip(datas, models, strict=True)):
        values = images(model.input.shape, count, number, model.input.dtype)
        done = subprocess.run([str(program), str(number)], input=values.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, (number, done.returncode, done.stderr.decode()[-2000:])
        made, theirs = np.frombuffer(done.stdout, np.uint8), Reference(data)(values).reshape(-1)
        wrong.append(int(np.count_nonzero(made != theirs)) if made.size == theirs.size else theirs.size)
    return wrong


class Reference:
    """The reference interpreter, which is given the file without what means nothing but makes it refuse."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            model_content=without_stray_dimensions(data),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            num_threads=1,
        )
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.outputs = self.interpreter.get_output_details()

    def __call__(self, values: Bytes) -> Bytes:
        """Output bytes, all outputs one after the other, one row per row of inputs."""
        rows = []
        for row in values:
            self.interpreter.set_tensor(self.input["index"], row.reshape(self.input["shape"]))
            self.interpreter.invoke()
            made = [self.interpreter.get_tensor(o["index"]).reshape(-1) for o in self.outputs]
            rows.append(np.concatenate([m.view(np.uint8) for m in made]))
        return np.stack(rows)


def answers(data: bytes, values: Bytes) -> npt.NDArray[np.int8]:
    """What the reference gives for one input."""
    return Reference(data)(values[None])[0].view(np.int8)


def images(shape: tuple[int, ...], count: int, seed: int = 0, dtype: str = "int8") -> Bytes:
    """Inputs of several kinds, one per row: noise, waves, extremes, flat ones."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    rows = []
    for i in range(count):
        noise = rng.integers(-128, 128, size)
        match i % 4:
            case 0:
                values = noise
            case 1:
                values = np.round(127 * np.sin(np.arange(size) * rng.uniform(0.001, 0.1) + rng.uniform(0, 6)))
            case 2:
                values = np.where(noise > rng.integers(-128, 128), 127, -128)
            case _:
                values = np.clip(noise // 4 + rng.integers(-128, 128), -128, 127)
        rows.append(values)
    stacked = np.array(rows)
    return (stacked + 128).astype(np.uint8) if dtype == "uint8" else stacked.astype(np.int8)


def mismatches(data: bytes, folder: Path, count: int, flags: tuple[str, ...] = PLAIN, seed: int = 0) -> tuple[int, int]:
    """Output bytes that differ from the reference, and how many were compared."""
    host = Host(data, folder, flags)
    values = images(host.model.input.shape, count, seed, host.model.input.dtype)
    mine, theirs = host(values), Reference(data)(values)
    return int(np.count_nonzero(mine != theirs)), theirs.size
