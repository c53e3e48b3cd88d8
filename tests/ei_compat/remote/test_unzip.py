"""Unpacking: what is refused, and that nothing is left outside or half-way."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import EiTrainError, FormatError, LimitError
from ei_compat.remote.unzip import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, unzip


def member(name: str, *, mode: int = 0o644, kind: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | mode) << 16
    return info


def packed(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED)
    return stream.getvalue()


@pytest.fixture
def place(tmp_path: Path):
    """Unpacks bytes; gives the folder."""

    def unpack(content: bytes, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Path:
        (tmp_path / "a.zip").write_bytes(content)
        folder = tmp_path / "inner" / "folder"
        folder.mkdir(parents=True, exist_ok=True)
        unzip(tmp_path / "a.zip", folder, limits)
        return folder

    return unpack


def test_files_folders_and_the_start_script(place):
    folder = place(packed(("data/a.npy", b"1"), (member("run.sh", mode=0o755), b"#!"), ("./b/", b""), ("c//d", b"2")))
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "b", "c", "c/d", "data", "data/a.npy", "run.sh",
    ]  # fmt: skip
    assert (folder / "run.sh").stat().st_mode & 0o111
    assert not (folder / "data/a.npy").stat().st_mode & 0o111


ATTACKS = {
    "up": "../evil",
    "up in the middle": "a/../../evil",
    "absolute": "/tmp/evil",
    "backslashes": "..\\evil",
    "absolute backslash": "\\evil",
    "drive": "C:/evil",
    "dots": "./.",
}


@pytest.mark.parametrize("name", ATTACKS.values(), ids=ATTACKS)
def test_a_name_that_leads_outside(place, tmp_path, name):
    with pytest.raises(FormatError, match="outside the folder"):
        place(packed((name, b"x")))
    assert not [path for path in tmp_path.rglob("*") if path.name == "evil"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_link_or_device(place, kind):
    with pytest.raises(FormatError, match="link or a device"):
        place(packed((member("l", kind=kind), b"/etc/passwd")))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression(place, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a", b"x" * 100)
    with pytest.raises(FormatError, match="another way than by deflate"):
        place(stream.getvalue())


def test_a_name_that_is_too_long(place):
    with pytest.raises(LimitError, match="too long"):
        place(packed(("a/" * 600 + "b", b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(place):
    with pytest.raises(FormatError, match="two members"):
        place(packed(("a", b"1"), ("./a", b"2")))


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")], ids=["file first", "folder first"])
def test_a_file_that_is_also_a_folder(place, names):
    with pytest.raises(FormatError):
        place(packed(*((name, b"x") for name in names)))


class TestBombs:
    def test_bytes_are_counted_as_they_come(self, place):
        bomb = bytearray(packed(("zeros", bytes(50 * 2**20))))
        assert len(bomb) < 100_000
        place_of_size = bomb.rindex(b"PK\x01\x02") + 24
        struct.pack_into("<I", bomb, place_of_size, 10)  # claims ten bytes
        with pytest.raises((LimitError, FormatError)):
            place(bytes(bomb), ArchiveLimits(bytes=2**20))

    def test_over_all_members(self, place):
        content = packed(*((str(number), bytes(400_000)) for number in range(5)))
        with pytest.raises(LimitError, match=r"more than 0.0009.* GiB; raise --max-gib"):
            place(content, ArchiveLimits(bytes=10**6))

    def test_members_are_counted(self, place):
        with pytest.raises(LimitError, match="holds 50 members"):
            place(packed(*((str(number), b"") for number in range(50))), ArchiveLimits(members=49))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"<html>login</html>", packed(("a", b"x" * 999))[:-30], packed(("a", b"x"))[40:]],
    ids=["empty", "two bytes", "a page", "cut", "beginning missing"],
)
def test_what_is_no_zip(place, content):
    with pytest.raises(FormatError, match="not a zip file"):
        place(content)


def test_damage_is_noticed(place):
    content = bytearray(packed(("a", bytes(range(256)) * 40)))
    content[60] ^= 0xFF
    with pytest.raises(FormatError, match="not a zip file that can be read"):
        place(bytes(content))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_anywhere_it_fails_with_a_typed_error(tmp_path_factory, data):
    content = bytearray(packed(("data/a.npy", b"1234" * 40), (member("run.sh", mode=0o755), b"#!")))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    top = tmp_path_factory.mktemp("fuzz")
    (top / "a.zip").write_bytes(content)
    (top / "in").mkdir()
    with contextlib.suppress(EiTrainError):
        unzip(top / "a.zip", top / "in", ArchiveLimits(bytes=10**6))
    assert {path.name for path in top.iterdir()} == {"a.zip", "in"}
