"""What a command returns: a value with two renderings, tables for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Columns:
    """A table for people: a title, the column names and the rows, every cell already a string."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str | None = None


class Result(Protocol):
    """What a command returns: a frozen value that knows its two renderings."""

    def as_json(self) -> dict[str, Any]:
        """The whole result as JSON values."""

    def as_tables(self) -> Sequence[Columns]:
        """What a person wants to see of it."""
