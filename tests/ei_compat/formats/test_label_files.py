"""What label files say in odd ways: heads of tables, classes without a name, boxes without sides, ids of classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError
from ei_compat.dataset.dataset import UNLABELLED, ClassLabel
from ei_compat.formats import open_dataset
from tests.ei_compat.made import draw

BOX = {"label": "cat", "x": 1, "y": 1, "width": 4, "height": 4}
OPEN_IMAGES = "ImageID,LabelName,XMin,XMax,YMin,YMax\np,{},0.1,0.5,0.1,0.5\n"


def laid(root: Path, **texts: str) -> Path:
    draw(root / "p.png", 1)
    for name, text in texts.items():
        place = root / name.replace("__", "/").replace("_csv", ".csv")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    return root


@pytest.mark.parametrize(
    "text",
    ['"file_name","class_name"\n"p.png","cat"\n', "\ufefffile_name, class_name\r\np.png,cat\r\n"],
    ids=["in quotes", "of Windows"],
)
def test_heads_of_tables(tmp_path, text):
    (sample,) = open_dataset(laid(tmp_path, labels_csv=text)).samples
    assert sample.label == ClassLabel("cat")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file_name,class_name,class_name\np.png,cat,dog\n", "names the column 'class_name' twice"),
        ("file_name;class_name\np.png;cat\n", "holds labels, but in no form .* separated by commas"),
        ("file_name,classes,xmin,ymin,xmax,ymax\np.png,,1,1,5,5\n", "line 2: has a box without a class"),
        ("file_name,classes,xmin,ymin,xmax,ymax\np.png,cat;,1,1,5,5\n", "line 2: has a box without a class"),
    ],
    ids=["a column twice", "semicolons", "no class", "a class and none"],
)
def test_tables_that_are_refused(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        open_dataset(laid(tmp_path, labels_csv=text))


def test_an_annotation_of_coco_without_sides(tmp_path):
    document = {"images": [{"id": 1, "file_name": "p.png"}], "categories": [{"id": 1, "name": "cat"}]}
    annotations = [{"image_id": 1, "category_id": 1, "bbox": []}]
    laid(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps(document | {"annotations": annotations}))
    with pytest.raises(DataError, match=r"annotations\[0\]: has no box"):
        open_dataset(tmp_path)


def test_a_class_of_an_export_without_a_name_is_none(tmp_path):
    entry = {"path": "p.png", "category": "training", "label": {"type": "label", "label": ""}, "boundingBoxes": [BOX]}
    laid(tmp_path)
    (tmp_path / "info.labels").write_text(json.dumps({"version": 1, "files": [entry]}))
    (sample,) = open_dataset(tmp_path).samples
    assert (sample.label, len(sample.boxes or ())) == (UNLABELLED, 1)


@pytest.mark.parametrize("place", ["class-descriptions_csv", "metadata__class-descriptions-boxable_csv"])
def test_classes_of_open_images_are_described_anywhere(tmp_path, place):
    laid(tmp_path, **{"train-bbox_csv": OPEN_IMAGES.format("/m/01yrx"), place: "/m/01yrx,Cat\n"})
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, dataset.reading.lines()) == (("Cat",), ())
    laid(tmp_path, **{"train-bbox_csv": OPEN_IMAGES.format("/m/0bt9lr")})
    with pytest.raises(DataError, match=r"train-bbox.csv, line 2: class '/m/0bt9lr' is not in .*class-descriptions"):
        open_dataset(tmp_path)


def test_classes_of_open_images_without_names(tmp_path):
    dataset = open_dataset(laid(tmp_path, bbox_csv=OPEN_IMAGES.format("/m/01yrx")))
    assert dataset.reading.lines() == ("classes are named by their ids, since there is no class-descriptions.csv",)
    assert open_dataset(laid(tmp_path, bbox_csv=OPEN_IMAGES.format("Cat"))).reading.lines() == ()


LABEL_FILES = {
    "structured_labels.labels": lambda intervals: {
        "version": 1, "type": "structured-labels", "structuredLabels": {"s.csv": intervals},
    },
    "info.labels": lambda intervals: {
        "version": 1,
        "files": [{"path": "s.csv", "category": "training", "label": {"type": "multi-label", "labels": intervals}}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LABEL_FILES)
def test_intervals_end_with_their_signal(tmp_path, name):
    rows = "".join(f"{10 * row},{row}\n" for row in range(8))
    (tmp_path / "s.csv").write_text(f"timestamp,x\n{rows}")
    idle = {"startIndex": 0, "endIndex": 3, "label": "idle"}
    for end in (7, 8):
        document = LABEL_FILES[name]([idle, {"startIndex": 4, "endIndex": end, "label": "wave"}])
        (tmp_path / name).write_text(json.dumps(document))
        if end == 7:
            (sample,) = open_dataset(tmp_path).samples
            assert [interval.end for interval in sample.label.intervals] == [3, 7]
    with pytest.raises(DataError, match="interval 4 to 8 ends behind the last row, 7"):
        open_dataset(tmp_path)
