"""The journal of an upload: which files have arrived, so that an interrupted upload continues.

An SQLite database with a row for each file that the service has answered for: its key, a fingerprint of its size and
time, so that a file that changed is sent anew, and its sample's id. One transaction records what was answered together,
and is on the disk when it ends; a program that is killed loses no more than the one that it was in. The write-ahead log
beside the file (`-wal`) is there while an upload runs, and after one was killed until the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from ei_compat.core.errors import DataError, FormatError

APPLICATION = 0x4549_554A  # "EIUJ", in the database's header: https://www.sqlite.org/pragma.html#pragma_application_id
VERSION = 1
_TABLES = (
    "subject (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "arrived (key BLOB PRIMARY KEY, fingerprint TEXT NOT NULL, sample TEXT)",
)
_ELSEWHERE = "name another place with --journal"


class Journal:
    """An open journal, held by one process at a time.

    Args:
        path: the file; made when it is missing, beside the dataset as a rule.
        subject: what it is a journal of: the endpoint and the project.

    Raises:
        FormatError: the file is damaged, or no journal.
        DataError: it is a journal of another project, in use, or cannot be written.
    """

    def __init__(self, path: Path, subject: Mapping[str, str | int]) -> None:
        self.path = path
        if path.is_file() and path.stat().st_size == 1:  # which SQLite takes for an empty one
            raise self._no_journal()
        with self._errors("cannot keep a journal here", fix=_ELSEWHERE):
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            with self._errors("cannot keep a journal here", fix=_ELSEWHERE):
                self._open({name: str(value) for name, value in subject.items()})
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def __contains__(self, entry: tuple[str, str]) -> bool:
        """Whether the file of this key and fingerprint has arrived."""
        key, fingerprint = entry
        query = "SELECT 1 FROM arrived WHERE key = ? AND fingerprint = ?"
        with self._errors("cannot read the journal"):
            return self._database.execute(query, (_stored(key), fingerprint)).fetchone() is not None

    def __len__(self) -> int:
        with self._errors("cannot read the journal"):
            (count,) = self._database.execute("SELECT count(*) FROM arrived").fetchone()
        return int(count)

    def add(self, batches: Sequence[Mapping[str, tuple[str, int | None]]]) -> None:
        """Records answered batches and returns once they are on the disk.

        Args:
            batches: for each, fingerprint and sample id (None where the service knew the file already) by key.
        """
        rows = [
            (_stored(key), fingerprint, None if sample is None else str(sample))
            for batch in batches
            for key, (fingerprint, sample) in batch.items()
        ]
        fix = "free some space and run again: it continues"
        with self._errors("cannot write the journal", fix=fix), self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO arrived VALUES (?, ?, ?)", rows)

    def _open(self, subject: Mapping[str, str]) -> None:
        """Takes the file for this process alone, and makes sure that it is a journal of this subject, or a new one."""
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")  # kept from the first transaction on; needs no shared memory
        run("PRAGMA synchronous = FULL")
        with self._transaction():
            (application,), (version,) = run("PRAGMA application_id").fetchone(), run("PRAGMA user_version").fetchone()
            (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
            if tables == 0:
                for table in _TABLES:
                    run(f"CREATE TABLE {table} WITHOUT ROWID")
                self._database.executemany("INSERT INTO subject VALUES (?, ?)", subject.items())
                run(f"PRAGMA application_id = {APPLICATION}")
                run(f"PRAGMA user_version = {VERSION}")
            elif (application, version) != (APPLICATION, VERSION):
                raise self._no_journal()
            self._check_subject(dict(run("SELECT name, value FROM subject").fetchall()), subject)
        if run("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise self._no_journal()
        run("PRAGMA journal_mode = WAL")

    def _check_subject(self, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        if found == wanted:
            return
        differing = ", ".join(f"{name} {found.get(name)}" for name in wanted if found.get(name) != wanted[name])
        fix = "give another file with --journal"
        raise DataError(f"a journal of something else ({differing})", where=self.path, fix=fix)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN EXCLUSIVE")
        with self._database:
            yield

    @contextmanager
    def _errors(self, what: str, *, fix: str | None = None) -> Iterator[None]:
        """Turns what SQLite says into one line about the journal."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its extension
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise DataError("another upload is using this journal", where=self.path, fix="wait for it") from None
            if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}:
                raise self._no_journal() from None
            raise DataError(f"{what}: {error}", where=self.path, fix=fix) from None

    def _no_journal(self) -> FormatError:
        fix = "delete it if it is one (the service recognises what it has), else give another with --journal"
        return FormatError("not a journal, or a damaged one", where=self.path, fix=fix)


def _stored(key: str) -> bytes:
    """A key as bytes, which need not be UTF-8 in file names."""
    return key.encode(errors="surrogateescape")
