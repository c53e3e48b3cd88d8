"""Runs a compiled model as Xtensa code in QEMU: an ESP8266's core, the nearest to an ESP32's that Debian compiles for.

It lacks the ESP32's high multiplication, loops and minimum, so its counts are no ESP32's; its code is real Xtensa code.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from firmware.compiler import ENGINE, compile_model
from tests.firmware import host
from tests.needs import needs

COMPILER, MACHINE = "xtensa-lx106-elf-gcc", "qemu-system-xtensa"
BOARD = Path(__file__).with_name("xtensa_board")
FLAGS = (
    "-std=gnu99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-nostdlib",
    "-fno-builtin",
    "-mtext-section-literals",
)
LOADED = 0x61000000  # where main.c finds the inputs
TICKS = 25  # instructions for each tick of the cycle counter: 40 MHz of one billion a second under -icount shift=0


def needed() -> None:
    """Skips where the tools are missing, except in CI."""
    for tool in (COMPILER, MACHINE):
        needs(tool)


def run(data: bytes, values: host.Bytes, folder: Path) -> tuple[host.Bytes, int]:
    """Output bytes, one row per row of inputs, and the instructions of the first run."""
    model = compile_model(data, name="model")
    sources = host.write(model, folder)
    parts = [str(BOARD / name) for name in ("start.S", "runtime.c", "main.c")]
    program, inputs = folder / "model.elf", folder / "inputs"
    command = [COMPILER, *FLAGS, "-O2", f"-T{BOARD / 'board.ld'}", f"-I{ENGINE}", f"-I{folder}", *sources, *parts]
    subprocess.run([*command, "-o", str(program), "-lgcc"], check=True, capture_output=True, text=True)
    inputs.write_bytes(np.array([len(values), 0, 0, 0], np.uint32).tobytes() + values.tobytes())
    machine = [
        MACHINE,
        "-M",
        "sim",
        "-cpu",
        "lx106",
        "-m",
        "64M",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "none",
        "-semihosting",
        "-icount",
        "shift=0",
    ]
    loaded = ["-device", f"loader,file={inputs},addr={LOADED:#x},force-raw=on", "-kernel", str(program)]
    done = subprocess.run([*machine, *loaded], capture_output=True, check=False, timeout=600, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    rows = np.frombuffer(done.stdout[:-4], np.uint8).reshape(len(values), -1)
    return rows, TICKS * int.from_bytes(done.stdout[-4:], "little")
