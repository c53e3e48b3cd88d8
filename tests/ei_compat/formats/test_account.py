"""Every file in a folder is a sample, a label file that was used, known to be harmless, or named as not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import DataError
from ei_compat.dataset.dataset import Dataset, FilePayload
from ei_compat.dataset.reading import Kind, NotRead, Reading
from ei_compat.formats import FORMATS, open_dataset, write_dataset
from tests.ei_compat.made import dataset_for, draw, image_rows


def written(kind, root: Path) -> Path:
    made = image_rows() if kind.name == "arrays" else dataset_for(kind, root / "made")
    write_dataset(made, root / "set", kind.name)
    return root / "set"


def balance(dataset: Dataset, root: Path) -> None:
    """Samples, label files, harmless and unread ones are all the files that are there, each once."""
    files = [path for path in root.rglob("*") if not path.is_dir()]
    samples = sum(isinstance(sample.payload, FilePayload) for sample in dataset.samples)
    reading = dataset.reading
    assert reading.files == len(files)
    assert samples + len(reading.label_files) + reading.harmless + len(reading.not_read) == len(files)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_a_set_as_it_was_written_is_read_whole(kind, tmp_path):
    dataset = open_dataset(written(kind, tmp_path))
    assert dataset.reading.not_read == ()
    balance(dataset, tmp_path / "set")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_neither_a_file_nor_a_folder_is_not_opened_and_named(tmp_path):
    draw(tmp_path / "cat" / "1.png", 1)
    draw(tmp_path / "dog" / "2.png", 2)
    os.mkfifo(tmp_path / "dog" / "3.png")
    dataset = open_dataset(tmp_path)
    assert [sample.id for sample in dataset.samples] == ["cat/1.png", "dog/2.png"]
    assert dataset.reading.not_read == (NotRead("dog/3.png", Kind.OTHER),)
    balance(dataset, tmp_path)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_an_unknown_file_a_loose_image_and_a_foreign_label_file_are_found(kind, tmp_path):
    root = written(kind, tmp_path)
    (root / "strange.xyz").write_bytes(b"\0")
    draw(root / "loose.png", 99)
    (root / "foreign.csv").write_text("image,label\nloose.png,cat\n")
    try:
        dataset = open_dataset(root)
    except DataError as error:
        said = str(error)
    else:
        said = " ".join([*dataset.reading.lines(), *(sample.id for sample in dataset.samples)])
        balance(dataset, root)
    for name in ("strange.xyz", "loose.png", "foreign.csv"):
        assert name in said


EXTRAS = {
    "loose.png": None,
    "more/loose.jpg": None,
    "training/loose.bmp": None,
    "test1/0.png": None,
    "odd.xyz": "x",
    "noise": "x",
    "list.txt": "one 1\ntwo 2\n",
    "a/b/c/deep.heic": "x",
    "README.md": "x",
    "Thumbs.db": "x",
    "@eaDir/thumb.png": None,
    "more/.hidden": "x",
    "numbers.csv": "a,b\n1,2\n",
    "wave.csv": "timestamp,x\n0,1\n10,2\n",
    "other.json": "{}",
    "notes.xml": "<notes/>",
    "foreign.csv": "image,label\nloose.png,cat\n",
}


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_whatever_else_lies_in_a_set_the_account_is_even_or_an_error_names_a_file(kind, tmp_path):
    root = written(kind, tmp_path)
    before = {path for path in root.rglob("*") if not path.is_dir()}

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.sets(st.sampled_from(sorted(EXTRAS)), min_size=1))
    def look(names: set[str]) -> None:
        added = [root / name for name in names]
        try:
            for path, text in zip(added, map(EXTRAS.get, names), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                draw(path, 7) if text is None else path.write_text(text)
            dataset, place = None, None
            try:
                dataset = open_dataset(root)
            except DataError as error:
                place = error.where
            assert dataset is not None or place
            if dataset is not None:
                balance(dataset, root)
        finally:
            for path in added:
                path.unlink()
        assert {path for path in root.rglob("*") if not path.is_dir()} == before

    look()


def test_files_of_systems_and_documents_are_counted_and_left_alone(tmp_path):
    root = written(next(kind for kind in FORMATS if kind.name == "folders"), tmp_path)
    before = open_dataset(root)
    for name in ("@eaDir/0.png/SYNOPHOTO_THUMB_M.png", "training/cat/@eaDir/x.png", "__MACOSX/._a.png", ".git/config"):
        draw(root / name, 1) if name.endswith(".png") else (root / name).parent.mkdir()
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "README.md", "LICENSE", "training/cat/._a.png", "a.png.part"):
        (root / name).write_bytes(b"\0")
    (root / ".git" / "config").write_bytes(b"\0")
    dataset = open_dataset(root)
    assert [sample.id for sample in dataset.samples] == [sample.id for sample in before.samples]
    assert (dataset.reading.not_read, dataset.reading.harmless) == ((), 11)
    balance(dataset, root)


def test_a_summary_counts_each_kind_and_names_the_first():
    files = [NotRead(f"{i}.avif", Kind.OTHER) for i in range(10)]
    files += [NotRead("a/b.jpg", Kind.IMAGE), NotRead("c.jpg", Kind.IMAGE), NotRead("x", Kind.OTHER)]
    remark, line = Reading(not_read=tuple(files), remarks=("the folder 'photos' was entered",)).lines()
    assert remark == "the folder 'photos' was entered"
    assert line.startswith("13 files were not read: 10 .avif (0.avif, 1.avif, …), 2 loose pictures (a/b.jpg, c.jpg), ")
    assert line.endswith(", 1 without an extension (x)")
