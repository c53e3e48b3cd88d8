"""Labels that are numbers."""

from __future__ import annotations

import re

import numpy as np

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
LARGEST = float(np.finfo(np.float32).max)


def is_number(label: str) -> bool:
    """Whether a label is a finite number that float32 can hold, as most programming languages write it."""
    return NUMBER.fullmatch(label) is not None and abs(float(label)) <= LARGEST
