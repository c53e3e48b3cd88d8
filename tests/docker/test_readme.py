"""Every command of the README does what the README says, run as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.docker.test_image import IMAGE, STRANGER, owners, write_class_folders, write_export
from tests.docs.pages import ROOT, commands

COMMANDS = commands("README.md")
BY_CI = {"make train", "make test", "make build"}  # .ci/run calls these themselves
WRITTEN = {"model.tflite", "model_quantized_int8_io.tflite", "saved_model.zip", "model.h5.zip", "report.html"}

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the reader of the README has: photos in class folders, and an unzipped export, which is not root's."""
    folder = tmp_path_factory.mktemp("readme")
    write_class_folders(folder / "photos")
    (folder / "export").mkdir()
    write_export(folder / "export")
    if os.getuid() == 0:
        for path in (folder / "export", *(folder / "export").rglob("*")):
            os.chown(path, STRANGER, STRANGER)
    return folder


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in BY_CI])
def test_command_of_the_readme(home: Path, command: str) -> None:
    line = command.replace(" ei-train ", f" {IMAGE} ", 1)
    place = home / "export" if "--data-directory data " in command else home

    done = subprocess.run(
        ["sh", "-c", line], cwd=place, env=os.environ, capture_output=True, text=True, timeout=600, check=False
    )

    checks_only = (
        done.returncode == 5 and "the files are written" in done.stderr
    )  # so few pictures may not meet the checks
    assert done.returncode == 0 or checks_only, done.stderr
    for name in re.findall(r"--out-directory (\S+)", command):
        assert json.loads((place / name / "report.json").read_text())["classes"] == ["blue", "green", "red"]
        assert {path.name for path in (place / name).iterdir()} >= WRITTEN
        assert owners(place / name) == {place.stat().st_uid}


def test_every_command_is_run_somewhere() -> None:
    assert {command for command in COMMANDS if command.startswith("make")} == BY_CI
    ci = (ROOT / ".ci/run").read_text()
    assert all(command in ci for command in BY_CI)
