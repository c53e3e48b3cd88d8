"""`--version`: everything that is installed here and may change a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from train import __version__, backend
from train.result import as_document
from train.runs.config import versions

ROOT = Path(__file__).resolve().parents[2]  # of a checkout
INSTRUCTIONS = ("SSE42", "AVX", "AVX2", "AVX512F", "NEON", "SVE")  # that are named to people, where they are there


@dataclass(frozen=True, slots=True)
class Version:
    """What is installed.

    Attributes:
        revision: of the sources, or None where nothing says it; `+` behind it: they were changed.
        python: its version.
        libraries: versions by name, of those that may change a result.
        processor: see `backend.machine`.
    """

    schema: ClassVar[str] = "version/1"

    revision: str | None
    python: str
    libraries: dict[str, str]
    processor: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "ei-train": __version__,
            "revision": self.revision,
            "python": self.python,
            "libraries": self.libraries,
            "processor": self.processor,
        }

    def lines(self) -> list[str]:
        """A name and what it is at, a line each."""
        known = [name for name in INSTRUCTIONS if name in self.processor["instructions"]]
        vectors = " ".join(known) or "no vectors"
        return [
            f"ei-train {__version__}",
            f"revision {self.revision or 'unknown'}",
            f"python {self.python}",
            *(f"{name} {found}" for name, found in self.libraries.items()),
            f"processor {self.processor['architecture']}, {self.processor['threads']} threads, {vectors}",
        ]


def show_version(*, as_json: bool) -> None:
    """Prints what is installed."""
    libraries = versions()
    version = Version(_revision(), libraries.pop("python"), libraries, backend.machine())
    text = json.dumps(as_document(version)) if as_json else "\n".join(version.lines())
    sys.stdout.write(text + "\n")


def _revision() -> str | None:
    """Of the image, which was told it (EI_TRAIN_REVISION), or of the checkout that this is part of."""
    told = os.environ.get("EI_TRAIN_REVISION")
    if told or not (ROOT / ".git").exists():
        return told or None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
