"""Files that appear whole or not at all, and names and paths that others chose."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import (
    LONGEST_NAME,
    SMALL,
    Inside,
    cut_name,
    file_digest,
    link_or_copy,
    new_folder,
    refuse_occupied,
    replaced_file,
    reserve,
    safe_file_name,
    size_and_digest,
    write_file,
    write_one_of_many,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_fails_leaves_the_old_one(tmp_path):
    write_file(tmp_path / "a", b"old")
    with pytest.raises(TypeError), replaced_file(tmp_path / "a") as stream:
        stream.writelines([b"new", None])
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, replaced_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_file_that_cannot_be_made_is_named_as_the_user_knows_it(tmp_path):
    for path in (tmp_path / "nowhere" / "a", tmp_path):  # a folder that is not there, and one where the file would be
        with pytest.raises(OSError, match=r"No such|Is a directory|not empty") as caught:
            write_file(path, b"")
        assert (caught.value.filename, caught.value.filename2) == (str(path), None)


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_syncs_no_folder_will_do(tmp_path, monkeypatch, error):
    sync = os.fsync

    def of_files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(error, os.strerror(error))
        sync(handle)

    monkeypatch.setattr(os, "fsync", of_files_only)
    if error == errno.EINVAL:
        write_file(tmp_path / "a", b"new")
    else:  # which is damage
        with pytest.raises(OSError, match=os.strerror(error)):
            write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "new"
    with pytest.raises(FileNotFoundError), new_folder(target) as folder:
        write_one_of_many(f"{folder}/{write_one_of_many(f'{folder}/a', b'1')}/b", b"2")
    assert names(tmp_path / "deep") == []
    with new_folder(target) as folder:
        write_one_of_many(f"{folder}/a", b"1")
        assert not target.exists()
    assert (target / "a").read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["file", "link", "full", "under a file"])
def test_an_occupied_place_is_refused(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("precious")
    elif kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    elif kind == "full":
        (target / "precious").mkdir(parents=True)
    else:
        (tmp_path / "file").write_text("precious")
        target = tmp_path / "file" / "target"
    before = names(tmp_path)
    with pytest.raises(DataError, match=r"is not a folder|is not empty|cannot be made"), new_folder(target):
        pytest.fail("opened")
    assert names(tmp_path) == before


def test_an_empty_folder_is_no_obstacle(tmp_path):
    (tmp_path / "target").mkdir()
    refuse_occupied(tmp_path / "target")
    with new_folder(tmp_path / "target") as folder:
        write_one_of_many(f"{folder}/a", b"1")
    assert names(tmp_path / "target") == ["a"]


@pytest.mark.parametrize(
    ("error", "fatal"), [(None, False), (errno.EOPNOTSUPP, False), (errno.EINVAL, False), (errno.ENOSPC, True)]
)
def test_room_is_taken_where_the_file_system_can(tmp_path, monkeypatch, error, fatal):
    def fail(*_: int) -> None:
        raise OSError(error, os.strerror(error))

    if error is not None:
        monkeypatch.setattr(os, "posix_fallocate", fail)
    with (tmp_path / "a").open("wb") as stream:
        if fatal:
            with pytest.raises(OSError, match="No space left"):
                reserve(stream.fileno(), 1000)
        else:
            reserve(stream.fileno(), 1000)
            assert (tmp_path / "a").stat().st_size == 1000


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 << 20])
def test_digests_of_small_files_are_those_of_all(tmp_path, size):
    path = tmp_path / "a"
    path.write_bytes(os.urandom(size))
    known, digest = size_and_digest(str(path))
    assert known == size
    assert digest == (file_digest(str(path)) if size < SMALL else None)


@pytest.mark.parametrize("copy", [False, True])
def test_links_are_followed(tmp_path, copy):
    (tmp_path / "a").write_text("content")
    (tmp_path / "link").symlink_to("a")
    link_or_copy(str(tmp_path / "link"), str(tmp_path / "b"), copy=copy)
    assert not (tmp_path / "b").is_symlink()
    assert (tmp_path / "b").read_text() == "content"
    assert (tmp_path / "b").samefile(tmp_path / "a") is not copy


def test_what_cannot_be_linked_is_copied(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    (tmp_path / "a").write_text("content")
    monkeypatch.setattr(os, "link", fail)
    link_or_copy(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "content"


@settings(deadline=None, database=None)
@given(st.text(), st.integers(8, LONGEST_NAME))
@example("..", 120)
@example("日" * 200, 120)
@example("a/b\\c\0", 120)
def test_any_text_makes_a_safe_name(text, most):
    name = safe_file_name(text, most=most)
    assert len(name.encode()) <= most
    assert not {"/", "\\", "\0"} & set(name)
    assert name not in {"", ".", ".."}
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))


@settings(deadline=None, database=None)
@given(st.text(max_size=50), st.integers(0, 60))
def test_a_cut_name_is_a_beginning(text, most):
    cut = cut_name(text, most)
    assert text.startswith(cut)
    assert len(cut.encode("utf-8", "surrogateescape")) <= most or cut == text


class TestInside:
    @pytest.fixture
    def inside(self, tmp_path: Path) -> Inside:
        (tmp_path / "set" / "a").mkdir(parents=True)
        (tmp_path / "set" / "a" / "x.png").write_text("")
        (tmp_path / "secret").write_text("")
        (tmp_path / "set" / "out").symlink_to(tmp_path / "secret")
        (tmp_path / "set" / "up").symlink_to(tmp_path)
        (tmp_path / "set" / "in").symlink_to("a/x.png")
        return Inside(tmp_path / "set")

    @pytest.mark.parametrize(("path", "found"), [("a/x.png", "a/x.png"), ("./a//x.png", "a/x.png"), ("in", "in")])
    def test_what_lies_there(self, inside, path, found):
        assert inside.file(path, where="labels") == found
        assert inside.file(path.replace("/", "\\"), where="labels") == found

    @pytest.mark.parametrize(
        "path",
        ["../secret", "a/../../secret", "/etc/passwd", "\\\\host\\x", "C:\\x", "", ".", "a\0b", "\ud800"],
        ids=repr,
    )
    def test_what_lies_elsewhere(self, inside, path):
        with pytest.raises(FormatError, match=r"labels: path .* is not inside the dataset"):
            inside.file(path, where="labels")

    @pytest.mark.parametrize("path", ["out", "up/secret"])
    def test_what_a_link_leads_to(self, inside, path):
        with pytest.raises(FormatError, match="leads outside the dataset through a link"):
            inside.file(path, where="labels")

    def test_what_is_missing(self, inside):
        with pytest.raises(DataError, match="file 'b' is missing; restore the file or remove its entry"):
            inside.file("b", where="labels")
