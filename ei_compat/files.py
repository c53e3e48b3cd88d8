"""Files that appear whole or not at all, and paths that stay where they belong."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ei_compat.errors import DataError, FormatError

CHUNK = 1 << 20
_UNSAFE = re.compile(r"[^\w .()+=,@-]+")


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream to a file beside `path` that takes its place, synced to disk, when the block ends without an error."""
    beside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Writes one file whole or not at all."""
    with replaced_file(path) as stream:
        stream.write(data)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its name when the block ends without an error.

    Raises:
        DataError: when `target` exists and is not an empty folder, or cannot be made.
    """
    refuse_occupied(target)
    beside = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    except OSError as error:
        raise DataError(
            f"cannot be made: {error.strerror}", where=target, fix="check the path and its permissions"
        ) from None
    try:
        yield beside
        _sync_folder(beside)
        if target.exists():
            target.rmdir()  # still empty, or this fails
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync_folder(target.parent)


def refuse_occupied(target: Path) -> None:
    """Raises DataError when `target` is a file, or a folder that holds anything."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise DataError("is not a folder", where=target, fix="name a new folder")
    if target.is_dir() and next(target.iterdir(), None) is not None:
        raise DataError("is not empty", where=target, fix="name a new or an empty folder")


def reserve(handle: int, size: int) -> None:
    """Takes `size` bytes of disk for an open file, so that a full disk shows here and not as a bus error later.

    Where the system (macOS) or the file system cannot, the file only gets its length.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
            return
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
                raise
    os.ftruncate(handle, size)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network and overlay file systems cannot
            raise
    finally:
        os.close(handle)


def link_or_copy(source: Path, target: Path, *, copy: bool = False) -> None:
    """A hard link to `source`, or its copy where the file system cannot link or `copy` asks for one."""
    if not copy:
        try:
            os.link(source.resolve(), target)
            return
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}:
                raise
    shutil.copyfile(source, target)


def file_digest(path: Path) -> str:
    """BLAKE2b of a file's content, read in pieces."""
    digest = hashlib.blake2b(digest_size=20)
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def safe_file_name(text: str, *, most: int = 120) -> str:
    """`text` as a part of a file name: no separators or odd characters, no dot at an end, never empty."""
    return _UNSAFE.sub("_", text)[:most].strip(" .") or "_"


class Inside:
    """Checks that paths named by a dataset stay inside its folder, links included.

    Args:
        root: the dataset's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real = os.path.realpath(root)
        self._folders: dict[str, str] = {}

    def file(self, relative: str, *, where: str) -> str:
        """The relative path, normalised, of a regular file below the root.

        Args:
            relative: as the dataset names it, with either kind of slash.
            where: names the place that mentions it.

        Raises:
            FormatError: when it is absolute, climbs out, or a link leads outside.
            DataError: when there is no such file.
        """
        parts = [part for part in relative.replace("\\", "/").split("/") if part not in {"", "."}]
        bad = "\0" in relative or relative.startswith(("/", "\\")) or ".." in parts or not parts
        if bad or (len(parts[0]) == 2 and parts[0][1] == ":") or not encodable(relative):
            raise FormatError(f"path {relative!r} is not inside the dataset", where=where)
        folder = "/".join(parts[:-1])
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(os.path.join(self.real, folder))  # noqa: PTH118 - measured: Path costs ten times as much here
        path = os.path.join(self._folders[folder], parts[-1])  # noqa: PTH118
        if os.path.islink(path):  # noqa: PTH114
            path = os.path.realpath(path)
        if not (path.startswith(self.real + os.sep) or self.real == os.sep):
            raise FormatError(f"path {relative!r} leads outside the dataset through a link", where=where)
        if not os.path.isfile(path):  # noqa: PTH113
            raise DataError(f"file {relative!r} is missing", where=where, fix="restore the file or remove its entry")
        return "/".join(parts)


def encodable(text: str) -> bool:
    """Whether a text is UTF-8, which a file's name or a JSON string need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
