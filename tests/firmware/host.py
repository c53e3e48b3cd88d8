"""Builds a compiled model for this machine and runs it beside TensorFlow Lite's reference kernels."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware.compiler import ENGINE, CompiledModel, compile_model

Bytes = npt.NDArray[np.int8] | npt.NDArray[np.uint8]
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
PLAIN = ("-O1",)
WORKERS = ("-DEIT_WORKERS=2", "-pthread")
THREADS = ("-O1", "-g", "-fsanitize=thread", *WORKERS)
SANITIZED = ("-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# Reads inputs from stdin, writes outputs to stdout; the arenas are as small as allowed and full of rubbish each time.
# Each input is given both as a whole and row by row, every row once and in order; both must give the same.
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "@.h"
static unsigned char input[#_INPUT_BYTES];
static uint32_t next;
static int read_row(void *context, uint32_t y, uint8_t *row)
{
    if (context != input || y != next++ || y >= #_INPUT_ROWS) {
        return 1;
    }
    for (uint32_t i = 0; i < #_INPUT_ROW_BYTES; i++) {
        row[i] = input[y * #_INPUT_ROW_BYTES + i] ^ FLIP;
    }
    return 0;
}
int main(void)
{
    void *arena = malloc(#_ARENA_BYTES), *rows = malloc(#_ROWS_ARENA_BYTES);
    for (;;) {
        memset(arena, 0xa5, #_ARENA_BYTES);
        memset(rows, 0x5a, #_ROWS_ARENA_BYTES);
        if (fread(input, 1, #_INPUT_BYTES, stdin) != #_INPUT_BYTES) {
            break;
        }
        memcpy(@_input(arena), input, #_INPUT_BYTES);
        next = 0;
        if (@_invoke(arena, #_ARENA_BYTES) != EIT_OK ||
            @_invoke_rows(rows, #_ROWS_ARENA_BYTES, read_row, input) != EIT_OK) {
            return 1;
        }
        OUTPUTS
    }
    free(arena);
    free(rows);
    return 0;
}
"""


WRITE = "fwrite(@_output$(arena), 1, #_OUTPUT$_BYTES, stdout);"


def write(model: CompiledModel, folder: Path) -> list[str]:
    """Writes the generated files; returns everything to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in model.files.items():
        (folder / name).write_text(text)
    return [str(folder / f"{model.name}.c"), *(str(ENGINE / s) for s in model.engine_sources)]


@functools.cache
def _engine(flags: tuple[str, ...]) -> str:
    """The whole engine as a library, built once for each set of flags."""
    folder = Path(tempfile.mkdtemp(prefix="ei-train-engine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sources = [str(path) for path in sorted(ENGINE.glob("*.c"))]
    subprocess.run(["gcc", *WARNINGS, *flags, f"-I{ENGINE}", "-c", *sources], cwd=folder, check=True)
    objects = [str(path) for path in sorted(folder.glob("*.o"))]
    subprocess.run(["ar", "rc", str(folder / "engine.a"), *objects], check=True)
    return str(folder / "engine.a")


class Host:
    """A compiled model as a program of this machine."""

    def __init__(
        self, data: bytes, folder: Path, flags: tuple[str, ...] = PLAIN, model: CompiledModel | None = None
    ) -> None:
        self.model = model or compile_model(data, name="model")
        generated = write(self.model, folder)[0]
        main, self.program = folder / "main.c", folder / "model"
        flip = "0" if self.model.input.dtype == "uint8" else "0x80"
        ends = [f"_{i}" if i else "" for i in range(len(self.model.outputs))]
        text = MAIN.replace("OUTPUTS", " ".join(WRITE.replace("$", end) for end in ends))
        for key, value in {"@": self.model.name, "FLIP": flip, "#_": f"{self.model.name.upper()}_"}.items():
            text = text.replace(key, value)
        main.write_text(text)
        command = ["gcc", *WARNINGS, *flags, f"-I{ENGINE}", f"-I{folder}", generated, str(main), _engine(flags)]
        subprocess.run([*command, "-o", str(self.program)], check=True, capture_output=True, text=True)

    def __call__(self, values: Bytes) -> Bytes:
        """Output bytes, all outputs one after the other, one row per row of inputs."""
        done = subprocess.run([str(self.program)], input=values.tobytes(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return np.frombuffer(done.stdout, np.uint8).reshape(len(values), -1)


BATCH_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
@INCLUDES@
int main(int count, char **arguments)
{
    switch (count > 1 ? atoi(arguments[1]) : -1) {
@CASES@
    }
    return 0;
}
"""
BATCH_CASE = """    case @NUMBER@: {
        static uint32_t arena[(#_ARENA_BYTES + 3u) / 4u];
        for (;;) {
            memset(arena, 0xa5, sizeof arena);
            if (fread(@_input(arena), 1, #_INPUT_BYTES, stdin) != #_INPUT_BYTES) {
                break;
            }
            if (@_invoke(arena, #_ARENA_BYTES) != EIT_OK) {
                return 1;
            }
            OUTPUTS
        }
        break;
    }"""


def batch_mismatches(datas: list[bytes], folder: Path, count: int, flags: tuple[str, ...] = PLAIN) -> list[int]:
    """For several models, built as one program: output bytes that differ from the reference."""
    models = [compile_model(data, name=f"model{i}") for i, data in enumerate(datas)]
    generated, cases = [], []
    for number, model in enumerate(models):
        generated.append(write(model, folder)[0])
        ends = [f"_{i}" if i else "" for i in range(len(model.outputs))]
        text = BATCH_CASE.replace("OUTPUTS", " ".join(WRITE.replace("$", end) for end in ends))
        cases.append(
            text.replace("@NUMBER@", str(number)).replace("@", model.name).replace("#_", f"{model.name.upper()}_")
        )
    includes = "\n".join(f'#include "{model.name}.h"' for model in models)
    (folder / "main.c").write_text(BATCH_MAIN.replace("@INCLUDES@", includes).replace("@CASES@", "\n".join(cases)))
    command = ["gcc", *WARNINGS, *flags, f"-I{ENGINE}", f"-I{folder}", *generated, str(folder / "main.c")]
    program = str(folder / "models")
    subprocess.run([*command, _engine(flags), "-o", program], check=True, capture_output=True, text=True)
    wrong = []
    for number, (data, model) in enumerate(zip(datas, models, strict=True)):
        values = pictures(model.input.shape, count, number, model.input.dtype)
        done = subprocess.run([program, str(number)], input=values.tobytes(), capture_output=True, check=True)
        made, theirs = np.frombuffer(done.stdout, np.uint8), Reference(data)(values).reshape(-1)
        wrong.append(int(np.count_nonzero(made != theirs)) if made.size == theirs.size else theirs.size)
    return wrong


class Reference:
    """The reference interpreter."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
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


def pictures(shape: tuple[int, ...], count: int, seed: int = 0, dtype: str = "int8") -> Bytes:
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
    values = pictures(host.model.input.shape, count, seed, host.model.input.dtype)
    mine, theirs = host(values), Reference(data)(values)
    return int(np.count_nonzero(mine != theirs)), theirs.size
