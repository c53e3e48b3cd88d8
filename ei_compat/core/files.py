"""Files that appear whole or not at all, and paths that stay where they belong."""

from __future__ import annotations

import ctypes
import errno
import functools
import hashlib
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ei_compat.core.errors import DataError, FormatError, LimitError

CHUNK = 1 << 20
SMALL = 1 << 16  # bytes of a file that is read when its size is asked for
DIGEST = 20  # bytes
LONGEST_NAME = 255  # bytes of a file's name on every common file system; characters of other scripts take two to four
_UNSAFE = re.compile(r"[^\w .()+=,@-]+")


def read_at_most(path: Path, most: int) -> bytes:
    """A file's bytes.

    Raises:
        DataError: it cannot be read.
        LimitError: it holds more than `most`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({(error.strerror or 'error').lower()})", where=path) from None
    if len(data) > most:
        raise LimitError(f"is larger than {most} bytes", where=path)
    return data


def cache_folder(name: str) -> Path:
    """The user's folder for things of one kind that can be had again (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - needs no account
    return Path(home) / "ei-train" / name


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """A stream to a file beside `path` that takes its place, synced to disk, when the block ends without an error."""
    beside = _beside(path)
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in {None, str(beside)}:
            error.filename, error.filename2 = str(path), None  # writing does not say where, and nobody knows that name
        with suppress(OSError):  # it may not be there, where nothing can be made
            beside.unlink()
        raise
    _sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Writes one file whole or not at all."""
    with replaced_file(path) as stream:
        stream.write(data)


def write_one_of_many(path: str, data: bytes) -> None:
    """Writes a file of a folder that is not complete yet, see `new_folder`, which syncs all of them at once."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        while data:
            data = data[os.write(handle, data) :]
    finally:
        os.close(handle)


def _beside(path: Path) -> Path:
    """A name of its own in the same folder, for what is not complete yet."""
    return path.with_name(f".{cut_name(path.name, 200)}.{secrets.token_hex(4)}.part")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its name when the block ends without an error.

    What was written into it is synced to disk before, all at once.

    Raises:
        DataError: when `target` exists and is not an empty folder, or cannot be made.
    """
    refuse_occupied(target)
    beside = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    except OSError as error:
        raise DataError(
            f"cannot be made: {error.strerror}", where=target, fix="check the path and its permissions"
        ) from None
    try:
        yield beside
        _sync_file_system(beside)
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
    """Makes the names in a folder as durable as the files' content, where the system and the file system can."""
    if os.name != "posix":  # pragma: no cover - a folder cannot be opened elsewhere
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network and overlay file systems cannot
            raise
    finally:
        os.close(handle)


def _sync_file_system(folder: Path) -> None:
    """Writes out everything that the folder's file system still holds back.

    One such call takes the place of one `fsync` for each of many files, which costs milliseconds a file.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "syncfs"):  # Linux has it since 2.6.39, others do not
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if libc.syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


def link_or_copy(source: str, target: str, *, copy: bool = False) -> None:
    """A hard link to `source`, or its copy where the file system cannot link or `copy` asks for one.

    Args:
        source: a file, or a link to one, which is followed.
        target: an absolute path that is free.
        copy: see above.
    """
    if not copy:
        try:
            os.link(source, target, dst_dir_fd=_any_folder())
            return
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}:
                raise
    shutil.copyfile(source, target)


@functools.cache
def _any_folder() -> int:
    """A folder's handle, which an absolute path makes nothing of; only with one does `os.link` follow links."""
    return os.open(os.sep, getattr(os, "O_PATH", os.O_RDONLY))


def size_and_digest(path: str) -> tuple[int, bytes | None]:
    """A file's bytes, and the BLAKE2b of its content where it is small; opening it is most of the work then."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # which waits for no pipe
    try:
        size = os.fstat(handle).st_size
        data = os.read(handle, size + 1) if size < SMALL else b""
    finally:
        os.close(handle)
    return size, hashlib.blake2b(data, digest_size=DIGEST).digest() if len(data) == size else None


def file_digest(path: str) -> bytes:
    """BLAKE2b of a file's content, read in pieces."""
    digest = hashlib.blake2b(digest_size=DIGEST)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while piece := os.read(handle, CHUNK):
            digest.update(piece)
    finally:
        os.close(handle)
    return digest.digest()


def safe_file_name(text: str, *, most: int = 120) -> str:
    """`text` as a part of a file name: no separators or odd characters, no dot at an end, never empty.

    Args:
        text: anything.
        most: bytes that the name may have.
    """
    if text.isascii() and text.isalnum() and len(text) <= most:
        return text  # as many are
    return cut_name(_UNSAFE.sub("_", composed(text)), most).strip(" .") or "_"


def cut_name(text: str, most: int) -> str:
    """The beginning of a text that is at most so many bytes in UTF-8, with no character cut in two."""
    if len(text) * 4 <= most or len(text.encode("utf-8", "surrogateescape")) <= most:
        return text
    return text.encode("utf-8", "surrogateescape")[:most].decode("utf-8", "ignore")


def composed(text: str) -> str:
    """A name in Unicode's composed form, NFC.

    macOS stores names decomposed, other systems as they come, so one name can be two texts that look the same.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


class Inside:
    """Guard of a dataset's folder: paths that the dataset names stay inside it, links included.

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
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
