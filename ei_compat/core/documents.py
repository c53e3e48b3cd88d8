"""Edge Impulse's JSON documents as frozen dataclasses and back.

A field `max_training_time_seconds` is the member `maxTrainingTimeSeconds`; null and absent are the same; members that
the dataclass does not have are kept in its field `unknown`, so that writing a document loses nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Hashable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from ei_compat.core.errors import FormatError
from ei_compat.core.files import write_file
from ei_compat.core.parsing import typed

if TYPE_CHECKING:
    from dataclasses import Field

ACRONYMS = {"hw": "HW", "ai": "AI"}


class Document(Protocol):
    """A frozen dataclass with a field `unknown`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def unknown(self) -> Mapping[str, Any]:
        """Members that the dataclass does not have."""


D = TypeVar("D", bound=Document)


@functools.cache
def member_names(kind: Hashable) -> dict[str, str]:
    """The document's name of every field."""
    return {item.name: _camel(item.name) for item in fields(cast(type[Document], kind)) if item.name != "unknown"}


def _camel(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(ACRONYMS.get(part, part.capitalize()) for part in rest)


def from_document(kind: type[D], document: Any, *, where: str) -> D:
    """Checks a parsed JSON object against a dataclass.

    Raises:
        FormatError: naming the member that is missing or wrong.
    """
    if not isinstance(document, dict):
        raise FormatError("is not a JSON object", where=where)
    names = member_names(cast(Hashable, kind))
    ours = {their: name for name, their in names.items()}
    known = {ours[key]: value for key, value in document.items() if key in ours and value is not None}
    value = typed(kind, known, where=where, names=names)
    return replace(value, unknown={key: item for key, item in document.items() if key not in ours})


def to_document(value: Any) -> dict[str, Any]:
    """The JSON object of a dataclass, which may do without `unknown`; fields that are None are left out."""
    document = {their: getattr(value, name) for name, their in member_names(cast(Hashable, type(value))).items()}
    return {key: _plain(item) for key, item in document.items() if item is not None} | dict(
        getattr(value, "unknown", {})
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return to_document(value)
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def write_json(path: Path, document: Any) -> None:
    """Writes a document for people to read, whole or not at all."""
    write_file(path, (json.dumps(document, indent=4, ensure_ascii=False) + "\n").encode())
