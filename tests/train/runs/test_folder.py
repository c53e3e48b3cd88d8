"""Runs that are numbered: each start gets a folder of its own, however many start at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, UsageError
from train.runs.folder import numbered_folder


def test_runs_are_numbered_in_order(tmp_path: Path) -> None:
    made = [numbered_folder(tmp_path / "runs", "exp").name for _ in range(3)]
    assert made == ["exp", "exp-2", "exp-3"]
    (tmp_path / "runs" / "exp").rmdir()
    assert numbered_folder(tmp_path / "runs", "exp").name == "exp"


def test_starts_at_once_get_a_number_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: numbered_folder(tmp_path / "runs", "exp").name, range(64)))

    assert sorted(made) == sorted(["exp", *(f"exp-{number}" for number in range(2, 65))])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no name of a folder"):
        numbered_folder(tmp_path, name)


def test_where_no_folder_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(DataError, match="runs: cannot be written to"):
        numbered_folder(tmp_path / "runs", "exp")
