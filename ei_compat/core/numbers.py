"""Labels that are numbers."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
LARGEST = (2 - 2.0**-23) * 2.0**127  # of float32


def is_number(label: str) -> bool:
    """Whether a label is a finite number that float32 can hold, as most programming languages write it."""
    return NUMBER.fullmatch(label) is not None and abs(float(label)) <= LARGEST
