"""The evidence page: what models take on the chip, in one template for each, and how that was found.

    python -m bench.firmware_cost [--inputs 50] [--page docs/explanation/firmware.md] MODEL ...

Packages every model as an ESP-IDF component, counts one inference on the ESP32-C3's instruction set in QEMU, and
compares the compiled C with LiteRT's reference kernels, on this machine and, with the first two inputs, in QEMU. Prints
Markdown, or with --page puts each model's part into a page, in the place of its older one. Exits 1 where a byte
differs, or where the estimate is more than 15 % off.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from firmware import profile, qemu
from firmware.compiler import compile_model
from firmware.package import Packaged, package
from tests.firmware import host

MOST_OFF = 0.15  # of an estimate
FLAGS = " ".join(("-O2", *qemu.ARCHITECTURE[:3]))
# Of the same networks: instructions of TensorFlow Lite Micro's kernels with ESP-NN's generic optimised C, counted like
# ours, and its arena on a 64-bit host by its own count. No such figures of the other models exist.
TFLM = {"A": (318.9, 458_064), "A_dense": (318.9, 458_064), "B": (114.3, 210_000), "B_dense": (114.3, 210_000)}


def main() -> int:
    """Measures every model; 0 where every byte is equal and every estimate close."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--inputs", type=int, default=50)
    parser.add_argument("--page", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    options = parser.parse_args()
    bad = False
    for path in options.models:
        with tempfile.TemporaryDirectory() as folder:
            text, good = _measured(path, options.inputs, Path(folder))
        bad = bad or not good
        if options.page is None:
            print(text, flush=True)
        else:
            _put(options.page, path.stem, text)
            print(f"{path.stem}: {'good' if good else 'NOT GOOD'}", flush=True)
    return 1 if bad else 0


def _packaged(path: Path, folder: Path) -> Packaged:
    labels = folder / "labels.txt"
    values = int(np.prod(compile_model(path.read_bytes(), name="m").outputs[0].shape))
    labels.write_text("".join(f"label {i}\n" for i in range(values)))
    name = path.stem.replace("_", "-")
    return package(path, name=name, version="1", labels=labels, output=folder / "package.zip")


def _measured(path: Path, inputs: int, folder: Path) -> tuple[str, bool]:
    """One model's part of the page, and whether all is as it should be."""
    data = path.read_bytes()
    made = _packaged(path, folder)
    model = made.spec.model
    values = host.images(model.input.shape, inputs, dtype=model.input.dtype)
    wanted = np.stack([made.spec.reference(row) for row in values])
    on_host = int((host.Host(data, folder / "host", (*host.PLAIN, *host.SHIPPED))(values) == wanted).all(axis=1).sum())
    counted = qemu.measure(model, [profile._example(model), *(row.tobytes() for row in values[:2])])
    on_chip = int(
        (np.array(counted.outputs[1:]).astype(np.uint8) == wanted[:2, : len(counted.outputs[0])]).all(1).sum()
    )
    estimate = sum(layer.instructions for layer in model.layers)
    off = estimate / counted.instructions - 1
    tflm = TFLM.get(path.stem)
    rows = [
        ("model, sha256", f"`{hashlib.sha256(data).hexdigest()}`", ""),
        ("package (ESP-IDF, version 1), sha256", f"`{made.sha256}`", ""),
        ("compiler", f"{_compiler()}, `{FLAGS}`", "the same" if tflm else ""),
        ("instructions, counted", f"{counted.instructions:,}", f"{tflm[0]} M" if tflm else "not measured"),
        ("`--estimate` says", f"{estimate:,} ({off:+.1%})", ""),
        ("arena, rows streamed / whole input, bytes", f"{model.rows_arena_bytes:,} / {model.arena_bytes:,}",
         f"about {tflm[1]:,}" if tflm else f"at least {model.whole_tensor_bytes:,}"),
        ("stack, bytes", f"{counted.stack:,}", "not measured"),
        ("flash, code included, bytes", f"{counted.text:,} ({counted.text / len(data):.1%} of the .tflite)",
         f"{len(data):,} without its code"),
        ("inputs with every byte right", f"{on_host} of {inputs} here, {on_chip} of 2 in QEMU", ""),
    ]  # fmt: skip
    command = f"python -m bench.firmware_cost --inputs {inputs} {path.name}"
    lines = [
        f"### {path.name} on RV32IMC",
        "",
        f"`{command}`",
        "",
        "| | ei-train | TFLM with ESP-NN's C |",
        "|---|---|---|",
    ]
    lines += [f"| {a} | {b} | {c} |" for a, b, c in rows]
    return "\n".join(lines), on_host == inputs and on_chip == 2 and abs(off) <= MOST_OFF


def _compiler() -> str:
    said = subprocess.run([qemu.COMPILER, "--version"], capture_output=True, text=True, check=True).stdout
    return "gcc " + re.findall(r"\d+\.\d+\.\d+", said)[0]


def _put(page: Path, name: str, text: str) -> None:
    """Replaces a model's part of the page, or adds it at the end."""
    old = page.read_text()
    marked = f"<!-- {name} -->\n{text}\n<!-- end -->\n"
    pattern = rf"<!-- {re.escape(name)} -->\n.*?<!-- end -->\n"
    found = re.search(pattern, old, re.DOTALL)
    page.write_text(old.replace(found[0], marked) if found else f"{old.rstrip()}\n\n{marked}")


if __name__ == "__main__":
    sys.exit(main())
