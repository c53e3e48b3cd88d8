"""Calibrates `firmware/compiler/cost.py`: fits its constants to QEMU's instruction counts of real models' layers.

    python -m bench.firmware_fit MODEL ...

Prints, per family of kernels, the fitted constants (to be copied into cost.py) and how far the estimates are off.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from firmware import qemu
from firmware.compiler import compile_model, encode, tflite
from firmware.compiler.kernels import kernels
from firmware.compiler.layers import Conv, DepthwiseConv, Pointwise
from firmware.compiler.lower import lower
from tests.firmware import host

UNITS = {
    "sparse": ("PER_TILE_CHANNEL", "PER_OUTPUT", "PER_PAIR", "PER_MAC"),
    "sparse kxk": ("PER_TILE_CHANNEL", "PER_OUTPUT", "PER_PAIR", "PER_MAC"),
    "dense": ("PER_TILE_CHANNEL", "PER_OUTPUT", "PER_DENSE_WEIGHT", "PER_MAC"),
    "quad": ("PER_QUAD", "PER_QUAD_OUTPUT", "PER_QUAD_TAP", "PER_QUAD_MAC"),
    "quad kxk": ("PER_QUAD", "PER_QUAD_OUTPUT", "PER_QUAD_TAP", "PER_QUAD_MAC"),
    "depthwise": ("PER_DEPTHWISE_CHANNEL", "PER_DEPTHWISE_OUTPUT"),
}


def main() -> None:
    """Measures every model and prints the fits."""
    rows: dict[str, list[tuple[list[float], int, int]]] = {name: [] for name in UNITS}
    for path in map(Path, sys.argv[1:]):
        data = path.read_bytes()
        model = compile_model(data, name="model")
        counts = qemu.measure(model, [host.images(model.input.shape, 2)[1].tobytes()]).layers
        program = lower(tflite.read(data))
        for layer, count, chosen in zip(program.layers, counts, kernels(program), strict=True):
            target = program.planes[layer.output]
            channels, pixels = target.channels, target.height * target.width
            passes = chosen.encoded.passes if chosen.encoded else 0
            match layer.params:
                case DepthwiseConv():
                    units = [channels * target.height, channels * pixels]
                    family = "depthwise"
                case Pointwise() | Conv() as p if not isinstance(p, Pointwise) or not p.flat:
                    weights = p.weights.reshape(channels, -1)
                    family = chosen.encoded.form if chosen.encoded else ""
                    if family == "sparse":
                        pairs = encode.sparse_pairs(weights)
                        units = [passes * channels, channels * pixels, pairs * passes, 2 * pairs * pixels]
                        family = "sparse" if isinstance(p, Pointwise) else "sparse kxk"
                    elif family == "quad":
                        quads = passes * channels / encode.QUAD
                        units = [quads, channels * pixels, quads * weights.shape[1], weights.size * pixels]
                        family = "quad" if isinstance(p, Pointwise) else "quad kxk"
                    else:
                        units = [passes * channels, channels * pixels, weights.size * passes, weights.size * pixels]
                case _:
                    continue
            rows[family].append(([float(u) for u in units], count, chosen.instructions))
    for family, names in UNITS.items():
        if rows[family]:
            _fit(family, names, rows[family])


def _fit(family: str, names: tuple[str, ...], rows: list[tuple[list[float], int, int]]) -> None:
    units = np.array([r[0] for r in rows])
    counts = np.array([r[1] for r in rows], float)
    estimates = np.array([r[2] for r in rows], float)
    weight = 1 / np.sqrt(counts)
    found = np.linalg.lstsq(units * weight[:, None], counts * weight, rcond=None)[0]
    off = np.abs(units @ found / counts - 1)
    print(f"{family}: " + ", ".join(f"{n} = {v:.2f}" for n, v in zip(names, found, strict=True)))
    print(f"  fit: {off.max():.1%} off at worst; now: {np.abs(estimates / counts - 1).max():.1%} at worst, ", end="")
    print(f"{estimates.sum() / counts.sum() - 1:+.1%} in total")


if __name__ == "__main__":
    main()
