"""The journal: what it remembers, and what it survives."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError
from ei_compat.upload.journal import Journal

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


def test_a_kill_loses_no_transaction_that_had_ended(tmp_path):
    """The files of a journal that nobody closed, with the log cut anywhere, as a kill or a full disk leaves it."""
    wal, ends = tmp_path / "journal-wal", [0]
    with Journal(tmp_path / "journal", SUBJECT) as journal:
        for number in range(4):
            journal.add([{f"{number}.jpg": ("9:1", number)}])
            ends.append(wal.stat().st_size)
        database, log = (tmp_path / "journal").read_bytes(), wal.read_bytes()
    assert ends == sorted(set(ends))
    cuts = {max(0, at) for end in ends for at in (end - 4097, end - 4096, end - 1, end, end + 1, end + 31)}
    for cut in sorted(cuts | set(range(0, len(log), 997))):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "journal").write_bytes(database)
        (folder / "journal-wal").write_bytes(log[:cut])
        whole = sum(0 < end <= cut for end in ends)
        with Journal(folder / "journal", SUBJECT) as journal:
            assert len(journal) == whole
            journal.add([{"new": ("1", 1)}])
        assert known(folder / "journal") == whole + 1
        assert [each.name for each in folder.iterdir()] == ["journal"], "nothing is left beside it"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"rubbish!" * 512 + data[4096:],
        lambda data: data[:4096] + b"rubbish!" * 512 + data[8192:],
        lambda data: data[:-4096] + b"rubbish!" * 512,
        lambda data: b"\0" * 50 + data[50:],
        lambda data: data[: len(data) // 2],
        lambda data: data[:50],
        lambda data: b"{}\n" + data,
    ],
    ids=[
        "at the start",
        "in the middle",
        "at the end",
        "zeros first",
        "half of it",
        "a cut header",
        "a line before it",
    ],
)
def test_damage_is_an_error(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=r"journal: not a journal, or a damaged one; delete it if it is one"):
        known(path)


def database_of_somebody_else() -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE arrived (key BLOB, fingerprint TEXT, sample TEXT)")
        return database.serialize()


@pytest.mark.parametrize(
    "content",
    [b"precious", b"precious\n", b"0", b'{"a": 1}\n' * 3, b"precious" * 4096, database_of_somebody_else()],
    ids=["a word", "a line", "a character", "lines", "pages", "a database"],
)
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path, content):
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(FormatError, match="not a journal"):
        known(tmp_path / "notes")
    assert (tmp_path / "notes").read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["notes"]


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE arrived", "DROP TABLE subject", "ALTER TABLE arrived RENAME key TO name", "PRAGMA user_version = 2"],
)
def test_a_database_of_another_shape_is_an_error(path, change):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(change)
    with pytest.raises(FormatError, match=r"not a journal"), Journal(path, SUBJECT) as journal:
        assert ("a/0.jpg", "9:1") in journal


def test_names_need_be_no_text(path):
    odd = "caf\udce9\0.jpg"  # as the system gives bytes that are no UTF-8
    with Journal(path, SUBJECT) as journal:
        journal.add([{odd: ("1", 10**30)}])
    with Journal(path, SUBJECT) as journal:
        assert (odd, "1") in journal
        assert ("caf", "1") not in journal


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


def test_another_process_cannot_have_it(path):
    code = "import sys, pathlib; from ei_compat.upload.journal import Journal\n"
    code += f"Journal(pathlib.Path(sys.argv[1]), {SUBJECT})"
    with Journal(path, SUBJECT) as journal:
        run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert run.stderr.splitlines()[-1].endswith("another upload is using this journal; wait for it")
        journal.add([{"new": ("1", 1)}])
    assert known(path) == 7


def test_a_full_disk_is_said(path, monkeypatch):
    with Journal(path, SUBJECT) as journal:
        journal._database.execute("PRAGMA max_page_count = 4")
        with pytest.raises(DataError, match=r"cannot write the journal: database or disk is full; free some space"):
            journal.add([{f"{number}" * 100: ("1", 1) for number in range(1000)}])
    assert known(path) == 6
