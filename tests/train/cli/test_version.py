"""`--version`: what is installed and may change a result, for people and for programs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.program import ROOT
from train import __version__
from train.cli import version
from train.cli.main import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output = capsys.readouterr()
    assert (ended.value.code, output.err) == (0, "")
    return output.out


def test_it_names_what_may_change_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    lines = dict(line.split(" ", 1) for line in said(capsys, "--version").splitlines())

    assert lines.keys() >= {"ei-train", "revision", "python", "numpy", "ai-edge-litert", "processor"}
    assert "threads" in lines["processor"]


@pytest.mark.parametrize("arguments", [("--version", "--json"), ("--json", "--version")])
def test_programs_are_told_the_same(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, *arguments))

    lines = dict(line.split(" ", 1) for line in said(capsys, "--version").splitlines())
    assert (told["ei-train"], told["python"]) == (__version__, lines["python"]) == (lines["ei-train"], lines["python"])
    assert told["libraries"].items() <= lines.items()
    assert told["revision"] == (None if lines["revision"] == "unknown" else lines["revision"])
    assert lines["processor"].startswith(f"{told['processor']['architecture']}, {told['processor']['threads']} threads")


def test_the_revision_is_the_checkouts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EI_TRAIN_REVISION", raising=False)
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "x"), ("tag", "v1")):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setattr(version, "ROOT", tmp_path)

    assert version._revision() == head
    (tmp_path / "new").write_text("")
    subprocess.run([*git, "add", "new"], check=True)
    assert version._revision() == f"{head}+"


def test_the_revision_of_an_image_is_the_one_it_was_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(version, "ROOT", tmp_path)  # an installed package is no checkout
    monkeypatch.delenv("EI_TRAIN_REVISION", raising=False)
    assert version._revision() is None

    monkeypatch.setenv("EI_TRAIN_REVISION", "abc")
    assert version._revision() == "abc"
    assert (ROOT / "Dockerfile").read_text().count('ENV EI_TRAIN_REVISION="${REVISION}"') == 2
