"""Whose files the container writes: the owner of the nearest folder above the results."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
results_directory = runpy.run_path(str(ROOT / "docker" / "entrypoint.py"))["results_directory"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], "", id="no arguments"),
        pytest.param(["split", "photos", "dataset"], "", id="another command"),
        pytest.param(["--out-directory", "made/before"], "made/before", id="existing folder"),
        pytest.param(["--out-directory", "made/new/deep"], "made", id="folder to be made"),
        pytest.param(["--out-directory=made/new"], "made", id="with an equals sign"),
        pytest.param(["--out-directory"], "", id="value forgotten"),
        pytest.param(["--out-directory", "file/out"], "", id="a file in the way"),
        pytest.param(["--out-directory", "first", "--out-directory", "made"], "made", id="the last one counts"),
    ],
)
def test_results_directory(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made" / "before").mkdir(parents=True)
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert results_directory(arguments) == tmp_path / expected


def test_an_absolute_path_without_any_existing_folder_ends_at_the_root() -> None:
    assert results_directory(["--out-directory", "/no-such-folder/out"]) == Path("/")
