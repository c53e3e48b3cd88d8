"""JSON from outside: limits, and the place of what is wrong."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import FormatError, LimitError
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import ObjectWithItems, parse_json, read_json, read_limited, typed


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"{", FormatError, "line 1 column 2: is not JSON: expecting property name"),
        (b'{"a": [1,\n2,,]}', FormatError, "line 2 column 3"),
        (b"\xff\xfe", FormatError, "byte 0: is not UTF-8 text"),
        (b"[" * 100_000, FormatError, "is nested too deeply"),
        (b"9" * 5000, FormatError, "is not JSON"),
        (b" " * 2000, LimitError, "larger than 1,000 bytes; raise Limits.label_file_bytes"),
    ],
)
def test_bad_json(data, error, message, tmp_path):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(error, match=message):
        read_json(tmp_path / "x.json", Limits(label_file_bytes=1000 if error is LimitError else 1 << 20))


def test_a_byte_order_mark_is_no_error(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": [1]}).encode())
    assert read_json(tmp_path / "x.json") == {"a": [1]}


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": "NaN", "b":\n -Infinity}'])
def test_what_no_other_program_reads_has_a_place(text):
    line, column = (1, 7) if "\n" not in text else (2, 2)
    with pytest.raises(FormatError, match=rf"x, line {line} column {column}: is not JSON: -?\w+ is not JSON"):
        parse_json(text, where="x")


@settings(deadline=None, database=None)
@given(
    st.lists(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=3))),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
    st.booleans(),
)
def test_items_one_by_one_are_the_same_as_all_at_once(items, members, last):
    document = (members | {"files": items}) if last else ({"files": items} | members)
    read = ObjectWithItems(json.dumps(document, indent=last or None), "files", where="x")
    assert [value for _, value in read] == items
    assert (read.members, read.found) == (members, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "line 1 column 1: is not JSON: expected '{'"),
        ('{"files": [1,]}', "unexpected trailing comma"),
        ('{"files": [1 2]}', "line 1 column 14: is not JSON: expected ','"),
        ('{"files": [1]} x', "unexpected text after the object"),
        ("{1: 2}", "expected a member's name"),
        ('{"files": [1', "line 1 column 13: is not JSON"),
    ],
)
def test_an_object_that_ends_badly(text, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        list(ObjectWithItems(text, "files", where="x"))


@dataclass(frozen=True)
class Thing:
    name: str
    sizes: list[int]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "a"}, "x, sizes: field required"),
        ({"name": 1, "sizes": []}, "x, name: input should be a valid string"),
        ({"name": "a", "sizes": [1, "b"]}, "x, sizes[1]: input should be a valid integer"),
        ([], "x: input should be a dictionary"),
    ],
)
def test_the_first_field_that_is_wrong_is_named(value, message):
    with pytest.raises(FormatError, match=re.escape(message)):
        typed(Thing, value, where="x")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="not a regular file"):
        read_limited(tmp_path / "pipe", 10, option="file_bytes")
