"""From outside text to typed values: JSON with limits and positions, checked against the annotations of a dataclass."""

from __future__ import annotations

import functools
import json
import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ei_compat.core.errors import FormatError, LimitError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?(?:NaN|Infinity))')
_SPACE = re.compile(r"[ \t\n\r]*")


def read_limited(path: str | os.PathLike[str], most: int, *, option: str) -> bytes:
    """A file's bytes, never more than `most`.

    Raises:
        LimitError: when it is larger; `option` names the limit.
        FormatError: when it is not a regular file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # which waits for no pipe
    except (OSError, ValueError):
        if os.path.isfile(path):  # noqa: PTH113 - `path` may be any path-like
            raise
        raise FormatError("not a regular file" if Path(path).exists() else "no such file", where=path) from None
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise FormatError("not a regular file", where=path)
        size = min(state.st_size, most)
        data = os.read(handle, size + 1)  # a reader takes the memory that it is asked for, not what the file holds
        while len(data) != size and (more := os.read(handle, most + 1 - len(data))):  # it has grown, or came in pieces
            data += more
    finally:
        os.close(handle)
    if len(data) > most:
        raise LimitError(f"larger than {most:,} bytes", where=path, fix=f"raise Limits.{option}")
    return data


def read_text(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> str:
    """A label file as text: UTF-8, with or without a byte order mark."""
    data = read_limited(path, limits.label_file_bytes, option="label_file_bytes")
    try:
        return data.removeprefix(BOM_UTF8).decode()  # as "utf-8-sig" is, which is written in Python
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8 text", where=f"{os.fspath(path)}, byte {error.start}") from None


def read_json(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> Any:
    """A JSON file's value.

    Raises:
        FormatError: with line and column where it is not JSON.
        LimitError: when it is too large.
    """
    return parse_json(read_text(path, limits), where=os.fspath(path))


def parse_json(text: str, *, where: str) -> Any:
    """The value of a JSON text; `where` names it in errors."""
    with _json_errors(text, where):
        return _DECODER.decode(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class _json_errors:  # noqa: N801 - reads as a statement
    """Turns what the decoder raises into a FormatError with a position."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case json.JSONDecodeError():
                where = f"{self.where}, line {error.lineno} column {error.colno}"
                raise FormatError(f"is not JSON: {error.msg.lower()}", where=where) from None
            case RecursionError():
                raise FormatError("is nested too deeply", where=self.where) from None
            case ValueError():  # a number of thousands of digits, or NaN
                raise FormatError(f"is not JSON: {error}", where=self.where + _place_of_constant(self.text)) from None


def _place_of_constant(text: str) -> str:
    """Where the first NaN or infinity stands that is not in a string."""
    found = next((match for match in _CONSTANT.finditer(text) if match[1]), None)
    if found is None:
        return ""
    line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
    return f", line {line} column {column}"


class ObjectWithItems:
    """A JSON object with one long array, read item by item, so that a large file costs little more than its text.

    Args:
        text: the document.
        key: the member whose value is the long array.
        where: names the document in errors.

    Iterating gives (position, value) of each item of the array; afterwards `members` holds the other members.
    """

    def __init__(self, text: str, key: str, *, where: str) -> None:
        self.text, self.key, self.where = text, key, where
        self.members: dict[str, Any] = {}
        self.found = False

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        with _json_errors(self.text, self.where):
            at = self._expect(self._skip(0), "{")
            at = self._skip(at)
            while self._peek(at) != "}":
                name, at = self._value(at)
                if not isinstance(name, str):
                    raise json.JSONDecodeError("expected a member's name", self.text, at)
                at = self._skip(self._expect(self._skip(at), ":"))
                if name == self.key and self._peek(at) == "[":
                    self.found = True
                    at = yield from self._items(at + 1)
                else:
                    self.members[name], at = self._value(at)
                at = self._comma(at, "}")
            if self._skip(at + 1) != len(self.text):
                raise json.JSONDecodeError("unexpected text after the object", self.text, at + 1)

    def _items(self, at: int) -> Any:
        at = self._skip(at)
        while self._peek(at) != "]":
            start = at
            value, at = self._value(at)
            yield start, value
            at = self._comma(at, "]")
        return at + 1

    def _comma(self, at: int, end: str) -> int:
        at = self._skip(at)
        if self._peek(at) == end:
            return at
        at = self._skip(self._expect(at, ","))
        if self._peek(at) == end:
            raise json.JSONDecodeError("unexpected trailing comma", self.text, at)
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        return _DECODER.raw_decode(self.text, at)

    def _peek(self, at: int) -> str:
        return self.text[at : at + 1]

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return at if match is None else match.end()

    def _expect(self, at: int, character: str) -> int:
        if self._peek(at) != character:
            raise json.JSONDecodeError(f"expected '{character}'", self.text, at)
        return at + 1


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def typed(kind: type[T], value: Any, *, where: str, names: Mapping[str, str] | None = None) -> T:
    """Checks a parsed value against a type, usually a frozen dataclass.

    Args:
        kind: what it has to be; unknown members of an object are ignored.
        value: of JSON or CBOR.
        where: names the document in errors.
        names: the document's name of a field, where the dataclass calls it otherwise.

    Raises:
        FormatError: naming the first field that is wrong.
    """
    from pydantic import ValidationError

    try:
        checked: T = _adapter(cast(Hashable, kind)).validate_python(value)
        return checked
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        parts = [str((names or {}).get(str(part), part)) for part in first["loc"]]
        field = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts).lstrip(".")
        raise FormatError(_lower(first["msg"]), where=f"{where}, {field}" if field else where) from None
    except RecursionError:
        raise FormatError("is nested too deeply", where=where) from None


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
