"""Quantities as they are written on the command line: sizes, counts and times with their units."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ei_compat.core.errors import UsageError

BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "KB": 1000, "kB": 1000, "MiB": 1 << 20, "MB": 1000**2}
COUNTS = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3}
MILLISECONDS = {"ms": 1, "s": 1000}


def size(text: str, option: str) -> int:
    """Bytes, of a size such as 32KiB, 33000 or 0.5 MiB; raises UsageError where it is none."""
    return int(_quantity(text, option, BYTES, "size", "bytes, or a unit, as in 32KiB"))


def count(text: str, option: str) -> int:
    """A number such as 60M or 60000000; raises UsageError where it is none."""
    return int(_quantity(text, option, COUNTS, "number", "a number, or a unit, as in 60M"))


def duration(text: str, option: str) -> float:
    """Milliseconds, of a time such as 500ms or 0.5s; raises UsageError where it is none."""
    return _quantity(text, option, MILLISECONDS, "time", "a unit, as in 500ms")


def _quantity(text: str, option: str, units: Mapping[str, int], kind: str, example: str) -> float:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]*)", text.strip())
    if match is None or match[2] not in units or (value := float(match[1]) * units[match[2]]) < 1:
        raise UsageError(f"{text!r} is no {kind}", where=option, fix=f"use {example}")
    return value
