"""What a finished model must keep, and whether it does: the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ei_compat.core.words import counted


@dataclass(frozen=True, slots=True)
class Check:
    """A check and whether it was met: `measured` must reach `asked`, from above or below as `name` says."""

    name: str
    asked: float
    measured: float
    met: bool
    chance: float | None = None  # p-value of a loss like this where the true one is as asked
    pictures: int | None = None  # that it was measured on


def warnings_of(checks: Sequence[Check]) -> list[str]:
    """A line for each loss above its limit that the pictures are too few to show."""
    return [
        f"{check.name} {check.asked:.3f}, measured {check.measured:.3f}; "
        f"{counted(check.pictures or 0, 'picture is', 'pictures are')} too few to tell this from chance "
        f"(p = {check.chance:.2f}), so it is no failure"
        for check in checks
        if check.met and check.chance is not None
    ]
