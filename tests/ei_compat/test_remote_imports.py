"""What talks to Edge Impulse is light to import: the heavy libraries come with the first call."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"requests", "urllib3", "numpy", "PIL", "pydantic", "docker", "cbor2", "tensorflow", "train", "firmware"}
MODULES = ["ingestion", "studio", "pretrained", "push", "outbox", "journal", "remote", "unzip", "credentials"]


@pytest.mark.parametrize("module", MODULES)
def test_nothing_heavy(module):
    code = f"import sys, ei_compat.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
