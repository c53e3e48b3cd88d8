"""What every test may need from outside, and what happens where it is missing.

A test says what it needs with a marker (`docker`, `qemu`, `shared`, `clients`, `browser`, `postgres`). Where that is
missing the test is skipped with the reason, except in CI (`CI=true`), where a missing need is a failure: nothing is
silently left out.
`clients` are Edge Impulse's own Python packages, in a virtual environment in the user's cache; EI_TRAIN_CLIENTS=1 or CI
makes it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import cached, postgres
from tests.needs import missing

if TYPE_CHECKING:
    from tests.double import Double

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
CLIENT_PACKAGES = ("edgeimpulse==1.0.20", "edgeimpulse-api==1.96.3")
CLIENTS = cached.CACHE / "-".join(["clients", *(package.replace("==", "-") for package in CLIENT_PACKAGES)])


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


def _missing_clients() -> str | None:
    if cached.wanted() or cached.is_ready(CLIENTS):
        return None
    return "the official clients are not installed; EI_TRAIN_CLIENTS=1 installs them into a cache"


@functools.cache
def _missing_browser() -> str | None:
    if shutil.which("chromium") is None:
        return "no chromium on PATH"
    return None if importlib.util.find_spec("playwright") else "playwright is not installed; `make setup` does"


@functools.cache
def _missing_postgres() -> str | None:
    if postgres.binaries() is None:
        return "PostgreSQL is not installed"
    return None if importlib.util.find_spec("psycopg") else "psycopg is not installed; `make setup` does"


NEEDS = {
    "docker": _missing_docker,
    "qemu": _missing_qemu,
    "shared": _missing_shared,
    "clients": _missing_clients,
    "browser": _missing_browser,
    "postgres": _missing_postgres,
}


def pytest_configure() -> None:
    os.environ.pop("COLUMNS", None)  # of whoever runs this; tables that tests look at are as wide as in a log


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, why_not in NEEDS.items():
        if item.get_closest_marker(marker) is None:
            continue
        reason = why_not()
        if reason is not None:
            missing(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; a test that uses it carries the `shared` marker."""
    return SHARED


@pytest.fixture
def double() -> Iterator[Double]:
    """A double of Studio and ingestion that has nothing to complain of when the test is over."""
    from tests.double import Double

    with Double() as running:
        yield running
    assert running.violations == []


@pytest.fixture(scope="session")
def clients_python() -> Path:
    """The Python of a virtual environment that holds Edge Impulse's own packages; made on first use."""
    python = CLIENTS / "bin" / "python"
    with cached.installing(CLIENTS) as missing:
        if missing:
            venv.create(CLIENTS, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *CLIENT_PACKAGES], check=True, timeout=600)
    return python
