"""Timestamps that were rounded: the interval behind them, and what is no grid at all."""

from __future__ import annotations

import numpy as np
import pytest

from ei_compat.core.errors import FormatError
from ei_compat.dataset.dataset import Axis, Signal
from ei_compat.media.signals import SignalForm, encode_signal, parse_csv
from ei_compat.media.timestamps import rounding_unit

RATES = (26, 30, 52, 60, 104, 119, 208, 238, 416, 476)


def csv_with(stamps: list[str]) -> bytes:
    return ("timestamp,x\n" + "".join(f"{stamp},1\n" for stamp in stamps)).encode()


def interval(stamps: list[str]) -> float:
    return parse_csv(csv_with(stamps), where="s.csv").interval_ms


def whole(times: np.ndarray) -> list[str]:
    return [str(int(time)) for time in times]


def test_a_camera_of_60_hz_in_whole_milliseconds():
    assert interval(["0", "17", "33", "50"]) == pytest.approx(1000 / 60, rel=0.001)


@pytest.mark.parametrize("start", [0, 0.3, 123456.78, 1_700_000_000_123.4], ids=["zero", "part", "uptime", "date"])
@pytest.mark.parametrize("rounded", [np.rint, np.floor, np.ceil], ids=["nearest", "down", "up"])
@pytest.mark.parametrize("rate", RATES)
def test_whole_milliseconds(rate, rounded, start):
    step = 1000 / rate
    for rows, exact in ((4, 0.12), (10, 0.05), (100, 1e-3), (1000, 2e-5)):
        assert interval(whole(rounded(start + step * np.arange(rows)))) == pytest.approx(step, rel=exact)


@pytest.mark.parametrize("rate", [*RATES, 833, 952, 1000, 6664])
@pytest.mark.parametrize("decimals", [2, 3, 6])
def test_other_units(rate, decimals):
    step = 1000 / rate
    stamps = [f"{time:.{decimals}f}" for time in step * np.arange(200)]
    assert interval(stamps) == pytest.approx(step, rel=2e-4)
    bare = [stamp.rstrip("0").rstrip(".") if "." in stamp else stamp for stamp in stamps]  # as most programs write
    assert interval(bare) == interval(stamps)


@pytest.mark.parametrize("rate", [10, 50, 100, 1000 / 3, *RATES, 500])
def test_a_missing_row_is_refused(rate):
    times = np.rint(1000 / rate * np.arange(60))
    for missing in (1, 7, 30, 57):
        with pytest.raises(FormatError, match=f"row {missing + 2}: timestamps do not rise by a constant step"):
            interval(whole(np.delete(times, missing)))


def test_a_missing_row_of_one_kilohertz_is_no_rhythm():
    with pytest.raises(FormatError, match=r"row 32: timestamps do not rise by a constant step: 31 comes 2 after"):
        interval(whole(np.delete(np.arange(60), 30)))
    assert interval(whole(np.rint(1.2 * np.arange(60)))) == pytest.approx(1.2, rel=1e-3)


@pytest.mark.parametrize("rate", [10, 26, 60, 104, 208])
def test_jitter_is_refused(rate):
    random = np.random.RandomState(1)
    times = 1000 / rate * (np.arange(60) + random.uniform(-0.4, 0.4, 60))
    for stamps in (whole(np.rint(times)), [f"{time:.3f}" for time in times]):
        with pytest.raises(FormatError, match="timestamps do not rise by a constant step"):
            interval(stamps)


@pytest.mark.parametrize(
    "stamps",
    [
        *([0, 0, 0], [3, 2, 1], [0, 1, 1, 2, 2, 3, 4, 4], [0, 17, 33, 67], [0, 10, 20, 20, 30], [0, 10, 20, 0, 10]),
        *([0, 16, 33, 50, 67, 84, 99, 116, 133, 150, 500], [0, -17, -33]),
    ],
    ids=str,
)
def test_what_is_no_grid(stamps):
    with pytest.raises(FormatError, match=r"s\.csv, row \d+: timestamps do not rise by a constant step: \S+ comes"):
        interval([str(stamp) for stamp in stamps])


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (["1700000000.000", "1700000000.017", "1700000000.033"], "is a date in seconds, not milliseconds; multiply"),
        (["1700000000000000", "1700000000016667"], "is a date in microseconds, not milliseconds; divide them by 1,000"),
        (["1700000000000000000", "1700000000016667000"], "is a date in nanoseconds, not milliseconds"),
    ],
)
def test_dates_in_other_units_are_no_milliseconds(stamps, message):
    with pytest.raises(FormatError, match=message):
        interval(stamps)


@pytest.mark.parametrize(
    ("stamps", "unit"),
    [
        (["0", "17", "33"], 1),
        (["0", "16.7", "33"], 0.1),
        (["0.000", "16.667"], 0.001),
        (["1.6e3", "2e3"], 1),
        (["1e-3", "0"], 1e-3),
        (["0.30000000000000004"], 1e-9),
        ([" 5 "], 1),
    ],
    ids=str,
)
def test_the_unit_is_the_last_decimal(stamps, unit):
    assert rounding_unit(stamps) == pytest.approx(unit)


@pytest.mark.parametrize("step", [1000 / 60, 1000 / 416, 0.1, 9.615384615384615, 0.0625])
def test_an_exact_interval_comes_back_exactly(step):
    made = Signal(np.zeros((50, 1)), step, (Axis("x"),))
    assert parse_csv(encode_signal(made, SignalForm.CSV), where="x").interval_ms == step
