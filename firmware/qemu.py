"""Measures a compiled model on the ESP32-C3's instruction set: builds it for RV32IMC and runs it in QEMU.

Instructions are counted exactly (`minstret` under `-icount shift=0`, the same on every run), in total on the library as
it is shipped and per layer on a second build whose scheduler reports each finished row. Stack is the deepest byte that
one inference overwrites of a painted stack. Flash is the size of the library's sections linked on their own, without
dead code.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ei_compat.errors import ExportError
from firmware.compiler import ENGINE, CompiledModel

COMPILER = "riscv64-unknown-elf-gcc"
SIZE = "riscv64-unknown-elf-size"
MACHINE = "qemu-system-riscv32"
ARCHITECTURE = ("-march=rv32imc", "-misa-spec=2.2", "-mabi=ilp32", "--specs=picolibc.specs")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
SECTIONS = ("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
BOARD = (
    "--crt0=semihost", "--oslib=semihost", "-Wl,--defsym=__flash=0x80000000", "-Wl,--defsym=__flash_size=0x01000000",
    "-Wl,--defsym=__ram=0x81000000", "-Wl,--defsym=__ram_size=0x02000000", "-Wl,--defsym=__stack_size=0x10000",
)  # fmt: skip
PAINT_BYTES = 16384
TIMEOUT = 600  # seconds, of one run

HARNESS = r"""
#include <stdio.h>
#include <string.h>
#include "@NAME@.c"
#include "input.h"

#define LAYERS @LAYERS@
static uint32_t arena[(@UPPER@_ARENA_BYTES + 3u) / 4u];
static uint32_t counts[LAYERS];
static uint32_t mark;

static inline uint32_t retired(void)
{
    uint32_t n;
    __asm__ volatile("csrr %0, minstret" : "=r"(n));
    return n;
}

#ifdef EIT_TRACE
void eit_traced(const eit_stage *stage)
{
    static const struct { const eit_stage *first; uint32_t count, layer; } groups[] = {@GROUPS@};
    for (uint32_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (stage >= groups[i].first && stage < groups[i].first + groups[i].count) {
            counts[groups[i].layer + (uint32_t)(stage - groups[i].first)] += retired() - mark;
        }
    }
    mark = retired();
}
#endif

static uint32_t __attribute__((noinline)) measured(uint32_t *stack)
{
    volatile uint8_t *top = (volatile uint8_t *)__builtin_frame_address(0) - 96;
    for (uint32_t i = 0; i < @PAINT@u; i++) {
        top[-(int32_t)i] = 0xa5;
    }
    const uint32_t before = mark = retired();
    const int status = (int)@NAME@_invoke(arena, sizeof arena);
    const uint32_t after = retired();
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < @PAINT@u; i++) {
        deepest = top[-(int32_t)i] != 0xa5 ? i + 1u : deepest;
    }
    *stack = deepest + 96u;
    return status == 0 ? after - before : 0u;
}

int main(void)
{
    uint32_t stack;
    for (uint32_t k = 0; k < sizeof inputs / sizeof inputs[0]; k++) {
        memset(counts, 0, sizeof counts);
        memcpy(@NAME@_input(arena), inputs[k], @UPPER@_INPUT_BYTES);
        const uint32_t total = measured(&stack);
        printf("total %lu stack %lu\n", (unsigned long)total, (unsigned long)stack);
        printf("output");
        for (uint32_t i = 0; i < @UPPER@_OUTPUT_BYTES; i++) {
            printf(" %d", @NAME@_output(arena)[i]);
        }
        printf("\n");
    }
    for (uint32_t i = 0; i < LAYERS; i++) {
        printf("layer %lu\n", (unsigned long)counts[i]);
    }
    return 0;
}
"""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one inference takes on RV32IMC.

    Args:
        instructions: in total, of the first input.
        layers: instructions per layer, the scheduler's included.
        stack: bytes.
        text: bytes of code and constants, flash.
        data: bytes of initialised and zeroed variables, 0 for a library without state.
        outputs: the output bytes for each input.
    """

    instructions: int
    layers: tuple[int, ...]
    stack: int
    text: int
    data: int
    outputs: tuple[tuple[int, ...], ...]


def available() -> bool:
    """Whether the compiler and the machine are on PATH."""
    return all(shutil.which(tool) for tool in (COMPILER, SIZE, MACHINE))


