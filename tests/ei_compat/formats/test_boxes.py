"""Boxes out of range in every format: refused by file, line and value, or cut or left out with a word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError
from ei_compat.dataset.dataset import Box, Dataset
from ei_compat.formats import WriteOptions, format_named, open_dataset, write_dataset
from ei_compat.media.image_files import image_size
from ei_compat.media.images import ImageSpec
from tests.ei_compat.made import dataset_for, draw

WIDTH, HEIGHT = 64, 48
Corners = tuple[object, object, object, object]  # least x and y, greatest x and y, as they stand in the file
LARGE = "1e9"


def text(value: object) -> str:
    return str(value)


def number(value: object) -> object:
    """As JSON has it; what is no number stays as Python's own writer has it."""
    return float(value) if isinstance(value, str) else value


def yolo(root: Path, corners: Corners) -> None:
    x0, y0, x1, y1 = (float(str(end)) for end in corners)
    cells = [(x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT, (x1 - x0) / WIDTH, (y1 - y0) / HEIGHT]
    (root / "classes.txt").write_text("cat\n")
    (root / "p.txt").write_text(f"\n0 {' '.join(map(repr, cells))}\n")


def voc(root: Path, corners: Corners) -> None:
    ends = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{name}>{end}</{name}>" for name, end in ends)
    head = "<annotation><filename>p.png</filename><object><name>cat</name><bndbox>"
    (root / "p.xml").write_text(f"{head}{box}</bndbox></object></annotation>")


def sides(corners: Corners) -> list[object]:
    x0, y0, x1, y1 = (float(str(end)) for end in corners)
    return [x0, y0, x1 - x0, y1 - y0]


def coco(root: Path, corners: Corners) -> None:
    document = {"images": [{"id": 1, "file_name": "p.png"}], "categories": [{"id": 1, "name": "cat"}]}
    document["annotations"] = [{"image_id": 1, "category_id": 1, "bbox": sides(corners)}]  # type: ignore[list-item]
    (root / "coco.json").write_text(json.dumps(document))


def csv_boxes(root: Path, corners: Corners) -> None:
    row = ",".join(map(text, ("p.png", "cat", *corners)))
    (root / "labels.csv").write_text(f"file_name,classes,xmin,ymin,xmax,ymax\n{row}\n")


def open_images(root: Path, corners: Corners) -> None:
    x0, y0, x1, y1 = (float(str(end)) for end in corners)
    ends = [x0 / WIDTH, x1 / WIDTH, y0 / HEIGHT, y1 / HEIGHT]
    (root / "boxes.csv").write_text(f"ImageID,LabelName,XMin,XMax,YMin,YMax\np,cat,{','.join(map(str, ends))}\n")


def remo(root: Path, corners: Corners) -> None:
    box = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(number, corners), strict=True))
    item = {"file_name": "p.png", "task": "Object detection", "annotations": [{"classes": ["cat"], "bbox": box}]}
    (root / "remo.json").write_text(json.dumps([item]))


def listed(corners: Corners) -> list[dict[str, object]]:
    return [{"label": "cat"} | dict(zip(("x", "y", "width", "height"), sides(corners), strict=True))]


def info_labels(root: Path, corners: Corners) -> None:
    entry = {"path": "p.png", "category": "training", "label": {"type": "unlabeled"}, "boundingBoxes": listed(corners)}
    (root / "info.labels").write_text(json.dumps({"version": 1, "files": [entry]}))


def sidecar(root: Path, corners: Corners) -> None:
    document = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"p.png": listed(corners)}}
    (root / "bounding_boxes.labels").write_text(json.dumps(document))


