"""Counts in words, so that one sample is not `1 samples`."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """Such as `1 sample` and `12 samples`; `many` is the plural where it is not `one` with an s."""
    return f"{count} {noun(count, one, many)}"


def noun(count: int, one: str, many: str | None = None) -> str:
    """The noun that goes with a count, with `many` as its plural where that is not `one` with an s."""
    return one if count == 1 else many or f"{one}s"


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def verb(count: int, one: str = "is", many: str = "are") -> str:
    """The verb that goes with a count, such as `is` after `1 of 12 samples`."""
    return one if count == 1 else many
