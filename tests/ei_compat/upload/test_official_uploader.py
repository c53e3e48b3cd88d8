"""The official uploader's protocol beside ours: the same samples arrive, and what we write is what it looks up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ei_compat.core.errors import FormatError
from ei_compat.dataset.dataset import Box, Category, ClassLabel, Dataset, FilePayload, Sample, Unlabelled
from ei_compat.formats import open_dataset, write_dataset
from ei_compat.remote.credentials import Key
from ei_compat.remote.remote import Remote
from ei_compat.upload.ingestion import upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.uploads import uploads_of
from tests.double import Double, uploader
from tests.double.state import PROJECT_KEY
from tests.ei_compat.made import draw

BOX = {"label": "hat", "x": 10.4, "y": 5.25, "width": 20.2, "height": 0.3}
WHOLE = {"label": "hat", "x": 0, "y": 1, "width": 2, "height": 129.70666666666665}


def stored(double: Double) -> list[Any]:
    """What is known of every sample, however it was said."""
    return sorted(
        (each.sha256, each.category, each.label, each.boxes, each.structured, each.label_map, each.metadata)
        for each in double.state.project.samples.values()
    )


def ours(double: Double, folder: Path, category: str = "split") -> list[Any]:
    """What the double holds after our upload."""
    keeps = bool(double.state.project.keeps_validation_set)
    uploads = uploads_of(open_dataset(folder), category=category, validation=keeps)
    remote = Remote(double.origin, Key(PROJECT_KEY, source="EI_API_KEY"))
    with Journal(folder.parent / "journal", {"project": 4711}) as journal:
        assert upload(uploads, remote, journal).failed == 0
    return emptied(double)


def theirs(double: Double, sent: Iterator[uploader.Sent]) -> list[Any]:
    """What it holds after theirs."""
    assert uploader.upload(sent, double.origin, PROJECT_KEY) == []
    return emptied(double)


def emptied(double: Double) -> list[Any]:
    found = stored(double)
    double.state.project.samples.clear()
    double.state.project.hashes.clear()
    return found


def entry(folder: Path, path: str, label: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """An entry of info.labels, and its file."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    is_signal = place.suffix == ".csv"  # which would be no sample if it held anything else
    place.write_bytes((f"timestamp,{path}\n0,1\n10,2\n" if is_signal else f"content of {path}").encode())
    category = path.partition("/")[0]
    said = {"path": path, "category": category, "label": label or {"type": "unlabeled"}, "metadata": {}}
    return said | {"name": place.stem.partition(".")[2] or place.stem} | members


def write_info(folder: Path, *entries: dict[str, Any]) -> Path:
    info = folder / "info.labels"
    info.write_text(json.dumps({"version": 1, "files": entries}))
    return info


