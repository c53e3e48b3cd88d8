"""Reading flatbuffers written by others: every access is checked against the file's end before it is made.

Source: the FlatBuffers binary format. A table starts with a signed offset back to its vtable, which holds, per
field id, the field's offset from the table's start (0: absent, the schema's default counts).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ei_compat.core.errors import FormatError

MAX_BYTES = 1 << 30  # files larger than this are refused before anything is read


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a buffer.

    Args:
        data: the whole file.
        position: the table's first byte.
        file: how errors name the file.
    """

    data: bytes
    position: int
    file: str

    def fail(self, what: str, position: int | None = None) -> FormatError:
        """An error that names the file and the byte."""
        at = self.position if position is None else position
        return FormatError(what, where=f"{self.file} at byte {at}", fix="convert the model again")

    def _unpack(self, code: str, position: int) -> int | float:
        size = struct.calcsize(code)
        if position < 0 or position + size > len(self.data):
            raise self.fail(f"the file ends before a value of {size} bytes", position)
        value: int | float = struct.unpack_from("<" + code, self.data, position)[0]
        return value

    def _int(self, code: str, position: int) -> int:
        return int(self._unpack(code, position))

    def _field(self, field: int) -> int:
        """The position of a field, 0 where it is absent."""
        vtable = self.position - self._int("i", self.position)
        size = self._int("H", vtable)
        slot = 4 + 2 * field
        if slot + 2 > size:
            return 0
        offset = self._int("H", vtable + slot)
        return self.position + offset if offset else 0

    def _indirect(self, position: int) -> int:
        target = position + self._int("I", position)
        if target + 4 > len(self.data):
            raise self.fail("an offset points behind the file's end", position)
        return target

    def place(self, field: int) -> int | None:
        """Where a field's value lies in the file, None where it is absent."""
        return self._field(field) or None

    def integer(self, field: int, code: str, default: int = 0) -> int:
        """A scalar of `struct` code b, B, h, H, i, I, q or Q."""
        position = self._field(field)
        return self._int(code, position) if position else default

    def boolean(self, field: int, default: bool = False) -> bool:
        """A bool, stored as one byte."""
        position = self._field(field)
        return bool(self._int("B", position)) if position else default

    def real(self, field: int, default: float = 0.0) -> float:
        """A float32."""
        position = self._field(field)
        return float(self._unpack("f", position)) if position else default

    def table(self, field: int) -> Table | None:
        """A table, or None where it is absent."""
        position = self._field(field)
        return Table(self.data, self._indirect(position), self.file) if position else None

    def _vector(self, field: int, item: int) -> tuple[int, int]:
        """The position of a vector's first item and the number of items; (0, 0) where it is absent."""
        position = self._field(field)
        if not position:
            return 0, 0
        start = self._indirect(position)
        count = self._int("I", start)
        if start + 4 + count * item > len(self.data):
            raise self.fail(f"a vector of {count} items reaches behind the file's end", start)
        return start + 4, count

    def length(self, field: int) -> int | None:
        """The number of a vector's items whatever they are, None where it is absent."""
        position = self._field(field)
        return self._int("I", self._indirect(position)) if position else None

    def bytes(self, field: int) -> bytes:
        """A vector of bytes."""
        start, count = self._vector(field, 1)
        return self.data[start : start + count]

    def text(self, field: int) -> str:
        """A string; bytes that are no UTF-8 become replacement characters."""
        return self.bytes(field).decode("utf-8", "replace")

    def integers(self, field: int, code: str) -> tuple[int, ...]:
        """A vector of integers of `struct` code i, q and the like."""
        start, count = self._vector(field, struct.calcsize("<" + code))
        return struct.unpack_from(f"<{count}{code}", self.data, start) if count else ()

    def reals(self, field: int) -> tuple[float, ...]:
        """A vector of float32."""
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}f", self.data, start) if count else ()

    def tables(self, field: int) -> tuple[Table, ...]:
        """A vector of tables."""
        start, count = self._vector(field, 4)
        return tuple(Table(self.data, self._indirect(start + 4 * i), self.file) for i in range(count))


def root(data: bytes, identifier: bytes, file: str) -> Table:
    """The root table of a file with a four-byte identifier.

    Raises:
        FormatError: the file is too short, or does not carry the identifier.
    """
    if len(data) < 8 or len(data) > MAX_BYTES or data[4:8] != identifier:
        raise FormatError(
            f"not a .tflite file (no {identifier.decode()!r} at byte 4)", where=file, fix="give a TensorFlow Lite model"
        )
    start = Table(data, 0, file)
    return Table(data, start._indirect(0), file)
