"""Unpacking a zip that came from elsewhere: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ei_compat.core.errors import FormatError, LimitError

CHUNK = 1 << 20
NAME_LIMIT = 1024  # bytes of one member's name
GIB = 1 << 30
DAMAGE = (  # what zipfile and its decompressors raise on bytes that are not what they claim
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Upper bounds on what one archive may cost.

    Attributes:
        bytes: of the archive itself, and of all its members when unpacked; counted as they are written, whatever the
            archive claims.
        members: files and folders.
    """

    bytes: int = 20 * GIB
    members: int = 500_000


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


def unzip(archive: Path, folder: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> int:
    """Unpacks an archive into an empty folder.

    Args:
        archive: a zip file.
        folder: exists and is empty.
        limits: upper bounds.

    Returns:
        How many files there were.

    Raises:
        FormatError: it is no zip, is damaged or encrypted, or a member is a link, is named twice or would land outside.
        LimitError: it is larger than the limits.
    """
    files, left = 0, limits.bytes
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > limits.members:
                what = f"holds {len(members)} members, {limits.members} are allowed"
                raise LimitError(what, where=archive, fix="raise --max-files")
            seen: set[Path] = set()
            for member in members:
                target = folder / _relative(member, archive)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                if target in seen:
                    raise FormatError("two members have this name", where=f"{archive}: {member.filename}")
                seen.add(target)
                target.parent.mkdir(parents=True, exist_ok=True)
                left = _write(opened, member, target, left, limits, archive)
                files += 1
    except DAMAGE as error:
        raise FormatError(f"not a zip file that can be read: {error}", where=archive, fix="download it again") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise FormatError("a member is a file and a folder", where=error.filename or archive) from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise LimitError("a member's name is too long", where=archive) from None
        if error.errno != errno.EINVAL:  # which is what reading at a place before the file's start gives
            raise
        raise FormatError("not a zip file that can be read", where=archive, fix="download it again") from None
    return files


def _relative(member: zipfile.ZipInfo, archive: Path) -> Path:
    """Where a member belongs below the folder."""
    name = member.filename
    where = f"{archive}: {name!r}"
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", "."}]
    drive = bool(parts) and ":" in parts[0]
    if name.startswith(("/", "\\")) or ".." in parts or drive or not parts or "\0" in member.orig_filename:
        raise FormatError("a member would land outside the folder", where=where)
    if len(os.fsencode(name)) > NAME_LIMIT:
        raise LimitError("a member's name is too long", where=where[:200])
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise FormatError("a member is a link or a device", where=where)
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FormatError("a member is compressed in another way than by deflate", where=where)
    if member.flag_bits & 0x1:
        raise FormatError("a member is encrypted", where=where)
    return Path(*parts)


def _write(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, limits: ArchiveLimits, archive: Path
) -> int:
    """Unpacks one file; gives how many bytes may still be written."""
    with target.open("xb") as stream:
        for piece in _pieces(opened, member):
            left -= len(piece)
            if left < 0:
                what = f"unpacks to more than {limits.bytes / GIB:g} GiB"
                raise LimitError(what, where=archive, fix="raise --max-gib if that is right")
            stream.write(piece)
    if member.external_attr >> 16 & 0o100:
        target.chmod(0o755)  # the block's own start script has to stay one
    return left


def _pieces(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with opened.open(member) as stream:
        while piece := stream.read(CHUNK):
            yield piece
