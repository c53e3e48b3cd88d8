"""A picture listed twice: a later file overrules an earlier one with a warning, and nothing is ever added up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError
from ei_compat.dataset.dataset import ClassLabel
from ei_compat.formats import open_dataset
from tests.ei_compat.made import draw

Content = dict[str, list[int]]  # by picture the left sides of its boxes, of 4 by 4 pixels in a picture of 20 by 16


def coco(images: Content) -> str:
    entries = [{"id": number, "file_name": name} for number, name in enumerate(images)]
    annotations = [
        {"image_id": number, "category_id": 1, "bbox": [x, 1, 4, 4]}
        for number, lefts in enumerate(images.values())
        for x in lefts
    ]
    return json.dumps({"images": entries, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]})


def voc(images: Content) -> str:
    ((name, lefts),) = images.items()
    ends = "<xmin>{}</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>5</ymax>"
    boxes = [f"<object><name>cat</name><bndbox>{ends.format(x, x + 4)}</bndbox></object>" for x in lefts]
    return f"<annotation><filename>{name}</filename>{''.join(boxes)}</annotation>"


def table(header: str, row: Callable[[str, int], str]) -> Callable[[Content], str]:
    return lambda images: "\n".join([header, *(row(name, x) for name, xs in images.items() for x in xs), ""])


def remo(images: Content) -> str:
    def box(x: int) -> dict[str, object]:
        return {"classes": ["cat"], "bbox": {"xmin": x, "ymin": 1, "xmax": x + 4, "ymax": 5}}

    items = [
        {"file_name": name, "task": "Object detection", "annotations": list(map(box, lefts))}
        for name, lefts in images.items()
    ]
    return json.dumps(items)


csv_boxes = table("file_name,classes,xmin,ymin,xmax,ymax", lambda name, x: f"{name},cat,{x},1,{x + 4},5")
open_images = table(
    "ImageID,LabelName,XMin,XMax,YMin,YMax", lambda name, x: f"{name[:-4]},cat,{x / 20},{(x + 4) / 20},0.1,0.2"
)
BOX_FORMATS = {
    "coco": (coco, "a.json", "b.json"),
    "csv-boxes": (csv_boxes, "a.csv", "b.csv"),
    "open-images": (open_images, "a.csv", "b.csv"),
    "remo-boxes": (remo, "a.json", "b.json"),
    "voc": (voc, "p.xml", "Annotations/p.xml"),
}


def laid(root: Path, texts: dict[str, str], images: Sequence[str] = ("p.png",)) -> Path:
    for number, name in enumerate(images):
        draw(root / name, number)
    for name, text in texts.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(text)
    return root


def lefts(root: Path) -> tuple[list[float], list[str]]:
    """The left sides of the boxes of the one picture, and what is said of the set."""
    dataset = open_dataset(root)
    (sample,) = dataset.samples
    return [round(box.x, 3) for box in sample.boxes or ()], list(dataset.reading.lines())


@pytest.mark.parametrize(("kind", "first", "later"), BOX_FORMATS.values(), ids=BOX_FORMATS)
@pytest.mark.parametrize(
    ("before", "now", "found", "said"),
    [
        ([1, 9], [1, 9], [1, 9], "every box counts once"),
        ([1, 9], [9], [1, 9], "every box counts once"),
        ([1], [1, 9], [1, 9], "every box counts once"),
        ([1, 9], [2, 9], [2, 9], "1 picture has other boxes in a later label file, such as p.png, in {} and {}"),
    ],
    ids=["the same", "fewer", "more", "others"],
)
def test_of_two_files_with_boxes_the_later_one_counts(tmp_path, kind, first, later, before, now, found, said):
    root = laid(tmp_path, {first: kind({"p.png": before}), later: kind({"p.png": now})})
    boxes, lines = lefts(root)
    assert boxes == found
    assert said.format(first, later) in " ".join(lines)


def test_of_three_files_the_last_one_counts(tmp_path):
    texts = {f"{name}.json": coco({"p.png": boxes}) for name, boxes in (("a", [1]), ("b", [2, 3]), ("c", [4]))}
    boxes, (line,) = lefts(laid(tmp_path, texts))
    assert boxes == [4]
    assert line.startswith("1 picture has other boxes")


def test_a_file_without_a_box_of_a_image_overrules_nothing(tmp_path):
    boxes, lines = lefts(laid(tmp_path, {"a.json": coco({"p.png": [3]}), "b.json": coco({"p.png": []})}))
    assert (boxes, len(lines)) == ([3], 1)


@pytest.mark.parametrize("named", ["a.json, image 0 and a.json, image 1"])
def test_a_image_with_two_numbers_in_one_file(tmp_path, named):
    def twice(second: list[int]) -> str:
        return coco({"p.png": [3], "other": second}).replace("other", "p.png")

    boxes, (line,) = lefts(laid(tmp_path, {"a.json": twice([3])}))
    assert boxes == [3]
    assert named in line
    with pytest.raises(DataError, match=r"a.json, image 1: lists other boxes of picture 'p.png' than a.json, image 0"):
        open_dataset(laid(tmp_path, {"a.json": twice([4])}))


def remo_classes(classes: dict[str, str]) -> str:
    task = {"task": "Image classification"}
    return json.dumps([{"file_name": name, "classes": [label], **task} for name, label in classes.items()])


def csv_classes(classes: dict[str, str]) -> str:
    return "\n".join(["file_name,class_name", *(f"{name},{label}" for name, label in classes.items()), ""])


CLASS_FORMATS = {"csv": (csv_classes, "a.csv", "b.csv"), "remo": (remo_classes, "a.json", "b.json")}
THREE = ("0.png", "1.png", "2.png")


@pytest.mark.parametrize(("kind", "first", "later"), CLASS_FORMATS.values(), ids=CLASS_FORMATS)
def test_of_two_files_with_classes_the_later_one_counts(tmp_path, kind, first, later):
    root = laid(tmp_path, {first: kind({"0.png": "a", "1.png": "b"}), later: kind({"1.png": "c", "2.png": "b"})}, THREE)
    dataset = open_dataset(root)
    assert [sample.label for sample in dataset.samples] == [ClassLabel("a"), ClassLabel("c"), ClassLabel("b")]
    said = f"1 picture has two classes, such as 1.png, 'b' in {first} and 'c' in {later}; the later file counts"
    assert dataset.reading.lines() == (said,)


@pytest.mark.parametrize(("kind", "file", "_"), CLASS_FORMATS.values(), ids=CLASS_FORMATS)
def test_a_file_that_gives_a_image_two_classes(tmp_path, kind, file, _):
    text = kind({"0.png": "a", "other": "b"}).replace("other", "0.png")
    with pytest.raises(DataError, match=rf"{file}, (line 3|\[1\]): picture '0.png' has two classes, 'a' and 'b'"):
        open_dataset(laid(tmp_path, {file: text}, THREE))


def test_a_later_file_without_a_class_overrules_none(tmp_path):
    dataset = open_dataset(laid(tmp_path, {"a.csv": csv_classes({"p.png": "a"}), "b.csv": csv_classes({"p.png": ""})}))
    assert [sample.label for sample in dataset.samples] == [ClassLabel("a")]
    assert dataset.reading.lines() == ()


SETS = {
    "csv": (csv_classes, ({"0.png": "a", "1.png": "b"}, {"1.png": "b", "2.png": "a"}), ("train.csv", "val.csv")),
    "remo": (remo_classes, ({"0.png": "a", "1.png": "b"}, {"1.png": "b", "2.png": "a"}), ("train.json", "val.json")),
    "coco": (coco, ({"0.png": [1], "1.png": [2]}, {"1.png": [2], "2.png": [3]}), ("train.json", "val.json")),
    "remo-boxes": (remo, ({"0.png": [1], "1.png": [2]}, {"1.png": [2], "2.png": [3]}), ("train.json", "val.json")),
    "csv-boxes": (csv_boxes, ({"0.png": [1], "1.png": [2]}, {"1.png": [2], "2.png": [3]}), ("train.csv", "val.csv")),
    "open-images": (
        open_images,
        ({"0.png": [1], "1.png": [2]}, {"1.png": [2], "2.png": [3]}),
        ("train-a.csv", "val-a.csv"),
    ),
}


@pytest.mark.parametrize(("kind", "contents", "files"), SETS.values(), ids=SETS)
def test_a_image_that_two_sets_list_is_in_the_later_one(tmp_path, kind, contents, files):
    texts = {file: kind(content) for file, content in zip(files, contents, strict=True)}
    dataset = open_dataset(laid(tmp_path, texts, [f"images/{name}" for name in THREE]))
    assert [sample.category for sample in dataset.samples] == ["training", "validation", "validation"]
    said = f"1 picture is listed for two sets, such as images/1.png; the later file counts, {files[1]}"
    assert said in dataset.reading.lines()


def test_lists_of_a_voc_set_that_overlap(tmp_path):
    lists = {"train": "0\n1\n", "val": "1\n", "trainval": "0\n1\n2\n"}
    texts = {f"ImageSets/Main/{name}.txt": text for name, text in lists.items()}
    texts |= {f"Annotations/{n}.xml": voc({f"{n}.png": [1]}) for n in range(3)}
    dataset = open_dataset(laid(tmp_path, texts, [f"JPEGImages/{name}" for name in THREE]))
    assert [sample.category for sample in dataset.samples] == ["training", "validation", "training"]
    said = "1 picture is listed for two sets, such as 1; the later file counts, ImageSets/Main/val.txt"
    assert dataset.reading.lines() == (said,)


@pytest.mark.parametrize("kind", ["coco", "csv-boxes", "open-images", "remo-boxes", "voc"])
def test_a_box_that_is_there_twice_counts_once(tmp_path, kind):
    write, file, _ = BOX_FORMATS[kind]
    boxes, lines = lefts(laid(tmp_path, {file: write({"p.png": [1, 9, 1]})}))
    assert boxes == [1, 9]
    assert lines[0] == "1 box of the same class and place as another left out"


def test_a_line_of_yolo_that_is_there_twice_counts_once(tmp_path):
    line = "0 0.5 0.5 0.2 0.2\n"
    boxes, lines = lefts(laid(tmp_path, {"classes.txt": "cat\n", "p.txt": line + "0 0.6 0.5 0.2 0.2\n" + line + line}))
    assert boxes == [8, 10]
    assert lines == ["2 boxes of the same class and place as another left out"]


SIZED = {
    "coco": ("a.json", '"file_name": "p.png", "width": {}, "height": {}', '"file_name": "p.png"'),
    "remo-boxes": ("a.json", '"file_name": "p.png", "width": {}, "height": {}', '"file_name": "p.png"'),
    "voc": (
        "p.xml",
        "<filename>p.png</filename><size><width>{}</width><height>{}</height></size>",
        "<filename>p.png</filename>",
    ),
}


@pytest.mark.parametrize("kind", SIZED)
@pytest.mark.parametrize(
    ("size", "says"),
    [((20, 16), False), ((0, 0), False), ((40, 32), True), ((16, 20), True)],
    ids=["the same", "none", "twice", "turned"],
)
def test_a_image_of_another_size_than_its_label_file_tells_is_named(tmp_path, kind, size, says):
    file, told, bare = SIZED[kind]
    text = BOX_FORMATS[kind][0]({"p.png": [1]})
    assert bare in text
    boxes, lines = lefts(laid(tmp_path, {file: text.replace(bare, told.format(*size))}))
    line = (
        f"1 picture has another size than the label file says, such as p.png, 20 x 16 pixels, not {size[0]} x {size[1]}"
    )
    assert (boxes, lines) == ([1], [f"{line}: was it changed after it was labelled?"] if says else [])
