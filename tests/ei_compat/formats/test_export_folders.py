"""Exports of Edge Impulse as they lie about: a label file in each folder, labels over time with maps, attachments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.errors import DataError, FormatError
from ei_compat.dataset.dataset import Category, ClassLabel, Dataset, Interval, Intervals
from ei_compat.formats import WriteOptions, open_dataset, write_dataset
from ei_compat.formats.conversion import convert
from ei_compat.media import acquisition
from ei_compat.media.images import ImageSpec
from ei_compat.media.signals import SignalForm, read_signal
from tests.ei_compat.made import class_folders, draw, signal
from tests.ei_compat.media.test_wav import PLAIN, SOUND, chunk, file_of


def entry(path: str, label: str, category: str, **more: object) -> dict[str, object]:
    return {"path": path, "category": category, "label": {"type": "label", "label": label}} | more


def info(folder: Path, *entries: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "info.labels").write_text(json.dumps({"version": 1, "files": list(entries)}))


def per_folder(root: Path) -> Path:
    for number, category in enumerate(("training", "testing")):
        for index in range(2):
            draw(root / category / f"sample{index}.png", 10 * number + index)
        info(root / category, entry("sample0.png", "0.01", category), entry("sample1.png", "5.02", category))
    return root


def test_a_label_file_in_each_folder(tmp_path):
    dataset = open_dataset(per_folder(tmp_path))
    assert {(s.id, s.category, s.label) for s in dataset.samples} == {
        (f"{category}/sample{index}.png", Category(category), ClassLabel(label))
        for category in ("training", "testing")
        for index, label in enumerate(("0.01", "5.02"))
    }
    assert dataset.reading.label_files == ("testing/info.labels", "training/info.labels")
    assert dataset.reading.not_read == ()


def test_paths_below_the_whole_set_in_a_label_file_of_a_folder(tmp_path):
    draw(tmp_path / "training" / "a.png", 1)
    info(tmp_path / "training", entry("training/a.png", "x", "training"))
    assert [sample.id for sample in open_dataset(tmp_path).samples] == ["training/a.png"]


def test_an_export_in_a_single_folder_of_its_own(tmp_path):
    per_folder(tmp_path / "project-export")
    info(tmp_path / "project-export", entry("training/sample0.png", "0.01", "training"))
    assert len(open_dataset(tmp_path)) == 4


def test_label_files_that_say_the_same_twice_count_once_and_never_disagree(tmp_path):
    per_folder(tmp_path)
    info(tmp_path, entry("training/sample0.png", "0.01", "training"))
    assert len(open_dataset(tmp_path)) == 4
    info(tmp_path, entry("training/sample0.png", "7", "training"))
    with pytest.raises(DataError, match=r"files\[0\]: says something else of 'training/sample0\.png'"):
        open_dataset(tmp_path)
    info(tmp_path, *[entry("training/sample0.png", "0.01", "training")] * 2)
    with pytest.raises(DataError, match=r"files\[1\]: lists 'training/sample0\.png' twice"):
        open_dataset(tmp_path)


def test_what_an_export_holds_and_nobody_carries_is_said(tmp_path):
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    attached = [{"path": "a.pdf", "name": "a"}]
    info(
        tmp_path, entry("a.png", "x", "training", attachments=attached), entry("b.png", "y", "training", attachments=[])
    )
    done = convert(open_dataset(tmp_path), tmp_path.parent / "out", "ei-export")
    assert done.reading.remarks == ("info.labels: attachments not carried, of 1 sample",)


def test_label_maps_of_intervals_go_from_the_sidecar_into_the_export_and_back(tmp_path):
    folder = tmp_path / "in" / "training"
    folder.mkdir(parents=True)
    (folder / "s.json").write_bytes(acquisition.encode(signal(rows=10)))
    rows = [
        {"startIndex": 0, "endIndex": 4, "label": "idle", "labelMap": {"speed": "low"}},
        {"startIndex": 5, "endIndex": 9, "label": "run", "labelMap": {"speed": "high"}},
    ]
    document = {"version": 1, "type": "structured-labels", "structuredLabels": {"s.json": rows}}
    (folder / "structured_labels.labels").write_text(json.dumps(document))
    write_dataset(open_dataset(tmp_path / "in"), tmp_path / "export", "ei-export")
    (written,) = json.loads((tmp_path / "export" / "info.labels").read_text())["files"]
    assert written["label"]["labels"] == rows
    write_dataset(open_dataset(tmp_path / "export"), tmp_path / "back", "ei-labels")
    label = open_dataset(tmp_path / "back").samples[0].label
    expected = (Interval(0, 4, "idle", {"speed": "low"}), Interval(5, 9, "run", {"speed": "high"}))
    assert label == Intervals(expected)


@pytest.mark.parametrize("bad", ["NaN", "-Infinity", "Infinity"])
def test_numbers_that_are_not_json_are_named_with_their_line(bad, tmp_path):
    draw(tmp_path / "a.png", 1)
    text = json.dumps({"version": 1, "files": [entry("a.png", "NaN of a label", "training")]}, indent=1)
    (tmp_path / "info.labels").write_text(text.replace('"category"', f'"x": {bad}, "category"'))
    with pytest.raises(FormatError, match=rf"info\.labels, line 6 column 9: is not JSON: {bad} is not JSON"):
        open_dataset(tmp_path)


# Order of rows


def labels_of(folder: Path, name: str) -> list[int]:
    labels: list[int] = np.load(folder / name).argmax(axis=1).tolist()
    return labels


def test_rows_of_arrays_are_shuffled_the_same_everywhere_with_their_ids(tmp_path):
    class_folders(tmp_path / "in", {"a": 12, "b": 12, "c": 12})
    dataset = open_dataset(tmp_path / "in")
    sets = (Category.TRAINING, Category.VALIDATION, Category.TESTING)
    parted = Dataset.of((s.with_category(sets[i % 3]) for i, s in enumerate(dataset.samples)), format="made")
    for place in ("one", "two"):
        write_dataset(parted, tmp_path / place, "arrays", options=WriteOptions(spec=ImageSpec(20, 16)))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    ids = json.loads((tmp_path / "one" / "sample_id_details.json").read_text())
    keys = {"train": "train", "validation": "test"}
    for key, name in keys.items():
        labels = labels_of(tmp_path / "one", f"Y_split_{name}.npy")
        assert labels != sorted(labels)
        assert sorted(labels) == [0] * 4 + [1] * 4 + [2] * 4
        by_id = [parted.samples[number - 1] for number in ids[key]]
        assert ["abc".index(sample.label.label) for sample in by_id] == labels
        images = np.load(tmp_path / "one" / f"X_split_{name}.npy")
        for sample, row in zip(by_id, images, strict=True):
            assert np.array_equal(np.rint(row * 255), np.asarray(Image.open(sample.payload.path)))


def test_rows_that_are_arrays_already_keep_their_order(tmp_path):
    class_folders(tmp_path / "in", {"a": 6, "b": 6})
    write_dataset(open_dataset(tmp_path / "in"), tmp_path / "one", "arrays", options=WriteOptions(spec=ImageSpec(8, 8)))
    write_dataset(open_dataset(tmp_path / "one"), tmp_path / "two", "arrays")
    assert np.array_equal(*(np.load(tmp_path / place / "X_train_features.npy") for place in ("one", "two")))


def test_arrays_without_the_broken_images(tmp_path):
    class_folders(tmp_path / "in", {"a": 5, "b": 5})
    (tmp_path / "in" / "a" / "002.png").write_bytes(b"broken")
    options = WriteOptions(spec=ImageSpec(8, 8), max_broken=0.2)
    left_out = write_dataset(open_dataset(tmp_path / "in"), tmp_path / "out", "arrays", options=options)
    assert [name.rpartition("/")[2] for name, _ in left_out] == ["002.png"]
    assert np.load(tmp_path / "out" / "X_train_features.npy").shape == (9, 8, 8, 3)
    assert np.load(tmp_path / "out" / "y_train.npy").shape == (9, 4)


def test_a_warning_about_a_header_reaches_the_result(tmp_path):
    (tmp_path / "in" / "noise").mkdir(parents=True)
    (tmp_path / "in" / "hum").mkdir(parents=True)
    for place, claimed in (("noise", 0xFFFFFFFF), ("hum", len(SOUND))):
        (tmp_path / "in" / place / "a.wav").write_bytes(file_of(PLAIN, chunk(b"data", SOUND, claimed)))
    options = WriteOptions(signal_form=SignalForm.JSON)
    done = convert(open_dataset(tmp_path / "in"), tmp_path / "out", "folders", options=options)
    (remark,) = done.reading.remarks
    assert "noise/a.wav: its header tells of 4,294,967,295 bytes" in remark
    assert read_signal(open_dataset(tmp_path / "out").samples[0].payload).values.shape == (160, 1)
