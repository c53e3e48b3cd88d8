"""What a command returns: a value with two renderings, tables for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


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


class Result(Protocol):
    """What a command returns: a frozen value that knows its two renderings."""

    def as_json(self) -> dict[str, Any]:
        """The whole result as JSON values."""

    def as_tables(self) -> Sequence[Columns]:
        """What a person wants to see of it."""
