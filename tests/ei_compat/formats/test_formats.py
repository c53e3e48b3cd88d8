"""Every format: what is written is recognised and read again, with nothing lost that it says it carries."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError, FormatError, LimitError, UsageError
from ei_compat.core.limits import Limits
from ei_compat.dataset.dataset import (
    UNLABELLED,
    ArrayRow,
    Box,
    Category,
    ClassLabel,
    Dataset,
    FilePayload,
    Interval,
    Intervals,
    Sample,
    Signal,
)
from ei_compat.formats import FORMATS, Carries, WriteOptions, format_named, open_dataset, write_dataset
from ei_compat.formats.conversion import convert, losses
from ei_compat.media.images import ImageSpec
from ei_compat.media.signals import SignalForm, read_signal
from tests.ei_compat.made import class_folders, dataset_for, draw, image_rows, signal

FILE_FORMATS = [kind for kind in FORMATS if kind.name != "arrays"]


def content(sample: Sample) -> object:
    """What a sample holds, whatever kind of payload it has."""
    match sample.payload:
        case FilePayload() if sample.payload.is_image:
            return sample.payload.path.read_bytes()
        case ArrayRow():
            return sample.payload.read().tobytes()
        case _:
            read = read_signal(sample.payload)
            return read.values.tolist(), read.interval_ms, read.axes


def compared(dataset: Dataset, carries: frozenset[Carries]) -> list[tuple[object, ...]]:
    """The samples in a canonical order; formats may sort them."""
    rows = []
    for sample in dataset.samples:
        category = sample.category if Carries.CATEGORIES in carries else None
        rows.append((sample.name, category, sample.label, sample.boxes, dict(sample.metadata), content(sample)))
    return sorted(rows, key=lambda row: str(row[0]))


def decided(dataset: Dataset) -> Dataset:
    """As an export has it, where a sample that nobody gave a category is left to Studio to split."""
    return Dataset.of([s.with_category(s.category or Category.SPLIT) for s in dataset.samples], format="made")


@pytest.mark.parametrize("with_category", [True, False], ids=["categories", "no categories"])
@pytest.mark.parametrize("kind", FILE_FORMATS, ids=lambda kind: kind.name)
def test_round_trip(kind, with_category, tmp_path):
    made = dataset_for(kind, tmp_path / "made", with_category=with_category)
    assert losses(made, kind) == ()
    write_dataset(made, tmp_path / "one", kind.name)
    read = open_dataset(tmp_path / "one")
    assert read.format == kind.name
    assert read.labels == made.labels
    if kind.name == "ei-export":
        made = decided(made)
    assert compared(read, kind.carries) == compared(made, kind.carries)
    write_dataset(read, tmp_path / "two", kind.name)
    again = open_dataset(tmp_path / "two")
    assert compared(again, kind.carries) == compared(read, kind.carries)
    assert [sample.id for sample in again.samples] == [sample.id for sample in read.samples]


def test_arrays_keep_every_pixel_and_go_through_files_and_back(tmp_path):
    made = image_rows()
    write_dataset(made, tmp_path / "arrays", "arrays")
    read = open_dataset(tmp_path / "arrays")
    assert (read.format, read.labels) == ("arrays", ("a", "b"))
    assert {s.id: (s.category, s.label) for s in read.samples} == {s.id: (s.category, s.label) for s in made.samples}
    write_dataset(read, tmp_path / "folders", "folders")
    files = open_dataset(tmp_path / "folders")
    write_dataset(files, tmp_path / "again", "arrays", options=WriteOptions(spec=ImageSpec(8, 8)))
    for name in ("X_split_train.npy", "X_split_test.npy", "X_holdout.npy"):
        # the folders are sorted by class, so rows are compared as sets
        before, after = (np.load(tmp_path / folder / name) for folder in ("arrays", "again"))
        assert sorted(row.tobytes() for row in before) == sorted(row.tobytes() for row in after)
    assert (tmp_path / "again" / "X_split_train.npy").read_bytes()[:8] == b"\x93NUMPY\x02\x00"


def test_a_set_without_validation_becomes_the_unsplit_arrays(tmp_path):
    class_folders(tmp_path / "in", {"a": 3, "b": 2})
    dataset = open_dataset(tmp_path / "in")
    write_dataset(dataset, tmp_path / "out", "arrays", options=WriteOptions(spec=ImageSpec(6, 4, 1)))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "X_train_features.npy",
        "sample_id_details.json",
        "train_input.json",
        "y_train.npy",
    ]
    labels = np.load(tmp_path / "out" / "y_train.npy")
    assert sorted(labels.tolist()) == [[1, 1, 0, 0], [1, 2, 0, 0], [1, 3, 0, 0], [2, 4, 0, 0], [2, 5, 0, 0]]
    info = json.loads((tmp_path / "out" / "train_input.json").read_text())
    assert (info["classes"], info["inputShapeString"]) == (["a", "b"], "(4, 6, 1)")
    assert len(open_dataset(tmp_path / "out")) == 5


PAIRS = [
    (one, other)
    for one in FILE_FORMATS
    for other in FILE_FORMATS
    if one is not other and one.carries - {Carries.METADATA, Carries.CATEGORIES} <= other.carries
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{a.name} to {b.name}" for a, b in PAIRS])
def test_convert_between_formats_that_carry_the_same(one, other, tmp_path):
    write_dataset(dataset_for(one, tmp_path / "made"), tmp_path / "one", one.name)
    source = open_dataset(tmp_path / "one")
    done = convert(source, tmp_path / "other", other.name)
    target = open_dataset(tmp_path / "other")
    source = decided(source) if other.name == "ei-export" else source
    assert target.format == other.name
    assert [word.partition(" (")[0] for word in done.lost] == sorted(
        {Carries.METADATA, Carries.CATEGORIES} & (one.carries - other.carries)
    )
    expected, got = compared(source, other.carries), compared(target, other.carries)
    if Carries.METADATA not in other.carries:
        expected = [(*row[:4], {}, row[5]) for row in expected]
    assert got == expected


def test_convert_says_what_it_cannot_carry(tmp_path):
    made = dataset_for(format_named("ei-export"), tmp_path / "made")
    with pytest.raises(DataError, match="format 'coco' cannot hold class labels"):
        convert(made, tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()
    images = [s for s in made.samples if isinstance(s.payload, FilePayload) and isinstance(s.label, ClassLabel)]
    done = convert(Dataset.of(images, format="made"), tmp_path / "out", "openmv")
    assert done.lost == (f"categories ({len(images)} samples)", f"metadata ({len(images)} samples)")


def test_a_class_label_beside_boxes_is_lost_with_a_word():
    """As where the boxes lie in a file of their own, beside an export whose pictures have class labels."""
    payload = FilePayload(Path("a.jpg"), "a.jpg")
    boxed = Sample("a", "a", None, ClassLabel("hat"), payload, (Box("hat", 1, 2, 3, 4),))
    empty, unseen = replace(boxed, id="b", boxes=()), replace(boxed, id="c", boxes=None)
    assert losses(Dataset.of([boxed, empty], format="made"), format_named("coco")) == ("class labels (2 samples)",)
    for refused in ([boxed, unseen], [empty]):
        with pytest.raises(DataError, match="cannot hold class labels, of which there are 1"):
            losses(Dataset.of(refused, format="made"), format_named("coco"))


def test_losses_of_everything_are_named():
    rows = image_rows()
    with pytest.raises(DataError, match="cannot hold class labels"):
        losses(rows, format_named("yolo"))


@pytest.mark.parametrize("form", list(SignalForm))
def test_signals_are_stored_in_the_form_that_is_asked_for(form, tmp_path):
    sample = Sample("1", "one", None, ClassLabel("idle"), replace(signal(axes=1), interval_ms=0.0625))
    options = WriteOptions(signal_form=form)
    write_dataset(Dataset.of([sample], format="made"), tmp_path / "out", "file-names", options=options)
    (read,) = open_dataset(tmp_path / "out").samples
    assert isinstance(read.payload, FilePayload)
    assert read.payload.suffix == f".{form}"
    assert read_signal(read.payload).values.tolist() == sample.payload.values.tolist()  # type: ignore[union-attr]
    write_dataset(
        open_dataset(tmp_path / "out"), tmp_path / "json", "folders", options=WriteOptions(signal_form=SignalForm.JSON)
    )
    assert (tmp_path / "json" / "idle" / "one.json").is_file()


def test_names_that_collide_are_kept_apart(tmp_path):
    payload = Signal(np.zeros((1, 1)), 0.0, signal().axes[:1])
    samples = [Sample(str(i), "same", None, ClassLabel("a"), payload) for i in range(3)]
    write_dataset(Dataset.of(samples, format="made"), tmp_path / "out", "folders")
    assert sorted(p.name for p in (tmp_path / "out" / "a").iterdir()) == ["same.2.json", "same.3.json", "same.json"]


# What is not a dataset


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("missing", DataError, "no such file or folder"),
        ("empty", DataError, "the folder is empty"),
        ("odd", FormatError, "no known dataset format; `ei-train formats` lists"),
    ],
)
def test_what_is_no_dataset(name, error, message, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "notes.md").write_text("nothing here")
    with pytest.raises(error, match=message):
        open_dataset(tmp_path / name)


def test_class_folders_named_like_sets_are_classes(tmp_path):
    class_folders(tmp_path, {"train": 2, "car": 2})
    assert open_dataset(tmp_path).labels == ("car", "train")


def test_sets_beside_classes_are_refused(tmp_path):
    class_folders(tmp_path / "train", {"car": 2})
    class_folders(tmp_path, {"bus": 2})
    with pytest.raises(FormatError, match="holds both a set, 'train', and a class, 'bus'"):
        open_dataset(tmp_path)


def test_sets_under_their_usual_names(tmp_path):
    for name in ("train", "val", "test"):
        class_folders(tmp_path / name, {"car": 1, "bus": 1})
    found = {sample.id: sample.category for sample in open_dataset(tmp_path).samples}
    assert found == {
        f"{name}/{label}/000.png": category
        for name, category in (("train", "training"), ("val", "validation"), ("test", "testing"))
        for label in ("bus", "car")
    }


def test_a_target_that_holds_something_or_lies_inside_is_refused(tmp_path):
    class_folders(tmp_path / "in", {"a": 1, "b": 1})
    dataset = open_dataset(tmp_path / "in")
    with pytest.raises(DataError, match="is not empty"):
        write_dataset(dataset, tmp_path, "folders")
    with pytest.raises(DataError, match="lies inside the dataset"):
        write_dataset(dataset, tmp_path / "in" / "out", "folders")
    with pytest.raises(UsageError, match="no dataset format 'parquet'; use one of ei-export, "):
        write_dataset(dataset, tmp_path / "out", "parquet")


def test_a_failed_write_leaves_nothing(tmp_path):
    class_folders(tmp_path / "in", {"a": 2, "b": 1})
    dataset = open_dataset(tmp_path / "in")
    (tmp_path / "in" / "a" / "001.png").unlink()
    with pytest.raises(DataError, match=r"001\.png: is missing"):
        write_dataset(dataset, tmp_path / "out", "ei-export")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_files_are_linked_or_copied_and_the_source_stays(tmp_path):
    class_folders(tmp_path / "in", {"a": 1, "b": 1})
    dataset = open_dataset(tmp_path / "in")
    before = (tmp_path / "in" / "a" / "000.png").stat()
    write_dataset(dataset, tmp_path / "linked", "folders")
    write_dataset(dataset, tmp_path / "copied", "folders", options=WriteOptions(copy=True))
    assert (tmp_path / "linked" / "a" / "000.png").stat().st_ino == before.st_ino
    assert (tmp_path / "copied" / "a" / "000.png").stat().st_ino != before.st_ino
    assert (tmp_path / "in" / "a" / "000.png").stat().st_mtime_ns == before.st_mtime_ns


# Paths and links


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/passwd", "a/../../x.png", "C:\\x.png", "a\0b", "", ".", "\ud800.png", "..\\x.png"]
)
def test_a_label_file_cannot_name_a_path_outside(path, tmp_path):
    (tmp_path / "set").mkdir()
    draw(tmp_path / "secret.png", 1)
    entry = {"path": path, "category": "training", "label": {"type": "unlabeled"}}
    (tmp_path / "set" / "info.labels").write_text(json.dumps({"version": 1, "files": [entry]}))
    with pytest.raises(FormatError, match="is not inside the dataset"):
        open_dataset(tmp_path / "set")


def test_links_out_of_the_dataset_are_refused(tmp_path):
    draw(tmp_path / "secret.png", 1)
    class_folders(tmp_path / "set", {"a": 1, "c": 1})
    (tmp_path / "set" / "a" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(FormatError, match="leads outside the dataset through a link"):
        open_dataset(tmp_path / "set")
    (tmp_path / "set" / "a" / "link.png").unlink()
    (tmp_path / "set" / "a" / "inside.png").symlink_to(tmp_path / "set" / "a" / "000.png")
    assert len(open_dataset(tmp_path / "set")) == 3
    (tmp_path / "set" / "b").symlink_to(tmp_path)
    with pytest.raises(FormatError, match="is a link to a folder"):
        open_dataset(tmp_path / "set")


def test_limits_are_kept(tmp_path):
    class_folders(tmp_path, {"a": 2, "b": 1})
    with pytest.raises(LimitError, match=r"more than 2 files.*raise Limits.samples"):
        open_dataset(tmp_path, limits=Limits(samples=2))


def test_intervals_with_a_gap_cannot_be_a_sidecar(tmp_path):
    label = Intervals((Interval(0, 2, "a"), Interval(4, 11, "b")))
    made = Dataset.of([Sample("1", "one", None, label, signal())], format="made")
    with pytest.raises(FormatError, match="interval 4 to 11 does not follow 2 without a gap"):
        write_dataset(made, tmp_path / "out", "ei-labels")


def test_boxes_become_structured_arrays_and_come_back(tmp_path):
    made = dataset_for(format_named("coco"), tmp_path / "made")
    with pytest.raises(DataError, match="nothing is known of its objects, but others have boxes"):
        write_dataset(made, tmp_path / "none", "arrays", options=WriteOptions(spec=ImageSpec(8, 8)))
    made = Dataset.of([each for each in made.samples if each.boxes is not None], format="made")
    write_dataset(made, tmp_path / "one", "arrays", options=WriteOptions(spec=ImageSpec(8, 8, resize_mode="squash")))
    read = open_dataset(tmp_path / "one")
    wide = made.samples[0].payload, made.samples[0].boxes[0]  # 20 x 16 pixels become 8 x 8
    assert (wide[1].x, wide[1].y, wide[1].width, wide[1].height) == (1, 2, 3, 4)
    first = next(sample for sample in read.samples if sample.id == "1").boxes[0]
    assert (first.label, first.x, first.y, first.width, first.height) == pytest.approx(("dog", 0.4, 1.0, 1.2, 2.0))
    write_dataset(read, tmp_path / "two", "arrays")
    again = open_dataset(tmp_path / "two")
    assert [(s.id, s.boxes, s.category) for s in again.samples] == [(s.id, s.boxes, s.category) for s in read.samples]
    for name in ("X_split_train.npy", "Y_split_train.npy", "train_input.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "Y_split_train.npy").read_bytes().startswith(b'[{"sampleId"')


@pytest.mark.parametrize("name", ["voc", "yolo", "open-images", "coco", "csv-boxes", "remo-boxes"])
def test_images_that_differ_in_extension_or_set_only_keep_their_boxes(name, tmp_path):
    draw(tmp_path / "in" / "a.png", 1)
    draw(tmp_path / "in" / "a.bmp", 2)
    places = [(Category.TRAINING, "a.png"), (Category.TRAINING, "a.bmp"), (Category.TESTING, "a.png")]
    samples = [
        Sample(str(at), "a", category, UNLABELLED, FilePayload(str(tmp_path / "in"), file), (Box("x", at, at, 2, 2),))
        for at, (category, file) in enumerate(places, start=1)
    ]
    write_dataset(Dataset.of(samples, format="made"), tmp_path / "out", name)
    read = open_dataset(tmp_path / "out").samples
    assert {(s.category, s.payload.suffix, s.boxes) for s in read} == {  # type: ignore[union-attr]
        (s.category, s.payload.suffix, s.boxes)  # type: ignore[union-attr]
        for s in samples
    }


def test_ndjson_lines_end_at_line_feeds_only(tmp_path):
    draw(tmp_path / "a.png", 1)
    entry = {"path": "a.png", "category": "training", "label": {"type": "label", "label": "a\u2028b\x85"}}
    item = json.dumps({"__key": "files", "__item": entry}, ensure_ascii=False)
    lines = [json.dumps({"__ndjson": True, "version": 1}), item]
    (tmp_path / "info.labels").write_text("\n".join([*lines, ""]), encoding="utf-8", newline="")
    assert open_dataset(tmp_path).labels == ("a\u2028b\x85",)


def test_names_and_labels_that_are_not_utf8_are_refused(tmp_path):
    class_folders(tmp_path / "in", {"a": 1})
    (tmp_path / "in" / "a" / "000.png").rename(tmp_path / "in" / "a" / os.fsdecode(b"\xff.png"))
    with pytest.raises(FormatError, match=r"is not UTF-8; rename the file"):
        open_dataset(tmp_path / "in")
    with pytest.raises(FormatError, match=r"label '\\ud800' is not UTF-8"):
        Dataset.of([], format="made", declared=["\ud800"])


@pytest.mark.parametrize("kind", ["ei-export", "ei-labels"])
def test_a_label_map_of_an_interval_is_kept(kind, tmp_path):
    label = Intervals((Interval(0, 5, "a", {"k": "v"}), Interval(6, 11, "b")))
    made = Dataset.of([Sample("1", "one", None, label, signal())], format="made")
    write_dataset(made, tmp_path / "out", kind)
    assert open_dataset(tmp_path / "out").samples[0].label == label
