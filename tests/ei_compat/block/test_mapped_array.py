"""Arrays in files: their values, and how little of them stays in memory."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ei_compat.block.npy import open_npy

ROWS, ROW = 4096, 16384  # 256 MiB of float32


def resident() -> int:
    """Bytes of mapped files in this process's memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssFile:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A sparse file of zeros with a one at the end of its last row."""
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (ROWS, ROW)}
        np.lib.format.write_array_header_2_0(file, header)
        start = file.tell()
        file.truncate(start + 4 * ROWS * ROW)
        file.seek(-4, 2)
        file.write(np.float32(1).tobytes())
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("scattered", [False, True], ids=["slices", "rows"])
def test_what_was_read_does_not_stay_in_memory(scattered: bool, big: Path) -> None:
    array, before, total = open_npy(big), resident(), 0.0
    for start in range(0, ROWS, 64):
        rows = np.arange(start, start + 64)
        total += float(array[rows[::-1] if scattered else slice(start, start + 64)].sum())
    assert total == 1
    assert resident() - before < 32 << 20


def test_a_view_outlives_later_reads_of_its_array(big: Path) -> None:
    array = open_npy(big)
    last, first = array[-1:], array[:1]
    assert (float(last.sum()), float(first.sum())) == (1, 0)


def test_written_values_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from ei_compat.block import npy

    monkeypatch.setattr(npy, "IN_MEMORY_BYTES", 0)
    array = npy.scratch((64, 4096), np.float32)
    for row in range(64):
        array[row] = row
    np.testing.assert_array_equal(array[:, 0], np.arange(64))
    assert type(array[np.arange(3)]) is np.ndarray