KINDS: dict[str, tuple[Callable[[Path, Corners], None], str]] = {
    "yolo": (yolo, "p.txt, line 2"),
    "voc": (voc, "p.xml"),
    "coco": (coco, "coco.json"),
    "csv-boxes": (csv_boxes, "labels.csv, line 2"),
    "open-images": (open_images, "boxes.csv, line 2"),
    "remo-boxes": (remo, "remo.json"),
    "ei-export": (info_labels, "info.labels"),
    "ei-labels": (sidecar, "bounding_boxes.labels"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def made(kind: str, root: Path, corners: Corners) -> Path:
    draw(root / "p.png", 1, (WIDTH, HEIGHT))
    KINDS[kind][0](root, corners)
    return root


@every_kind
def test_a_box_in_its_image_is_kept(kind, tmp_path):
    dataset = open_dataset(made(kind, tmp_path, (16, 12, 32.5, 24)))
    assert dataset.format == kind
    assert dataset.samples[0].boxes == (Box("cat", 16, 12, 16.5, 12),)
    assert not dataset.reading.remarks


@every_kind
@pytest.mark.parametrize(
    "corners",
    [
        (1536, 864, 2560, 1440),
        (70, 10, 90, 20),
        (-30, 10, -10, 20),
        (10, -300, 20, -200),
        (10, 10, 300, 20),
        (10, 10, 20, LARGE),
        (50, 10, 20, 20),
        (10, 40, 20, 5),
        ("nan", 10, 20, 20),
        (10, "inf", 20, 20),
        (10, 10, "-inf", 20),
        (10, 10, 20, "1e999"),
    ],
    ids=[
        *("of a larger picture", "right of it", "left of it", "above it", "wider than it", "huge", "x swapped"),
        *("y swapped", "NaN", "infinite", "minus infinite", "too large for a float"),
    ],
)
def test_what_cannot_be_a_box_of_the_image_is_refused_by_its_place(kind, corners, tmp_path):
    with pytest.raises(FormatError) as caught:
        open_dataset(made(kind, tmp_path, corners))
    assert KINDS[kind][1] in str(caught.value)


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "open-images"])
@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ((-3, 10, 20, 20), Box("cat", 0, 10, 20, 10)),
        ((50, 10, 70, 20), Box("cat", 50, 10, 14, 10)),
        ((10, -0.2, 20, 48.2), Box("cat", 10, 0, 10, 48)),
    ],
    ids=["left", "right", "above and below"],
)
def test_a_careless_box_is_cut_with_a_word(kind, corners, box, tmp_path):
    dataset = open_dataset(made(kind, tmp_path, corners))
    assert dataset.samples[0].boxes == (box,)
    (remark,) = dataset.reading.remarks
    assert remark.startswith("1 box cut to the picture, the first in ")
    assert KINDS[kind][1] in remark


@every_kind
@pytest.mark.parametrize("corners", [(5, 5, 5, 5), (5, 5, 9, 5), (5, 5, 5, 9), (0, 0, 0, 0)], ids=str)
def test_a_box_of_no_size_is_left_out_with_a_word_and_never_written(kind, corners, tmp_path):
    """One click in labelImg. Nothing is known of a picture whose only box it was."""
    dataset = open_dataset(made(kind, tmp_path / "in", corners))
    assert dataset.samples[0].boxes is None
    (remark,) = dataset.reading.remarks
    assert remark.startswith("1 box of no size left out, the first in ")
    assert KINDS[kind][1] in remark
    write_dataset(dataset, tmp_path / "out", "ei-export")
    assert '"width": 0' not in (tmp_path / "out" / "info.labels").read_text()


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in {"yolo", "open-images"}])
def test_shares_where_pixels_belong_are_refused(kind, tmp_path):
    with pytest.raises(FormatError, match="is smaller than a pixel: shares where pixels belong"):
        open_dataset(made(kind, tmp_path, (0.25, 0.25, 0.5, 0.75)))


@pytest.mark.parametrize(
    "line", ["0 24 18 16 12", "0 -0.2 0.5 0.1 0.1", "0 0.5 0.5 1.5 0.1", "0 0.5 0.5 0.1 -0.1", "0 1_0 0.5 0.1 0.1"]
)
def test_yolo_numbers_that_are_no_shares_are_refused_by_line_and_value(line, tmp_path):
    draw(tmp_path / "p.png", 1, (WIDTH, HEIGHT))
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "p.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(FormatError, match=r"p\.txt, line 2: .* is not (within 0 and 1|a number)"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("share", ["1.000001", "0.9999999", "1"])
def test_rounded_shares_of_a_whole_image_need_no_word(share, tmp_path):
    draw(tmp_path / "p.png", 1, (WIDTH, HEIGHT))
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "p.txt").write_text(f"0 0.5 0.5 {share} {share}\n")
    dataset = open_dataset(tmp_path)
    (box,) = dataset.samples[0].boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0, 0, WIDTH, HEIGHT), abs=1e-3)
    assert not dataset.reading.remarks


@pytest.mark.parametrize(
    ("cell", "label"), [("1", "dog"), ("1.0", "dog"), ("1e0", "dog"), ("0.000000", "cat"), ("1.000000e+00", "dog")]
)
def test_class_numbers_as_numeric_programs_write_them(cell, label, tmp_path):
    draw(tmp_path / "p.png", 1)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "p.txt").write_text(f"{cell} 0.5 0.5 0.5 0.5\n")
    assert open_dataset(tmp_path).samples[0].boxes[0].label == label


