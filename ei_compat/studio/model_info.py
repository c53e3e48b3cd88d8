"""Input and output of a model, in the terms of Edge Impulse's pretrained-model API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ei_compat.core.errors import UsageError
from ei_compat.media.images import ResizeMode
from ei_compat.media.pixels import InputScaling

INPUT_TYPES = ("image", "audio", "time-series", "other")
OUTPUT_TYPES = ("classification", "regression", "object-detection", "freeform", "anomaly")
SCALINGS = tuple(str(scaling) for scaling in InputScaling)
RESIZE_MODES = (*(str(mode) for mode in ResizeMode), "crop")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Input and output of a model, in the API's own terms.

    Attributes:
        input: such as `{"inputType": "image", "inputScaling": "0..1", "resizeMode": "fit-short"}`.
        output: such as `{"modelType": "classification", "labels": ["cat", "dog"]}`.
    """

    input: Mapping[str, Any]
    output: Mapping[str, Any]

    @property
    def labels(self) -> Sequence[str] | None:
        """The class names in the order of the output; None where the kind of model has none."""
        return self.output.get("labels")


def input_of(
    kind: str,
    scaling: str = "0..1",
    resize: str = "fit-short",
    frequency_hz: float | None = None,
    window_ms: int | None = None,
) -> dict[str, Any]:
    """What a model takes.

    Args:
        kind: `image`, `audio`, `time-series` or `other`.
        scaling: the range that a picture's pixels are scaled to.
        resize: the way a picture is brought to size.
        frequency_hz: of audio and time series.
        window_ms: of time series.

    Raises:
        UsageError: a value that the API does not know, or one that is missing.
    """
    for value, known, name in (
        (kind, INPUT_TYPES, "--input-type"),
        (scaling, SCALINGS, "--input-scaling"),
        (resize, RESIZE_MODES, "--resize-mode"),
    ):
        if value not in known:
            raise UsageError(f"{value!r} is not one of {', '.join(known)}", where=name)
    if kind in ("audio", "time-series") and not frequency_hz:
        raise UsageError(f"{kind} needs a frequency", where="--frequency-hz", fix="give the samples per second")
    if kind == "time-series" and not window_ms:
        raise UsageError("time series need a window", where="--window-ms", fix="give the milliseconds of one input")
    match kind:
        case "image":
            return {"inputType": kind, "inputScaling": scaling, "resizeMode": resize}
        case "audio":
            return {"inputType": kind, "frequencyHz": frequency_hz}
        case "time-series":
            return {"inputType": kind, "frequencyHz": frequency_hz, "windowLengthMs": window_ms}
    return {"inputType": kind}


def output_of(
    kind: str, labels: Sequence[str] | None = None, last_layer: str | None = None, minimum_confidence: float = 0.5
) -> dict[str, Any]:
    """What a model gives.

    Args:
        kind: `classification`, `regression`, `object-detection`, `freeform` or `anomaly`.
        labels: the class names in the order of a classifier's or detector's output.
        last_layer: what a detector's output means, such as `fomo` or `yolov5`; Studio knows which there are.
        minimum_confidence: 0 to 1, below which a detector's finding is left out.

    Raises:
        UsageError: a kind that the API does not know, or something that it needs is missing.
    """
    if kind not in OUTPUT_TYPES:
        raise UsageError(f"{kind!r} is not one of {', '.join(OUTPUT_TYPES)}", where="--output-type")
    if kind not in ("classification", "object-detection"):
        return {"modelType": kind}
    if not labels:
        raise UsageError(f"{kind} needs its labels", where="--labels", fix="or give a file with --labels-file")
    output = {"modelType": kind, "labels": list(labels)}
    if kind == "classification":
        return output
    if last_layer is None or not 0 <= minimum_confidence <= 1:
        what = "a detector needs the meaning of its output" if last_layer is None else "must be 0 to 1"
        raise UsageError(what, where="--last-layer" if last_layer is None else "--minimum-confidence")
    return output | {"lastLayer": last_layer, "minimumConfidence": minimum_confidence}
