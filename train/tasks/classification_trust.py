"""How far a classifier's probabilities can be trusted: calibration, and what a threshold leaves and is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from train.page.parts import deployed

BINS = 10  # of the probability of what is said (Guo et al. 2017, https://arxiv.org/abs/1706.04599)
STEPS = 50  # of thresholds, from 0 to less than 1
AIM = 0.95  # share of the answers that a suggested threshold lets through that shall be right
LEAST = 20  # answers that say something of a threshold


def calibration(y: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    """How sure a file is against how often it is right, for answers of like probability.

    Args:
        y: class indices [N].
        outputs: probabilities [N, classes].

    Returns:
        The expected calibration error (the mean distance of both, 0 to 1), and for each bin its bounds, its samples,
        its mean probability and the share that is right.
    """
    sure, right = outputs.max(axis=1).astype(np.float64), outputs.argmax(axis=1) == y
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins = []
    for number in range(BINS):
        rows = place == number
        if rows.any():
            bins.append(
                {
                    "low": number / BINS,
                    "high": (number + 1) / BINS,
                    "samples": int(rows.sum()),
                    "confidence": float(sure[rows].mean()),
                    "accuracy": float(right[rows].mean()),
                }
            )
    error = sum(each["samples"] * abs(each["confidence"] - each["accuracy"]) for each in bins) / len(y)
    return {"expected_calibration_error": float(error), "bins": bins}


def thresholds(y: np.ndarray, outputs: np.ndarray) -> dict[str, list[float | None]]:
    """For each threshold k / STEPS the share that is answered, and how much of that is right; None of no answer."""
    sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == y
    kept = [sure >= step / STEPS for step in range(STEPS)]
    return {
        "answered": [float(rows.mean()) for rows in kept],
        "right": [float(right[rows].mean()) if rows.any() else None for rows in kept],
    }


def trust(sets: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> dict[str, Any]:
    """Calibration of the files on every set, and a threshold for the one that is deployed.

    The threshold is the least one at which `AIM` of the answers on the first set, which is validation, are right; how
    good it is says the last set, which it was not chosen on, where there is a testing set.

    Args:
        sets: by name, targets and outputs by file.
    """
    own = deployed(next(iter(sets.values()))[1])
    found: dict[str, Any] = {
        "calibration": {
            kind: {name: calibration(y, outputs[kind]) for name, (y, outputs) in sets.items()}
            for kind in next(iter(sets.values()))[1]
        },
        "thresholds": {name: thresholds(y, outputs[own]) for name, (y, outputs) in sets.items()},
        "aim": AIM,
        "suggested": None,
    }
    chosen_on, measured_on = next(iter(sets)), list(sets)[-1]
    chosen, samples = found["thresholds"][chosen_on], len(sets[chosen_on][0])
    for step, (answered, right) in enumerate(zip(chosen["answered"], chosen["right"], strict=True)):
        if right is not None and right >= AIM and answered * samples >= LEAST:
            measured = found["thresholds"][measured_on]
            found["suggested"] = {
                "threshold": step / STEPS,
                "chosen_on": chosen_on,
                "measured_on": measured_on,
                "answered": measured["answered"][step],
                "right": measured["right"][step],
            }
            break
    return found