@pytest.mark.parametrize("cell", ["1.5", "2", "-1", "nan", "inf", "1e300", "cat", "1_0", "0x1", "٣"])
def test_what_is_no_class_number(cell, tmp_path):
    draw(tmp_path / "p.png", 1)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "p.txt").write_text(f"{cell} 0.5 0.5 0.5 0.5\n")
    with pytest.raises(FormatError, match=r"p\.txt, line 1: .*(is not from 0 to 1|is not a number)"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(("image", "kind"), [(1.0, 2.0), ("1", "2"), (1, "2"), ("1", 2.0)])
def test_coco_numbers_of_any_type_are_one(image, kind, tmp_path):
    draw(tmp_path / "p.png", 1)
    document = {"images": [{"id": 1, "file_name": "p.png"}], "categories": [{"id": 2, "name": "cat"}]}
    document["annotations"] = [{"image_id": image, "category_id": kind, "bbox": [1, 2, 3, 4]}]  # type: ignore[list-item]
    (tmp_path / "coco.json").write_text(json.dumps(document))
    assert open_dataset(tmp_path).samples[0].boxes == (Box("cat", 1, 2, 3, 4),)


@pytest.mark.parametrize(
    ("member", "entry", "says"),
    [
        ("images", {"id": "1", "file_name": "q.png"}, r"images\[1\]: image '1' is 'p\.png' too"),
        ("categories", {"id": 1, "name": "dog"}, r"categories\[1\]: category 1 is 'cat' too"),
    ],
)
def test_one_coco_number_for_two_things_is_refused(member, entry, says, tmp_path):
    made("coco", tmp_path, (1, 2, 3, 4))
    draw(tmp_path / "q.png", 2)
    document = json.loads((tmp_path / "coco.json").read_text())
    again = {**document, member: [*document[member], document[member][0]]}
    (tmp_path / "coco.json").write_text(json.dumps(again))
    assert open_dataset(tmp_path).samples[0].boxes == (Box("cat", 1, 2, 2, 2),)

    (tmp_path / "coco.json").write_text(json.dumps(document | {member: [*document[member], entry]}))
    with pytest.raises(FormatError, match=says):
        open_dataset(tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "yolo"])
def test_a_box_without_a_class_is_refused(kind, tmp_path):
    made(kind, tmp_path, (1, 2, 3, 4))
    for path in tmp_path.iterdir():
        if path.suffix != ".png":
            path.write_text(re.sub(r"\bcat\b", " ", path.read_text()))
    with pytest.raises(FormatError):
        open_dataset(tmp_path, format=kind)


def test_a_box_of_remo_with_an_empty_list_of_classes_is_refused(tmp_path):
    made("remo-boxes", tmp_path, (1, 2, 3, 4))
    document = (tmp_path / "remo.json").read_text()
    (tmp_path / "remo.json").write_text(document.replace('["cat"]', "[]"))
    with pytest.raises(FormatError, match=r"\[0\], annotations\[0\]: has no class"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("names", "says"),
    [("cat\n\ndog\n", "class 1 has no name"), ("cat\ndog\ncat\n", "names class 'cat' twice"), ("\n", "names no class")],
)
def test_lists_of_yolo_classes_that_do_not_say_which_is_which(names, says, tmp_path):
    made("yolo", tmp_path, (1, 2, 3, 4))
    (tmp_path / "classes.txt").write_text(names)
    with pytest.raises(FormatError, match=says):
        open_dataset(tmp_path)


def test_a_broken_image_does_not_keep_the_others_from_being_read(tmp_path):
    made("csv-boxes", tmp_path, (1, 2, 3, 4))
    (tmp_path / "q.png").write_bytes(b"no picture")
    with (tmp_path / "labels.csv").open("a") as stream:
        stream.write("q.png,cat,1,2,9000,4\n")
    assert [len(sample.boxes) for sample in open_dataset(tmp_path).samples] == [1, 1]


def test_sizes_are_read_once_and_carried(tmp_path):
    (sample,) = open_dataset(made("voc", tmp_path, (1, 2, 3, 4))).samples
    assert sample.payload.size == (WIDTH, HEIGHT)
    (tmp_path / "p.png").unlink()
    assert image_size(sample.payload) == (WIDTH, HEIGHT)


def test_boxes_of_arrays_are_held_against_their_rows(tmp_path):
    whole = dataset_for(format_named("coco"), tmp_path / "in")
    known = Dataset.of([sample for sample in whole.samples if sample.boxes is not None], format="made")
    write_dataset(known, tmp_path / "out", "arrays", options=WriteOptions(spec=ImageSpec(8, 8)))
    path = tmp_path / "out" / "Y_split_train.npy"
    rows = json.loads(path.read_text())
    first = next(row for row in rows if row["boundingBoxes"])
    for change, message in (({"x": 40}, "does not lie in its picture of 8 x 8"), ({"w": 0}, "has no size")):
        changed = [row | {"boundingBoxes": [row["boundingBoxes"][0] | change]} if row is first else row for row in rows]
        path.write_text(json.dumps(changed))
        with pytest.raises(DataError, match=rf"Y_split_train\.npy, \[\d+\]: .*{message}"):
            open_dataset(tmp_path / "out")
