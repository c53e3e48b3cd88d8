"""The journal of an upload: which files have arrived, so that an interrupted upload continues.

A text file, one record a line, each line `CRC32 JSON`: first what it is a journal of, then one line per batch that the
service has answered, appended and synced to disk together. A file is named in it by its key and a fingerprint of its
size and time, so a file that changed is sent anew. Killing the program can tear only the last line, which is cut off;
a damaged line before the last means that somebody else wrote here, and is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import sync_folder

VERSION = 1


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
        self._arrived: set[bytes] = set()
        fresh = not path.exists()
        try:
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            what = f"cannot keep a journal here: {error.strerror}"
            raise DataError(what, where=path, fix="name another place with --journal") from None
        try:
            self._lock()
            self._load({"version": VERSION, **subject})
            if fresh:
                sync_folder(path.parent)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, entry: tuple[str, str]) -> bool:
        """Whether the file of this key and fingerprint has arrived."""
        return _digest(*entry) in self._arrived

    def __len__(self) -> int:
        return len(self._arrived)

    def add(self, batches: Sequence[Mapping[str, tuple[str, int | None]]]) -> None:
        """Records answered batches and returns once they are on the disk.

        Args:
            batches: for each, fingerprint and sample id (None where the service knew the file already) by key.
        """
        lines = [_line({"arrived": {key: list(entry) for key, entry in batch.items()}}) for batch in batches if batch]
        if not lines:
            return
        self._append(b"".join(lines))
        for batch in batches:
            self._arrived.update(_digest(key, fingerprint) for key, (fingerprint, _) in batch.items())

    def _append(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            what = f"cannot write the journal: {error.strerror}"
            raise DataError(what, where=self.path, fix="free some space and run again: it continues") from None

    def _lock(self) -> None:
        if os.name != "posix":  # pragma: no cover - elsewhere nothing guards against two uploads at once
            return
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError("another upload is using this journal", where=self.path, fix="wait for it") from None

    def _load(self, header: dict[str, Any]) -> None:
        """Reads what is there, cuts a torn last line off, and writes the header of a new file."""
        self._file.seek(0)
        good = 0
        for number, line in enumerate(self._file, start=1):
            record = _record(line)
            ours = number > 1 or _line(header).startswith(line)  # never cut a file that is something else
            if record is None and ours and not self._file.read(1):
                break  # the last line, torn
            entries = _entries(record)
            if number == 1 and record is not None:
                self._check_header(record, header)
            elif entries is not None:
                self._arrived.update(_digest(key, fingerprint) for key, fingerprint in entries)
            else:
                fix = "delete it if it is one (the service recognises what it has), else give another with --journal"
                raise FormatError("not a journal line", where=f"{self.path}:{number}", fix=fix)
            good += len(line)
        self._file.truncate(good)
        self._file.seek(0, os.SEEK_END)
        if good == 0:
            self._append(_line(header))

    def _check_header(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        if found == wanted:
            return
        differing = ", ".join(f"{name} {found.get(name)}" for name in wanted if found.get(name) != wanted[name])
        fix = "give another file with --journal"
        raise DataError(f"a journal of something else ({differing})", where=self.path, fix=fix)


def _line(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record(line: bytes) -> dict[str, Any] | None:
    """The record of a whole line; None where the line is torn or was never ours."""
    checksum, _, text = line.partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text[:-1]):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _entries(record: dict[str, Any] | None) -> list[tuple[str, str]] | None:
    """Key and fingerprint of each file in a record; None where it is no record of arrivals."""
    arrived = None if record is None else record.get("arrived")
    if not isinstance(arrived, dict):
        return None
    entries = [(key, value[0]) for key, value in arrived.items() if isinstance(value, list) and len(value) == 2]
    return entries if len(entries) == len(arrived) and all(isinstance(each, str) for _, each in entries) else None


def _digest(key: str, fingerprint: str) -> bytes:
    """Twelve bytes for one file's arrival: half a million of them stay below 50 MB."""
    return hashlib.blake2b(f"{fingerprint}\0{key}".encode(errors="surrogateescape"), digest_size=12).digest()
