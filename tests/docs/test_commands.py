"""Every command of a page is run as it stands there, in its order, in a folder such as its reader has.

Of what takes minutes, such as training, only the options are checked by default, and a small finished run stands for
what it leaves. With EI_TRAIN_DOCS=1 all of it is done, in Docker where the page says so: that is the slow suite, for
who changes a page or the commands. The README's commands are run in the image by tests/docker/test_readme.py, always.

The slow suite was last run on 2026-11-27: all 18 pages with commands, each from its first line to its last, in 22
minutes on two cores that had other work, too.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.docker.test_image import IMAGE, write_class_folders, write_export
from tests.docs.pages import (
    LONG,
    NOT_RUN,
    PAGES,
    ROOT,
    all_commands,
    blocks,
    check_options,
    commands,
    program_words,
    shells,
    why_not,
)
from tests.double import Double
from tests.double.state import ORGANIZATION_KEY
from tests.program import ei_train

REALLY = os.environ.get("EI_TRAIN_DOCS") == "1"
WITH_COMMANDS = [page for page in PAGES if page != "README.md" and commands(page)]
WITH_PYTHON = ["docs/howto/data.md", "docs/reference/edge-impulse.md"]
MAKES = {
    "docs/tutorial.md": {"photos", "dataset", "out"},
    "docs/howto/data.md": {"dataset"},
    "docs/howto/studio-block.md": {"block"},
    "docs/howto/ram.md": {"out96"},
    "docs/howto/runs.md": {"out"},
}
SMALL = ["--network", "net.py", "--image-size", "32", "--epochs", "1", "--fine-tune-epochs", "1"]
NETWORK = """
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Conv2D, Dense, GlobalAveragePooling2D

def build(input_shape, classes):
    layers = [Conv2D(8, 3, strides=2, activation="relu", input_shape=input_shape), GlobalAveragePooling2D()]
    return Sequential([*layers, Dense(classes, activation="softmax")])
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What readers have: photos, a data set split from them, a finished run, an exported block, pictures of scales."""
    folder = tmp_path_factory.mktemp("reader")
    write_class_folders(folder / "photos")
    for path in (folder / "photos").glob("*/*.png"):  # two by each of six people
        path.rename(path.with_name(f"person{int(path.stem) // 2}_{path.name}"))
    (folder / "block").mkdir()
    write_export(folder / "block")
    for grams in range(40):
        (folder / "scales" / str(grams)).mkdir(parents=True)
        Image.fromarray(np.full((32, 32, 3), 6 * grams, np.uint8)).save(folder / "scales" / str(grams) / "0.png")
    assert ei_train("split", folder / "photos", folder / "dataset").returncode == 0
    (folder / "net.py").write_text(NETWORK)
    done = ei_train("--data-directory", "dataset", "--out-directory", "out", *SMALL, cwd=folder)
    assert done.returncode in {0, 5}, done.stderr  # so few pictures may not meet the checks
    shutil.copytree(folder / "out", folder / "out96")
    for name in ("Dockerfile", "parameters.json"):
        shutil.copy(ROOT / name, folder)
    program = folder / "bin" / "ei-train"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m train "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def home(reader: Path, tmp_path: Path, page: str) -> Path:
    """The reader's folder, without what the page itself makes."""
    makes = MAKES.get(page, set())
    shutil.copytree(reader, tmp_path, dirs_exist_ok=True, ignore=lambda at, names: makes if at == str(reader) else ())
    return tmp_path


@pytest.fixture
def environment(double: Double, reader: Path, page: str) -> dict[str, str]:
    """Variables of the reader's shell; Edge Impulse is the double, which has what a project has."""
    project = double.state.project
    project.learn_blocks = [{"id": 5, "type": "keras", "name": "n", "dsp": [], "title": "t"}]
    project.files |= {"block": _zipped(reader / "block"), "export": _zipped(reader / "dataset"), "build": b"PK"}
    key = {"EI_API_KEY": ORGANIZATION_KEY} if "custom-block" in page else {}
    paths = {"PATH": f"{reader / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return os.environ | double.env | key | paths


def _zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return stream.getvalue()


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_the_commands_of_a_page(home: Path, environment: dict[str, str], reader: Path, page: str) -> None:
    for shell in shells(page):
        place = home
        for command in shell:
            words = program_words(command)
            if command.startswith("cd "):
                place /= command.removeprefix("cd ")
                assert place.is_dir(), command
            elif words and words[0] in LONG and (not REALLY or why_not(command)):
                given = check_options(words)
                made = given.get("out_directory") or given.get("out")
                if made is not None:
                    shutil.copytree(reader / "out", _numbered(place / made, given.get("name")), dirs_exist_ok=True)
            elif not why_not(command):
                run(command, place, environment)


def _numbered(out: Path, name: str | None) -> Path:
    """Where `train` writes: into the folder itself, or into the next of a name's in it."""
    if name is None:
        return out
    names = (name, *(f"{name}-{number}" for number in range(2, 10)))
    return next(out / each for each in names if not (out / each).exists())


def run(command: str, place: Path, environment: dict[str, str]) -> None:
    if "docker run" in command:
        command = command.replace(" ei-train ", f" {IMAGE} ")
    done = _done(["bash", "-c", f"set -o pipefail; {command}"], place, environment, timeout=3600)
    checks_only = (
        done.returncode == 5 and "the files are written" in done.stderr
    )  # so few pictures may not meet the checks
    assert done.returncode == 0 or checks_only, f"{command}\n{done.stdout}\n{done.stderr}"


def _done(
    words: list[str], place: Path, environment: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=place, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_of_a_page(home: Path, environment: dict[str, str], page: str) -> None:
    for block in blocks(page, "python"):
        done = _done([sys.executable, "-c", block], home, environment, timeout=60)
        assert done.returncode == 0, done.stderr


def test_what_is_not_run_is_on_a_page() -> None:
    lines = [command for _, command in all_commands()]
    assert [sign for sign in NOT_RUN if not any(sign in line for line in lines)] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_where_they_are_found(page: str) -> None:
    """A command line in a block of another kind would not be run."""
    for block in blocks(page, r"(?:text|bash|console|)"):
        assert "ei-train " not in block.splitlines()[0] if block else True