def measure(model: CompiledModel, inputs: list[bytes], optimise: str = "-O2") -> Measurement:
    """Builds and runs a model.

    Args:
        model: the compiled model.
        inputs: input bytes of one or more inferences.
        optimise: gcc's level.

    Raises:
        ExportError: the tools are missing or fail.
    """
    if not available():
        raise ExportError(
            f"{COMPILER} or {MACHINE} is not on PATH",
            where="profile",
            fix="install gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf and qemu-system-misc",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(model, inputs, folder)
        text, data = _sizes(model, folder, optimise)
        plain = _run(model, folder, optimise, [])
        traced = _run(model, folder, optimise, ["-include", str(folder / "trace.h")])
    totals = [line.split() for line in plain if line.startswith("total")]
    outputs = tuple(tuple(map(int, line.split()[1:])) for line in plain if line.startswith("output"))
    layers = tuple(int(line.split()[1]) for line in traced if line.startswith("layer"))
    return Measurement(int(totals[0][1]), layers, max(int(t[3]) for t in totals), text, data, outputs)


def _write(model: CompiledModel, inputs: list[bytes], folder: Path) -> None:
    for name, text in model.files.items():
        (folder / name).write_text(text)
    rows = ",\n".join("{" + ",".join(str(b - 256 if b > 127 else b) for b in row) + "}" for row in inputs)
    header = f"static const signed char inputs[{len(inputs)}][{len(inputs[0])}] = {{\n{rows}\n}};\n"
    (folder / "input.h").write_text(header)
    starts = [sum(model.groups[:i]) for i in range(len(model.groups))]
    groups = ", ".join(f"{{group{i}, {n}u, {starts[i]}u}}" for i, n in enumerate(model.groups))
    text = HARNESS
    for key, value in {
        "NAME": model.name, "UPPER": model.name.upper(), "LAYERS": str(len(model.layers)), "GROUPS": groups,
        "PAINT": str(PAINT_BYTES),
    }.items():  # fmt: skip
        text = text.replace(f"@{key}@", value)
    (folder / "main.c").write_text(text)
    trace = (
        '#include "eit_engine.h"\nvoid eit_traced(const eit_stage *stage);\n#define EIT_TRACE(s, a, y) eit_traced(s)\n'
    )
    (folder / "trace.h").write_text(trace)


def _command(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"no end after {TIMEOUT} s", where=command[0]) from None
    if done.returncode:
        raise ExportError(f"failed: {done.stderr.strip()[-600:] or done.stdout.strip()[-600:]}", where=command[0])
    return done.stdout + done.stderr  # semihosting writes to either, depending on what they are


def _build(folder: Path, optimise: str, sources: list[str], output: str, extra: list[str]) -> Path:
    target = folder / output
    command = [COMPILER, *WARNINGS, *ARCHITECTURE, *SECTIONS, optimise, f"-I{ENGINE}", f"-I{folder}", *extra, *sources]
    _command([*command, "-o", str(target)])
    return target


def _sizes(model: CompiledModel, folder: Path, optimise: str) -> tuple[int, int]:
    """Bytes of code and constants, and of variables, of the library alone."""
    keep = [f"-Wl,-u,{model.name}_{f}" for f in ("input", "output", "invoke")]
    sources = [str(folder / f"{model.name}.c"), *(str(ENGINE / s) for s in model.engine_sources)]
    extra = ["-nostartfiles", "-Wl,-e,0", *BOARD[2:], *keep]
    elf = _build(folder, optimise, sources, "library.elf", extra)
    text = data = 0
    for line in _command([SIZE, "-A", str(elf)]).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith((".text", ".rodata", ".init", ".srodata")):
            text += int(fields[1])
        elif len(fields) == 3 and fields[0].startswith((".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss")):
            data += int(fields[1])
    return text, data


def _run(model: CompiledModel, folder: Path, optimise: str, extra: list[str]) -> list[str]:
    sources = [str(folder / "main.c"), *(str(ENGINE / s) for s in model.engine_sources)]
    elf = _build(folder, optimise, sources, "firmware.elf", [*BOARD, *extra])
    machine = [MACHINE, "-M", "virt", "-cpu", "rv32", "-bios", "none", "-m", "128M", "-nographic", "-no-reboot"]
    return _command([*machine, "-semihosting", "-icount", "shift=0", "-kernel", str(elf)]).splitlines()
