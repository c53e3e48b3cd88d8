"""What a command returns: a value with two renderings, tables for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Columns:
    """A table for people.

    Attributes:
        title: above it.
        header: names of the columns.
        rows: every cell already a string.
        caption: below it.
        texts: how many columns, from the first on, hold text, which begins on the left; the others hold figures.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str | None = None
    texts: int = 1


class Tables(Protocol):
    """What people can be shown."""

    def as_tables(self) -> Sequence[Columns]:
        """What a person wants to see of it."""


class Document(Protocol):
    """What programs can be given.

    Attributes:
        schema: name and version of its layout, such as `split/1`; `train/schemas/split.json` describes it.
    """

    schema: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """The whole value as JSON values."""


class Result(Tables, Document, Protocol):
    """What a command returns: a frozen value that knows its two renderings."""


def as_document(value: Document) -> dict[str, Any]:
    """The JSON document of a value, which says what layout it has."""
    return headed(value.schema, value.as_json())


def headed(schema: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values under the name and version of their layout; every document is made here."""
    return {"schema": f"ei-train/{schema}", **values}