STRETCHES = [{"startIndex": 0, "endIndex": 9, "label": "x"}, {"startIndex": 10, "endIndex": 19, "label": "y"}]
CLASS = {"type": "label", "label": "ä, 50% cat/dog"}
EXPORTS = {
    "classes": lambda at: [
        entry(at, "training/cat.1.jpg", CLASS, metadata={"site": "Zürich", "quote": 'a "b"'}),
        entry(at, "testing/cat.1.jpg", CLASS),
        entry(at, "split/cat.2.PNG", CLASS),
        entry(at, "post-processing/3.wav", {"type": "label", "label": "0.01"}),
    ],
    "boxes, fractions, none and nothing said": lambda at: [
        entry(at, "training/a.jpg", boundingBoxes=[BOX, WHOLE]),
        entry(at, "training/b.jpg"),
        entry(at, "training/c.jpg", boundingBoxes=[]),
        entry(at, "testing/a.jpg", boundingBoxes=[WHOLE]),
    ],
    "negatives only": lambda at: [entry(at, f"training/{n}.jpg", boundingBoxes=[]) for n in "ab"],
    "classes with empty lists": lambda at: [entry(at, "training/a.jpg", CLASS, boundingBoxes=[])],
    "labels over time": lambda at: [
        entry(at, "training/a.json", {"type": "multi-label", "labels": STRETCHES}),
        entry(at, "training/b.csv", {"type": "label", "label": "x"}),
    ],
    "every type": lambda at: [entry(at, f"training/x.{n}{suffix}", CLASS) for n, suffix in enumerate(uploader.TYPES)],
    "a validation set": lambda at: [entry(at, f"{name}/x.{name}.jpg", CLASS) for name in ("training", "validation")],
    "odd names": lambda at: [
        entry(at, "training/with space.jpg", CLASS),
        entry(at, "training/no-ending-in-name.jpg", CLASS, name="a.b.c"),
        entry(at, "training/quote'.jpg", CLASS, name='x "y"', boundingBoxes=[BOX]),
        entry(at, "training/ünïcode.jpg", CLASS),
    ],
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_an_export_uploaded_twice_gives_equal_samples(double, tmp_path, export):
    double.state.project.keeps_validation_set = True
    info = write_info(tmp_path / "data", *export(tmp_path / "data"))
    first = theirs(double, uploader.of_info_file(info))
    assert len(first) == len(json.loads(info.read_text())["files"])
    assert ours(double, tmp_path / "data") == first


def test_without_a_validation_set_its_samples_go_to_training(double, tmp_path):
    write_info(tmp_path / "data", *EXPORTS["a validation set"](tmp_path / "data"))
    assert [each[1] for each in ours(double, tmp_path / "data")] == ["training", "training"]


def test_an_export_that_we_write_uploads_the_same(double, tmp_path):
    double.state.project.keeps_validation_set = True
    samples = [*same_names(tmp_path / "boxes", boxes=True).samples]
    samples += [replace(each, id=f"c{each.id}") for each in same_names(tmp_path / "classes", boxes=False).samples]
    write_dataset(Dataset.of(samples, format="made"), tmp_path / "data", "ei-export")
    first = theirs(double, uploader.of_info_file(tmp_path / "data/info.labels"))
    assert ours(double, tmp_path / "data") == first


BESIDE = {
    "a box where info.labels has an empty list": ([], [BOX]),
    "a box where it has no list": (None, [BOX]),
    "no box where it has one": ([BOX], []),
    "another box": ([WHOLE], [BOX]),
    "the same": ([BOX], [BOX]),
}


@pytest.mark.parametrize(("listed", "beside"), BESIDE.values(), ids=BESIDE)
def test_boxes_beside_the_files_have_the_last_word(double, tmp_path, listed, beside):
    data = tmp_path / "data"
    said = {} if listed is None else {"boundingBoxes": listed}
    info = write_info(data, entry(data, "training/a.jpg", **said), entry(data, "training/b.jpg", boundingBoxes=[WHOLE]))
    document = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"a.jpg": beside, "gone.jpg": []}}
    (data / "training/bounding_boxes.labels").write_text(json.dumps(document))
    first = theirs(double, uploader.of_info_file(info))
    assert ours(double, data) == first
    lines = open_dataset(data).reading.lines()
    assert any("overrules the boxes of 1 file (training/a.jpg)" in line for line in lines) is (
        bool(listed) and listed != beside
    )
    assert any("speaks of 1 file (training/gone.jpg)" in line for line in lines)


def test_members_that_are_not_carried_are_named(tmp_path):
    data = tmp_path / "data"
    one = entry(data, "training/a.jpg", attachments=[{"path": "a.txt"}], enabled=False, note="")
    write_info(data, one, entry(data, "training/b.jpg", attachments=[]))
    assert open_dataset(data).reading.lines() == (
        "info.labels: attachments not carried, of 1 sample",
        "info.labels: enabled not carried, of 1 sample",
    )


def test_the_openmv_layout(double, tmp_path):
    for label in ("x", "two words"):
        entry(tmp_path / "data", f"{label}.class/0.jpg")
    first = theirs(double, uploader.of_openmv(tmp_path / "data"))
    assert ours(double, tmp_path / "data") == first


def test_files_with_their_labels_in_their_names(double, tmp_path):
    names = ["good.01.csv", "good.02.txt", "bad.03.parquet", "bad.04.csv", "two words.1.JPG", "a-b_c.x.y.mp4"]
    for name in names:
        entry(tmp_path / "data", name)
    first = theirs(double, uploader.of_files(sorted((tmp_path / "data").iterdir())))
    assert len(first) == len(names)
    assert ours(double, tmp_path / "data", "training") == first


