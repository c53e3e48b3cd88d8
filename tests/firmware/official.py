"""Other people's tools that packages are tried with, in a cache of the user's; never in our own environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ei-train"


def _place(requirement: str) -> Path:
    """The tool's folder; skips where it is not there, unless CI or EI_TRAIN_CLIENTS=1 asks for it."""
    place = CACHE / requirement.replace("==", "-")
    wanted = os.environ.get("CI") == "true" or os.environ.get("EI_TRAIN_CLIENTS") == "1"
    if not (place / "ready").exists():
        if not wanted:
            pytest.skip(f"{requirement} is not installed; EI_TRAIN_CLIENTS=1 installs it into a cache")
        shutil.rmtree(place, ignore_errors=True)
    return place


def _install(python: str | Path, place: Path, *options: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options], check=True, timeout=600)
    (place / "ready").touch()


def installed(requirement: str) -> Path:
    """A folder with a package's own files, without what it depends on."""
    place = _place(requirement)
    if not (place / "ready").exists():
        _install(sys.executable, place, "--no-deps", "--target", str(place), requirement)
    return place


def program(requirement: str, name: str) -> Path:
    """A program of a package, in a virtual environment with all that it needs."""
    place = _place(requirement)
    if not (place / "ready").exists():
        venv.create(place, with_pip=True)
        _install(place / "bin" / "python", place, requirement)
    return place / "bin" / name
