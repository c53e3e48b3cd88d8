"""A folder that no format fits: one line says what was probably overlooked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ei_compat.core.errors import FormatError
from ei_compat.formats import open_dataset


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            Image.new("RGB", (8, 8)).save(folder / name)
        else:
            (folder / name).write_bytes(b"")
    return folder


MISTAKES = {
    "a flat folder": (
        ["IMG_1.png", "IMG_2.png", "IMG_3.png"],
        "no known dataset format, and 3 samples without labels; put each class in a folder of its own",
    ),
    "an archive in a folder": (["photos.zip"], "holds nothing but photos.zip; unzip it first"),
    "pictures of a phone": (
        ["a/1.heic", "a/2.HEIC", "b/3.heic", "b/4.dng"],
        "no known dataset format: 3 .heic, 1 .dng files are not read; convert them to JPEG or PNG",
    ),
    "something else": (["notes.txt"], "no known dataset format; `ei-train formats` lists the known ones"),
}


@pytest.mark.parametrize(("names", "says"), MISTAKES.values(), ids=MISTAKES)
def test_the_likely_mistake_is_one_short_line(names: list[str], says: str, tmp_path: Path) -> None:
    folder = lay(tmp_path / "in", *names)

    with pytest.raises(FormatError) as caught:
        open_dataset(folder)

    assert str(caught.value).startswith(f"{folder}: {says}")
    assert len(str(caught.value)) < 250 + len(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "cat/1.csv",
            b"time,x\n0,1\n10,2\n",
            "cat/1.csv holds neither a signal nor known labels; a signal's first column is",
        ),
        (
            "a.json",
            '{"images": [], "annotations": [], "categories": []}'.encode("utf-16"),
            "a.json is UTF-16; save it as",
        ),
    ],
)
def test_a_text_that_is_nearly_right_is_named(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    lay(tmp_path, name)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FormatError, match=f"no known dataset format: {says}"):
        open_dataset(tmp_path)


def test_an_archive_is_to_be_unzipped(tmp_path: Path) -> None:
    lay(tmp_path, "photos.zip")

    with pytest.raises(FormatError, match=r"photos\.zip: is an archive; unzip it first, and name the folder"):
        open_dataset(tmp_path / "photos.zip")
