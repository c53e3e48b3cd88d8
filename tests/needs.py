"""What happens where something that a test needs is not there."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skips the test, except in CI (`CI=true`), where what is needed must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must run this test, but {reason}", pytrace=False)
    pytest.skip(reason)


def needs(tool: str) -> None:
    """Asks for a program on PATH."""
    if shutil.which(tool) is None:
        missing(f"{tool} is not on PATH")
