"""The constant interval behind timestamps that a recorder rounded.

A sensor of 60 Hz whose times are kept in whole milliseconds gives 0, 17, 33, 50. The grid that explains such stamps is
fitted to all of them: each stamp lies within its rounding of it, so its step is known ever better the more rows there
are. A row that is missing shifts what follows by a whole step, which no grid explains unless the unit is as coarse as
the step itself; stamps as coarse as that are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ei_compat.core.errors import FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JITTER = 0.01  # of a step that any stamp may be off, however fine its unit
FINE = 8  # units to a step from which a stamp may be a whole unit off; below, half a unit, which is rounding itself
MOST_DECIMALS = 9
HALVINGS = 60  # of the search for a step
SECONDS, MICROSECONDS = (1e9, 4.2e9), (1e14, 1e17)  # since 1970 until 2100 or so, counted in these units
NANOSECONDS = (1e17, 1e20)


def rounding_unit(stamps: list[str]) -> float:
    """The unit that timestamps are rounded to: the last decimal that any of them is written with.

    Args:
        stamps: as they stand in the file.

    Returns:
        1 for whole numbers, 0.001 for three decimals; never finer than nine of them.
    """
    decimals = max(map(_decimals, stamps))
    return float(10.0 ** -min(max(decimals, 0), MOST_DECIMALS))


def _decimals(stamp: str) -> int:
    mantissa, _, exponent = stamp.strip().lower().partition("e")
    return len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0)


def interval_of(times: NDArray[np.float64], unit: float, *, where: str) -> float:
    """The constant step of timestamps.

    Args:
        times: in ms, finite, at least one.
        unit: what they are rounded to, see `rounding_unit`.
        where: names the file in errors.

    Returns:
        The step in ms, 0 for a single row: the middle of all steps that explain every stamp.

    Raises:
        FormatError: when there is no such step, naming the row that fits least, or the stamps cannot be milliseconds.
    """
    import numpy as np

    if len(times) == 1:
        return 0.0
    first = float(times[1] - times[0])
    _refuse_other_units(float(times[0]), first, where=where)
    rows = np.arange(len(times), dtype=np.float64)
    if first > 0 and np.array_equal(times, times[0] + first * rows):
        return first
    offsets = times - times[0]
    rough = float(offsets[-1]) / (len(times) - 1)
    noise = 1e-9 + 4 * float(np.spacing(np.abs(times).max()))
    if not (np.isfinite(rough) and rough >= unit - noise):
        raise _uneven(times, where=where)
    allowed = max(unit * min(1.0, max(0.5, rough / unit / FINE)), rough * JITTER) + noise

    def spread(step: float) -> float:
        off = offsets - step * rows
        return float(off.max() - off.min())

    reach = 2 * allowed / (len(times) - 1)
    best = _lowest(spread, rough - reach, rough + reach)
    if spread(best) > 2 * allowed or (rough < 2 * unit and _one_is_missing(times, unit)):
        raise _uneven(times, where=where)
    within = max(unit, spread(best)) + noise
    return (_edge(spread, within, best, rough - reach) + _edge(spread, within, best, rough + reach)) / 2


def _lowest(spread: Callable[[float], float], low: float, high: float) -> float:
    """Where a convex function is lowest, by thirds."""
    for _ in range(HALVINGS):
        third = (high - low) / 3
        if spread(low + third) < spread(high - third):
            high -= third
        else:
            low += third
    return (low + high) / 2


def _edge(spread: Callable[[float], float], most: float, inside: float, outside: float) -> float:
    """The step farthest from `inside` towards `outside` whose spread is not above `most`."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if spread(middle) <= most:
            inside = middle
        else:
            outside = middle
    return inside


def _one_is_missing(times: NDArray[np.float64], unit: float) -> bool:
    """Whether a step of one unit is doubled once, which is a missing row and not a rhythm of rounding."""
    import numpy as np

    return bool(np.count_nonzero(np.diff(times) > 1.5 * unit) == 1)


def _uneven(times: NDArray[np.float64], *, where: str) -> FormatError:
    import numpy as np

    steps = np.diff(times)
    usual = float(np.median(steps))
    row = int(np.argmax(np.abs(steps - usual)))
    what = (
        f"timestamps do not rise by a constant step: {times[row + 1]:.15g} comes {steps[row]:.6g} after the one before"
    )
    what += f", others about {usual:.6g}"
    return FormatError(what, where=f"{where}, row {row + 3}", fix="resample it, or cut it where rows are missing")


def _refuse_other_units(first: float, step: float, *, where: str) -> None:
    """Refuses times of day that can be no milliseconds.

    Raises:
        FormatError: for stamps that are a date in other units.
    """
    for unit, (low, high), factor in (
        ("seconds", SECONDS, "multiply them by 1,000"),
        ("microseconds", MICROSECONDS, "divide them by 1,000"),
        ("nanoseconds", NANOSECONDS, "divide them by 1,000,000"),
    ):
        if low <= first < high and (unit != "seconds" or 0 < step < 0.1):
            what = f"timestamp {first:.15g} is a date in {unit}, not milliseconds"
            raise FormatError(what, where=f"{where}, row 2", fix=factor)
