"""The journal: what it remembers, and what it survives."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError
from ei_compat.upload.journal import Journal, _line

SUBJECT = {"endpoint": "https://ingestion.test", "project": 1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three batches."""
    path = tmp_path / "journal"
    with Journal(path, SUBJECT) as journal:
        for number in range(3):
            journal.add([{f"a/{number}.jpg": ("9:1", number), f"b/{number}.jpg": ("9:1", None)}])
    return path


def known(path: Path) -> int:
    with Journal(path, SUBJECT) as journal:
        return len(journal)


def test_it_remembers(path):
    with Journal(path, SUBJECT) as journal:
        assert ("a/2.jpg", "9:1") in journal
        assert ("a/2.jpg", "9:2") not in journal, "the file has changed since"
        assert ("a/3.jpg", "9:1") not in journal
        assert len(journal) == 6


def test_it_survives_being_torn_anywhere(path):
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        lines = sum(end <= cut for end in ends)
        assert known(path) == max(0, lines - 1) * 2
        assert path.read_bytes() == whole[: max(ends[0], *(end for end in [0, *ends] if end <= cut))]
        with Journal(path, SUBJECT) as journal:
            journal.add([{"new": ("1", 1)}])
        assert known(path) == max(0, lines - 1) * 2 + 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0], b"rubbish\n", *lines[1:]],
        lambda lines: [lines[0], lines[1][:9] + b"x" + lines[1][10:], *lines[2:]],
        lambda lines: [b"\x00" * 50 + b"\n", *lines],
        lambda lines: [lines[0][:-3] + b"\n", *lines[1:]],
    ],
    ids=["a line of somebody else", "a changed byte", "zeros first", "a cut header"],
)
def test_damage_before_the_end_is_an_error(path, damage):
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(FormatError, match=r"journal:\d: not a journal line; delete it if it is one"):
        known(path)


@pytest.mark.parametrize("content", [b"precious", b"precious\n", b"0", b'{"a": 1}\n' * 3], ids=repr)
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path, content):
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(FormatError, match="not a journal line"):
        known(tmp_path / "notes")
    assert (tmp_path / "notes").read_bytes() == content


@pytest.mark.parametrize(
    "record",
    [{}, {"arrived": []}, {"arrived": {"a": None}}, {"arrived": {"a": ["1"]}}, {"arrived": {"a": [1, 2]}}, {"x": 1}],
    ids=str,
)
def test_a_line_of_another_shape_is_an_error(path, record):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], _line(record), *lines[2:]]))
    with pytest.raises(FormatError, match=r"journal:3: not a journal line"):
        known(path)


def test_it_belongs_to_one_project(path):
    with pytest.raises(DataError, match=r"a journal of something else \(project 1\); give another"):
        Journal(path, SUBJECT | {"project": 2})


def test_it_is_held_by_one(path):
    with Journal(path, SUBJECT), pytest.raises(DataError, match="another upload"):
        Journal(path, SUBJECT)


def test_it_needs_a_place(tmp_path):
    with pytest.raises(DataError, match=r"cannot keep a journal here.*--journal"):
        Journal(tmp_path / "none" / "journal", SUBJECT)


def test_an_empty_batch_writes_nothing(path):
    before = path.read_bytes()
    with Journal(path, SUBJECT) as journal:
        journal.add([{}])
    assert path.read_bytes() == before


def test_a_file_system_that_syncs_no_folder_will_do(tmp_path, monkeypatch):
    sync = os.fsync

    def of_files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(handle)

    monkeypatch.setattr(os, "fsync", of_files_only)
    with Journal(tmp_path / "journal", SUBJECT) as journal:
        journal.add([{"a": ("1", 1)}])
    assert known(tmp_path / "journal") == 1
