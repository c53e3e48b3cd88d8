"""What `make` starts, seen with a `docker` that only says how it was called."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import ROOT

FAKE = '#!/bin/sh\necho "docker $*" >> "$CALLS"\n'


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that each call of the stand-in adds a line to."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(FAKE)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in ("MAKE_TERMOUT", "MAKE_TERMERR", "MAKEFLAGS", "MAKELEVEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "calls"


def command(tmp_path: Path) -> list[str]:
    (tmp_path / "data").mkdir(exist_ok=True)
    return ["make", "-C", str(ROOT), "train-with-image", f"DATA={tmp_path / 'data'}", f"OUT={tmp_path / 'out'}"]


def test_on_a_terminal_the_container_gets_it(calls: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command(tmp_path), stdin=theirs, stdout=theirs, stderr=theirs, check=True, timeout=60)
    finally:
        os.close(theirs)
        os.close(ours)

    assert calls.read_text().startswith("docker run --rm -it --env EI_TRAIN_MAKE=1 ")


def test_in_a_pipe_it_does_not(calls: Path, tmp_path: Path) -> None:
    subprocess.run(command(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)

    assert calls.read_text().startswith("docker run --rm --env EI_TRAIN_MAKE=1 ")


def setup(tmp_path: Path, **streams: int) -> subprocess.CompletedProcess[str]:
    """What `make setup` would run, without running it."""
    command = ["make", "--dry-run", "-C", str(ROOT), "setup", f"VENV={tmp_path / 'venv'}"]
    return subprocess.run(command, check=True, text=True, timeout=60, **streams)


def test_setup_says_what_comes_and_shows_how_far_it_is(calls: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    setup(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    with contextlib.suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # which ends with an error
        watched = ""
        while part := terminal.read(4096):
            watched += part.decode()
    piped = setup(tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout

    for shown in (watched, piped):
        assert shown.index("downloading about 600 MB of packages") < shown.index("--require-hashes")
    assert "-m pip install --disable-pip-version-check --require-hashes" in " ".join(watched.split())
    assert "-m pip install -qq --disable-pip-version-check --require-hashes" in " ".join(piped.split())


def test_what_to_do_after_a_stop_works_as_typed() -> None:
    program = "from train.supervision import HOW_TO_GO_ON; print(HOW_TO_GO_ON)"
    for value, says in (("1", "run `make train ARGS=--resume` to go on\n"), ("", "run again with --resume to go on\n")):
        environment = os.environ | {"EI_TRAIN_MAKE": value}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == says
