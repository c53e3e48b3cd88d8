"""The double's strictness: a request is taken apart here, and whatever the API does not describe is a violation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any


class ViolationError(Exception):
    """A request that the published API does not describe."""


@dataclass
class FormPart:
    """One part of a multipart body."""

    name: str
    filename: str | None
    media_type: str | None
    content: bytes


def parse_form(content_type: str, body: bytes) -> list[FormPart]:
    """The parts of a multipart body."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise ViolationError(f"content-type is {content_type!r}, not multipart/form-data")
    mark = b"--" + boundary.encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 2 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise ViolationError("the multipart body is not closed by its boundary")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> FormPart:
    head, separator, content = piece.partition(b"\r\n\r\n")
    if not separator:
        raise ViolationError("a part of the form has no header")
    headers = Message()
    for line in head.decode("utf-8", "surrogateescape").strip("\r\n").split("\r\n"):
        name, _, value = line.partition(": ")
        headers[name] = value
    disposition = headers.get("content-disposition", "")
    name = re.search(r'[ ;]name="([^"]*)"', disposition)
    filename = re.search(r'[ ;]filename="([^"]*)"', disposition)
    if not disposition.startswith("form-data;") or name is None:
        raise ViolationError(f"a part's content-disposition is {disposition!r}")
    return FormPart(name[1], filename[1] if filename else None, headers.get("content-type"), content)


def check(value: Any, shape: Any, where: str = "body") -> None:
    """Raises ViolationError unless `value` has the `shape`.

    A shape is a type, a set of allowed values, a one-element list for the items of a list, a tuple of alternatives, or
    a dictionary of members; a member whose name ends in `?` may be missing. No other member is allowed.
    """
    match shape:
        case dict():
            _check_members(value, shape, where)
        case [item]:
            if not isinstance(value, list):
                raise ViolationError(f"{where} is not a list")
            for index, each in enumerate(value):
                check(each, item, f"{where}[{index}]")
        case set() | frozenset():
            if value not in shape:
                raise ViolationError(f"{where} is {value!r}, not one of {sorted(shape)}")
        case tuple():
            for alternative in shape[:-1]:
                try:
                    return check(value, alternative, where)
                except ViolationError:
                    continue
            check(value, shape[-1], where)
        case type() if shape is float:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ViolationError(f"{where} is {value!r}, not a number")
        case type():
            if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
                raise ViolationError(f"{where} is {value!r}, not {shape.__name__}")
    return None


def _check_members(value: Any, shape: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise ViolationError(f"{where} is not an object")
    known = {name.rstrip("?"): inner for name, inner in shape.items()}
    for name in value.keys() - known.keys():
        raise ViolationError(f"{where} has a member {name!r} that the API does not know")
    for name, inner in shape.items():
        if name.rstrip("?") in value:
            check(value[name.rstrip("?")], inner, f"{where}.{name.rstrip('?')}")
        elif not name.endswith("?"):
            raise ViolationError(f"{where} lacks {name!r}")


def parse_json(content_type: str, body: bytes, shape: Any) -> Any:
    """The JSON body of a request that has the shape."""
    if content_type.split(";")[0].strip() != "application/json":
        raise ViolationError(f"content-type is {content_type!r}, not application/json")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ViolationError(f"the body is not JSON: {error}") from None
    check(value, shape)
    return value
