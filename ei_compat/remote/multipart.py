"""A `multipart/form-data` request body that is read from disk while it is sent, and can be sent again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ei_compat.remote.transport import SEND


class PartError(Exception):
    """A part whose file cannot be read, or is no longer as long as it was.

    Args:
        index: which of the parts.
        what: what is wrong.
    """

    def __init__(self, index: int, what: str) -> None:
        super().__init__(what)
        self.index = index


@dataclass(frozen=True, slots=True)
class Part:
    """One field of the form.

    Attributes:
        field: the field's name.
        content: the bytes, or the file that holds them.
        filename: the name that the part gives its file, None for a plain field.
        media_type: of the content.
    """

    field: str
    content: bytes | Path
    filename: str | None = None
    media_type: str | None = None


class Multipart:
    """A form. Files are opened one at a time; their lengths are fixed when the form is made.

    Args:
        parts: in the order they are sent.

    Raises:
        PartError: a part's file cannot be read.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts = parts
        self._sizes = [_size(index, part) for index, part in enumerate(parts)]
        self._heads = [self._head(part) for part in parts]
        self._end = f"--{self._boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        """The header that goes with the body."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return sum(map(len, self._heads)) + sum(self._sizes) + 2 * len(self._parts) + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        waiting = bytearray()
        for index, part in enumerate(self._parts):
            waiting += self._heads[index]
            for piece in self._pieces(index, part):
                waiting += piece
                if len(waiting) >= SEND:  # small parts are gathered
                    yield bytes(waiting)
                    waiting.clear()
            waiting += b"\r\n"
        yield bytes(waiting + self._end)

    def _head(self, part: Part) -> bytes:
        lines = [f"--{self._boundary}", f'Content-Disposition: form-data; name="{_quoted(part.field)}"']
        if part.filename is not None:
            lines[-1] += f'; filename="{_quoted(part.filename)}"'
        if part.media_type is not None:
            lines.append(f"Content-Type: {part.media_type}")
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode(errors="surrogateescape")

    def _pieces(self, index: int, part: Part) -> Iterator[bytes]:
        """A part's content, exactly as long as was promised."""
        if isinstance(part.content, bytes):
            yield part.content
            return
        left = self._sizes[index]
        try:
            with part.content.open("rb", buffering=0) as stream:
                while left and (piece := stream.read(min(left, SEND))):
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise PartError(index, _reason(error)) from None
        if left:
            raise PartError(index, "became shorter while it was read")


def _size(index: int, part: Part) -> int:
    if isinstance(part.content, bytes):
        return len(part.content)
    try:
        return part.content.stat().st_size
    except OSError as error:
        raise PartError(index, _reason(error)) from None


def _reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"


def _quoted(name: str) -> str:
    """A name inside quotes, as browsers send it (HTML, form submission)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
