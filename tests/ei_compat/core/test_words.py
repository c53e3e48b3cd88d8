"""Counts in words, and what exceptions say."""

from __future__ import annotations

from ei_compat.core.words import counted, first_line, verb


def test_one_is_no_plural() -> None:
    assert [counted(count, "sample") for count in (0, 1, 2)] == ["0 samples", "1 sample", "2 samples"]
    assert [counted(count, "class", "classes") for count in (1, 2)] == ["1 class", "2 classes"]
    assert [verb(count) for count in (0, 1, 2)] == ["are", "is", "are"]
    assert [verb(count, "has", "have") for count in (1, 2)] == ["has", "have"]


def test_an_exception_says_a_line_or_its_kind() -> None:
    assert first_line(ValueError("\n  too much\nby far")) == "too much"
    assert first_line(ValueError()) == "ValueError"
