"""The words that all targets' READMEs share."""

from __future__ import annotations

from firmware.packages.job import Job

# Camera frames, smallest first: name in the driver, width, height.
FRAMES = (("QVGA", 320, 240), ("VGA", 640, 480), ("SVGA", 800, 600), ("UXGA", 1600, 1200))


def camera_frame(job: Job) -> tuple[str, int, int] | None:
    """The smallest camera frame that holds the model's picture; None where there is none, or no picture."""
    if not job.picture:
        return None
    height, width, _ = job.size
    return next((frame for frame in FRAMES if frame[1] >= width and frame[2] >= height), None)


def values(job: Job) -> dict[str, str]:
    """What the templates' keys stand for."""
    frame = camera_frame(job) or ("", 0, 0)
    return {
        "NAME": job.name,
        "VERSION": job.version,
        "FULL_VERSION": job.full_version,
        "ARENA": f"{job.model.rows_arena_bytes}",
        "DESCRIPTION": _sentence(job),
        "FACTS": _facts(job),
        "SIGNAL": "one 0xRRGGBB per pixel, from offset on" if job.picture else "the input's values, from offset on",
        "FRAME": frame[0],
        "FRAME_WIDTH": str(frame[1]),
        "FRAME_HEIGHT": str(frame[2]),
    }


def _sentence(job: Job) -> str:
    height, width, channels = job.size if job.picture else (0, 0, 0)
    colours = "RGB" if channels == 3 else "grayscale"
    if job.regression and job.picture:
        return f"An image regression: {width} x {height} {colours} to a number."
    if job.regression:
        return f"A regression of {job.values} values to a number."
    if not job.picture:
        return f"A classifier of {job.values} values into {len(job.labels)} classes."
    return f"An image classifier: {width} x {height} {colours}, {len(job.labels)} classes."


def _facts(job: Job) -> str:
    model = job.model
    zeros = 1 - model.nonzero / model.weights if model.weights else 0.0
    constants = sum(layer.bytes for layer in model.layers)
    instructions = sum(layer.instructions for layer in model.layers)
    labels = ", ".join(f"`{label.replace('`', '').replace('|', '')}`" for label in job.labels)
    return "\n".join([
        "| | |",
        "|---|---|",
        f"| labels | {labels} |",
        f"| memory (arena), the input coming in rows | {model.rows_arena_bytes:,} bytes |",
        f"| the same with the whole input in it | {model.arena_bytes:,} bytes |",
        f"| constants in flash | {constants:,} bytes; the `.tflite` has {len(job.tflite):,} |",
        f"| weights that are zero | {100 * zeros:.0f} % of {model.weights:,} |",
        f"| instructions of one inference | about {instructions:,} on RV32IMC (estimate) |",
    ])  # fmt: skip
