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

from ei_compat.core.errors import ExportError
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
TWO = ("-DEIT_WORKERS=2", "-DEIT_PORT_FIELDS=uint32_t arrived[2];")
SCHEDULER = ("eit_run.c", "eit_port.c")  # what depends on the number of workers
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

#if EIT_WORKERS > 1
/* Two workers take turns on one core, each on a stack of its own and with a clock of its own, which stands still while
 * the other one works. Where they meet both clocks are set to the later one's, and go on with what a port's loads,
 * stores and comparisons take. */
#include "eit_port.h"
typedef uint32_t *context;
void eit_swap(context *from, context *to);
__asm__(".text\n.globl eit_swap\neit_swap: addi sp, sp, -64\n sw ra, 0(sp)\n" @SAVE@ " sw sp, 0(a0)\n lw sp, 0(a1)\n"
        " lw ra, 0(sp)\n" @LOAD@ " addi sp, sp, 64\n ret\n");
static uint32_t second_stack[1024];
static context saved[2];
static uint32_t ticks[2], met[2][2], finished;
static eit_port *team;

static void charge(uint32_t worker)
{
    ticks[worker] += retired() - mark;
}

static void wait_for_the_other(uint32_t worker)
{
    charge(worker);
    eit_swap(&saved[worker], &saved[1u - worker]);
    mark = retired();
}

static void enter(void)
{
    mark = retired();
    team->work(team->argument);
    finished = 1u;
    wait_for_the_other(1u);
}

int eit_port_start(eit_port *port, void (*work)(void *), void *argument)
{
    charge(0u);
    ticks[1] = ticks[0];
    port->work = work;
    port->argument = argument;
    port->arrived[0] = port->arrived[1] = 0u;
    finished = 0u;
    team = port;
    saved[1] = second_stack + sizeof second_stack / sizeof second_stack[0] - 16u;
    saved[1][0] = (uint32_t)(uintptr_t)enter;
    mark = retired();
    return 0;
}

void eit_port_meet(eit_port *port, uint32_t worker)
{
    charge(worker);
    mark = retired();
    const uint32_t came = ticks[worker];
    const uint32_t times = port->arrived[worker] + 1u;
    met[worker][times & 1u] = came;
    __atomic_store_n(&port->arrived[worker], times, __ATOMIC_RELEASE);
    while ((int32_t)(__atomic_load_n(&port->arrived[1u - worker], __ATOMIC_ACQUIRE) - times) < 0) {
        wait_for_the_other(worker);
    }
    const uint32_t other = met[1u - worker][times & 1u];
    charge(worker);
    ticks[worker] += other > came ? other - came : 0u;
    mark = retired();
}

void eit_port_wait(eit_port *port)
{
    (void)port;
    while (finished == 0u) {
        wait_for_the_other(0u);
    }
    charge(0u);
    ticks[0] = ticks[0] > ticks[1] ? ticks[0] : ticks[1];
    mark = retired();
}
#endif

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
    uint32_t after = retired();
#if EIT_WORKERS > 1
    after = before + ticks[0] + (after - mark);
#endif
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
#if EIT_WORKERS > 1
        memset(ticks, 0, sizeof ticks);
#endif
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
        two_workers: the same with two workers, on the longer way from one barrier to the next each time.
        layers: instructions per layer, the scheduler's included.
        stack: bytes.
        text: bytes of code and constants, flash.
        data: bytes of initialised and zeroed variables, 0 for a library without state.
        outputs: the output bytes for each input.
    """

    instructions: int
    two_workers: int
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
        kernels = _kernels(model, folder, optimise)
        text, data = _sizes(model, folder, optimise, kernels)
        plain = _run(folder, optimise, kernels, [])
        traced = _run(folder, optimise, kernels, ["-include", str(folder / "trace.h")])
        two = _run(folder, optimise, kernels, [*TWO])
    totals, shared = ([line.split() for line in run if line.startswith("total")] for run in (plain, two))
    outputs, others = (
        tuple(tuple(map(int, line.split()[1:])) for line in run if line.startswith("output")) for run in (plain, two)
    )
    if outputs != others:
        raise ExportError("two workers compute other bytes than one", where=model.name)
    layers = tuple(int(line.split()[1]) for line in traced if line.startswith("layer"))
    return Measurement(
        int(totals[0][1]), int(shared[0][1]), layers, max(int(t[3]) for t in totals), text, data, outputs
    )


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
        "PAINT": str(PAINT_BYTES), "SAVE": _registers("sw"), "LOAD": _registers("lw"),
    }.items():  # fmt: skip
        text = text.replace(f"@{key}@", value)
    (folder / "main.c").write_text(text)
    trace = (
        '#include "eit_engine.h"\nvoid eit_traced(const eit_stage *stage);\n#define EIT_TRACE(s, a, y) eit_traced(s)\n'
    )
    (folder / "trace.h").write_text(trace)


def _registers(instruction: str) -> str:
    """The registers that a function keeps for its caller, stored or loaded."""
    return " ".join(f'" {instruction} s{i}, {4 + 4 * i}(sp)\\n"' for i in range(12))


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


def _gcc(folder: Path, optimise: str, rest: list[str]) -> None:
    _command([COMPILER, *WARNINGS, *ARCHITECTURE, *SECTIONS, optimise, f"-I{ENGINE}", f"-I{folder}", *rest])


def _kernels(model: CompiledModel, folder: Path, optimise: str) -> list[str]:
    """The engine's files that are the same for one worker and two, traced or not, as objects: all but the scheduler."""
    objects = []
    for name in model.engine_sources:
        if name not in SCHEDULER:
            objects.append(str(folder / f"{name}.o"))
            _gcc(folder, optimise, ["-c", str(ENGINE / name), "-o", objects[-1]])
    return objects


def _sizes(model: CompiledModel, folder: Path, optimise: str, kernels: list[str]) -> tuple[int, int]:
    """Bytes of code and constants, and of variables, of the library alone."""
    keep = [f"-Wl,-u,{model.name}_{f}" for f in ("input", "output", "invoke")]
    sources = [str(folder / f"{model.name}.c"), *(str(ENGINE / s) for s in SCHEDULER), *kernels]
    elf = folder / "library.elf"
    _gcc(folder, optimise, ["-nostartfiles", "-Wl,-e,0", *BOARD[2:], *keep, *sources, "-o", str(elf)])
    text = data = 0
    for line in _command([SIZE, "-A", str(elf)]).splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith((".text", ".rodata", ".init", ".srodata")):
            text += int(fields[1])
        elif len(fields) == 3 and fields[0].startswith((".data", ".bss", ".sdata", ".sbss", ".tdata", ".tbss")):
            data += int(fields[1])
    return text, data


def _run(folder: Path, optimise: str, kernels: list[str], extra: list[str]) -> list[str]:
    elf = folder / "firmware.elf"
    sources = [str(folder / "main.c"), str(ENGINE / SCHEDULER[0]), *kernels]  # the harness is its own port
    _gcc(folder, optimise, [*BOARD, *extra, *sources, "-o", str(elf)])
    machine = [MACHINE, "-M", "virt", "-cpu", "rv32", "-bios", "none", "-m", "128M", "-nographic", "-no-reboot"]
    return _command([*machine, "-semihosting", "-icount", "shift=0", "-kernel", str(elf)]).splitlines()
