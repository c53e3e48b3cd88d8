"""The form: what the double's strict parser makes of it, and files that change."""

from __future__ import annotations

import pytest

from ei_compat.remote.multipart import Multipart, Part, PartError
from ei_compat.remote.transport import SEND
from tests.double.checks import parse_form


@pytest.fixture
def parts(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(bytes(range(256)) * 1024)
    return [
        Part("data", b"one", "a.jpg", "image/jpeg"),
        Part("data", tmp_path / "large", 'ä "b"\r\n.jpg', "image/jpeg"),
        Part("data", tmp_path / "empty", "c.jpg"),
        Part("modelFileType", b"tflite"),
    ]


def test_what_is_sent_is_what_was_meant(parts):
    form = Multipart(parts)
    for _ in range(2):
        pieces = list(form)
        body = b"".join(pieces)
        assert len(body) == len(form)
        assert max(map(len, pieces)) < 2 * SEND + 500
        found = parse_form(form.content_type, body)
        assert [part.content for part in found] == [b"one", bytes(range(256)) * 1024, b"", b"tflite"]
        assert [part.filename for part in found] == ["a.jpg", "ä %22b%22%0D%0A.jpg", "c.jpg", None]


def test_a_missing_file_is_named_by_its_place(parts, tmp_path):
    (tmp_path / "empty").unlink()
    with pytest.raises(PartError, match="cannot be read: no such file") as caught:
        Multipart(parts)
    assert caught.value.index == 2


@pytest.mark.parametrize("change", ["shrinks", "goes away"])
def test_a_file_that_changes_meanwhile(parts, tmp_path, change):
    form = Multipart(parts)
    if change == "shrinks":
        (tmp_path / "large").write_bytes(b"x")
    else:
        (tmp_path / "large").unlink()
    with pytest.raises(PartError) as caught:
        list(form)
    assert caught.value.index == 1


def test_a_file_that_grows_is_sent_as_it_was(parts, tmp_path):
    form = Multipart(parts)
    with (tmp_path / "large").open("ab") as stream:
        stream.write(b"more")
    assert sum(map(len, form)) == len(form)