SETS = (Category.TRAINING, Category.VALIDATION, Category.TESTING, None)


def same_names(folder: Path, *, boxes: bool) -> Dataset:
    """Pictures of one name in every set, twice in one, each with a label that tells it apart."""
    samples = []
    for at, category in enumerate([*SETS, Category.TESTING]):
        path = draw(folder / str(at) / "p.png", at + 10 * boxes)
        found = (Box(f"label {at}", at, 1, 2.5, 3),) if boxes else None
        label = Unlabelled() if boxes else ClassLabel(f"label {at}")
        samples.append(Sample(str(at), "p", category, label, FilePayload(str(path.parent), path.name), found))
    return Dataset.of(samples, format="made")


@pytest.mark.parametrize("kind", uploader.LOOKUPS)
def test_what_we_write_is_what_it_looks_up(tmp_path, kind):
    single = kind in {"csv", "remo"}
    made = same_names(tmp_path / "in", boxes=not single)
    write_dataset(made, tmp_path / "out", kind)
    labels = {sample.payload.path.read_bytes(): f"label {sample.id}" for sample in made.samples}  # type: ignore[union-attr]
    sent = list(uploader.of_directory(tmp_path / "out", kind))
    found = {each.path.read_bytes(): each.label.get("label") if single else each.boxes[0]["label"] for each in sent}
    assert found == labels
    assert len({each.name for each in sent}) == len(sent)


TEXTS = {
    "texts of the classes there are": (
        ["a.1.csv", "b.1.csv", "a.2.txt", "b.3.TXT"],
        ["a.1.csv", "a.2.txt", "b.1.csv", "b.3.TXT"],
    ),
    "texts alone": (["a.1.txt", "b.1.txt"], ["a.1.txt", "b.1.txt"]),
    "what describes a picture": (["a.1.jpg", "a.1.txt", "b.1.jpg"], ["a.1.jpg", "b.1.jpg"]),
    "a text of no class": (["a.1.jpg", "b.1.jpg", "requirements.dev.txt", "readme.de.txt"], ["a.1.jpg", "b.1.jpg"]),
    "tables alone": (["a.1.parquet", "b.1.parquet"], ["a.1.parquet", "b.1.parquet"]),
    "in sets": (["training/a.1.csv", "testing/a.2.txt"], ["testing/a.2.txt", "training/a.1.csv"]),
}


@pytest.mark.parametrize(("files", "read"), TEXTS.values(), ids=TEXTS)
def test_texts_and_tables_are_samples_or_are_named(tmp_path, files, read):
    for name in files:
        entry(tmp_path / "data", name)
    dataset = open_dataset(tmp_path / "data")
    assert sorted(sample.id for sample in dataset.samples) == read
    left = {each.path for each in dataset.reading.not_read}
    assert left | set(read) | {"readme.de.txt"} >= set(files)


BESIDE_INFO = {
    "labels over time": "training/structured_labels.labels",
    "key-values": "training/label_map.labels",
    "boxes in a folder without samples": "other/bounding_boxes.labels",
    "a table": "labels.csv",
    "another kind of boxes": "training/annotations.coco.json",
    "a text": "training/a.2.txt",
    "a table of values": "training/a.3.parquet",
    "an attachment": "attachments/a.pdf",
    "a picture that is not listed": "training/unlisted.jpg",
}


@pytest.mark.parametrize("path", BESIDE_INFO.values(), ids=BESIDE_INFO)
def test_what_lies_unread_beside_an_export_is_named(tmp_path, path):
    data = tmp_path / "data"
    write_info(data, entry(data, "training/a.jpg", CLASS))
    entry(data, path)
    dataset = open_dataset(data)
    assert [each.path for each in dataset.reading.not_read] == [path]
    assert any(path in line for line in dataset.reading.lines())


def test_a_damaged_file_of_boxes_beside_an_export_is_an_error(tmp_path):
    data = tmp_path / "data"
    write_info(data, entry(data, "training/a.jpg", CLASS))
    (data / "training/bounding_boxes.labels").write_text('{"version": 2, "type": "x", "boundingBoxes": {}}')
    with pytest.raises(FormatError, match=r"training/bounding_boxes\.labels"):
        open_dataset(data)
