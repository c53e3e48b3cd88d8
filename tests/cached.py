"""Other people's packages that tests are held to, in a cache of the user's; never in our own environment."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ei-train"


def wanted() -> bool:
    """Whether what is missing is to be installed: in CI, or where EI_TRAIN_CLIENTS=1 asks for it."""
    return os.environ.get("CI") == "true" or os.environ.get("EI_TRAIN_CLIENTS") == "1"


def is_ready(place: Path) -> bool:
    """Whether an installation into `place` was finished."""
    return (place / "ready").exists()


@contextmanager
def installing(place: Path) -> Iterator[bool]:
    """Yields whether `place`, empty then, has to be filled; tests side by side wait for the one that fills it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not is_ready(place)
        if missing:
            shutil.rmtree(place, ignore_errors=True)
        yield missing
        if missing:
            (place / "ready").touch()
