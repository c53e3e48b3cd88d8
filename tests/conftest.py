"""What every test may need from outside, and what happens where it is missing.

A test says what it needs with a marker (`docker`, `qemu`, `shared`). Where that is missing the test is skipped with the
reason, except in CI (`CI=true`), where a missing need is a failure: nothing is silently left out there.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from double import Double

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@functools.cache
def _missing_docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker client on PATH"
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    return None if answer.returncode == 0 else "no Docker engine answers"


@functools.cache
def _missing_qemu() -> str | None:
    for tool in ("riscv64-unknown-elf-gcc", "qemu-system-riscv32"):
        if shutil.which(tool) is None:
            return f"{tool} is not on PATH"
    return None


def _missing_shared() -> str | None:
    return None if SHARED.is_dir() else f"{SHARED} is not there"


NEEDS = {"docker": _missing_docker, "qemu": _missing_qemu, "shared": _missing_shared}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in NEEDS.items():
        if item.get_closest_marker(marker) is None:
            continue
        reason = missing()
        if reason is None:
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run this test, but {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; a test that uses it carries the `shared` marker."""
    return SHARED


@pytest.fixture
def double() -> Iterator[Double]:
    """A double of Studio and ingestion that has nothing to complain of when the test is over."""
    from double import Double

    with Double() as running:
        yield running
    assert running.violations == []
