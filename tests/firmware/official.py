"""Other people's tools that packages are tried with."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests import cached


def _place(requirement: str) -> Path:
    """The tool's folder; skips where it is not there, unless it is to be installed."""
    place = cached.CACHE / requirement.replace("==", "-")
    if not cached.is_ready(place) and not cached.wanted():
        pytest.skip(f"{requirement} is not installed; EI_TRAIN_CLIENTS=1 installs it into a cache")
    return place


def _install(python: str | Path, *options: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options], check=True, timeout=600)


def installed(requirement: str) -> Path:
    """A folder with a package's own files, without what it depends on."""
    place = _place(requirement)
    with cached.installing(place) as missing:
        if missing:
            _install(sys.executable, "--no-deps", "--target", str(place), requirement)
    return place


def program(requirement: str, name: str) -> Path:
    """A program of a package, in a virtual environment with all that it needs."""
    place = _place(requirement)
    with cached.installing(place) as missing:
        if missing:
            venv.create(place, with_pip=True)
            _install(place / "bin" / "python", requirement)
    return place / "bin" / name
