"""The size of plain JPEG and PNG pictures from their first bytes, about ten times as fast as opening them.

Whatever is not plain (EXIF or XMP data that may turn the picture, a header that does not end in the first few thousand
bytes, another kind of file) is left to Pillow, which decides what a picture is.
"""

from __future__ import annotations

import zlib
from struct import Struct

FIRST_BYTES = 4096
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"  # that such files begin with
_SCAN, _APP1 = 0xFFDA, 0xFFE1  # JPEG markers
_FRAMES = frozenset(range(0xFFC0, 0xFFD0)) - {0xFFC4, 0xFFC8, 0xFFCC}  # those that begin a frame and hold its size
_OTHERS = frozenset([0xFFC4, 0xFFC8, 0xFFCC, *range(0xFFDB, 0xFFFF)]) - {_APP1}  # other segments, with their length
_TWO_WORDS = Struct(">HH")
_TEXT = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt"})  # PNG chunks that may say how the picture is turned


def plain_size(first: bytes) -> tuple[int, int] | None:
    """Width and height of a picture that no metadata can turn.

    Args:
        first: the file's first bytes, `FIRST_BYTES` of them or the whole file.

    Returns:
        None where only a real decoder can tell.
    """
    if first.startswith(JPEG):
        return _jpeg(first)
    return _png(first) if first.startswith(PNG) else None


def _jpeg(first: bytes) -> tuple[int, int] | None:
    at, size, last = 2, None, len(first) - 4
    while at <= last:
        marker, length = _TWO_WORDS.unpack_from(first, at)
        if marker == _SCAN:
            return size
        if marker in _FRAMES:
            if size or length < 11 or at + 9 > len(first) or first[at + 4] != 8:
                return None
            height, width = _TWO_WORDS.unpack_from(first, at + 5)
            size = width, height
            if 0 in size:
                return None
        elif marker not in _OTHERS:
            return None
        at += 2 + length
    return None


def _png(first: bytes) -> tuple[int, int] | None:
    if first[8:16] != b"\0\0\0\rIHDR" or zlib.crc32(first[12:29]) != int.from_bytes(first[29:33]):
        return None
    size = int.from_bytes(first[16:20]), int.from_bytes(first[20:24])
    at = 33
    while at + 8 <= len(first):
        name = first[at + 4 : at + 8]
        if name == b"IDAT":
            return None if 0 in size else size
        if name in _TEXT:
            return None
        at += 12 + int.from_bytes(first[at : at + 4])
    return None
