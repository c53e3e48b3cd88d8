"""The words that all targets' READMEs share."""

from __future__ import annotations

from ei_compat.core.words import counted
from firmware.packages.spec import PackageSpec

# Camera frames, smallest first: name in the driver, width, height.
FRAMES = (("QVGA", 320, 240), ("VGA", 640, 480), ("SVGA", 800, 600), ("UXGA", 1600, 1200))


def camera_frame(spec: PackageSpec) -> tuple[str, int, int] | None:
    """The smallest camera frame that holds the model's picture; None where there is none, or no picture."""
    if not spec.image:
        return None
    height, width, _ = spec.size
    return next((frame for frame in FRAMES if frame[1] >= width and frame[2] >= height), None)


def values(spec: PackageSpec) -> dict[str, str]:
    """What the templates' keys stand for."""
    frame = camera_frame(spec) or ("", 0, 0)
    return {
        "NAME": spec.name,
        "VERSION": spec.version,
        "FULL_VERSION": spec.full_version,
        "ARENA": f"{spec.model.rows_arena_bytes}",
        "DESCRIPTION": _sentence(spec),
        "FACTS": _facts(spec),
        "SIGNAL": "one 0xRRGGBB per pixel, from offset on" if spec.image else "the input's values, from offset on",
        "FRAME": frame[0],
        "FRAME_WIDTH": str(frame[1]),
        "FRAME_HEIGHT": str(frame[2]),
    }


def _sentence(spec: PackageSpec) -> str:
    height, width, channels = spec.size if spec.image else (0, 0, 0)
    colours = "RGB" if channels == 3 else "grayscale"
    if spec.regression and spec.image:
        return f"An image regression: {width} x {height} {colours} to a number."
    if spec.regression:
        return f"A regression of {spec.values} values to a number."
    if not spec.image:
        return f"A classifier of {counted(spec.values, 'value')} into {counted(len(spec.labels), 'class', 'classes')}."
    return f"An image classifier: {width} x {height} {colours}, {counted(len(spec.labels), 'class', 'classes')}."


def _facts(spec: PackageSpec) -> str:
    model = spec.model
    zeros = 1 - model.nonzero / model.weights if model.weights else 0.0
    constants = sum(layer.bytes for layer in model.layers)
    instructions = sum(layer.instructions for layer in model.layers)
    labels = ", ".join(f"`{label.replace('`', '').replace('|', '')}`" for label in spec.labels)
    return "\n".join([
        "| | |",
        "|---|---|",
        f"| labels | {labels} |",
        f"| memory (arena), the input coming in rows | {model.rows_arena_bytes:,} bytes |",
        f"| the same with the whole input in it | {model.arena_bytes:,} bytes |",
        f"| constants in flash | {constants:,} bytes; the `.tflite` has {len(spec.tflite):,} |",
        f"| weights that are zero | {100 * zeros:.0f} % of {model.weights:,} |",
        f"| instructions of one inference | about {instructions:,} on RV32IMC (estimate) |",
    ])  # fmt: skip
