"""Names of files as people and systems change them: Unicode forms, percent signs, slashes, capitals, lengths."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError
from ei_compat.dataset.dataset import UNLABELLED, Box, ClassLabel, Dataset, FilePayload, Sample
from ei_compat.formats import FORMATS, Carries, open_dataset, write_dataset
from tests.ei_compat.made import draw

NFC, NFD = (unicodedata.normalize(form, "café é") for form in ("NFC", "NFD"))
BOX = {"label": "x", "x": 1, "y": 2, "width": 3, "height": 4}
LONG = "施工现场安全帽检测数据采集照片" * 6


def listed_in_coco(root: Path, name: str) -> None:
    document = {"images": [{"id": 1, "file_name": name}], "categories": [{"id": 1, "name": "x"}]}
    document["annotations"] = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]  # type: ignore[list-item]
    (root / "coco.json").write_text(json.dumps(document))


def listed_in_csv(root: Path, name: str) -> None:
    (root / "labels.csv").write_text(f"file_name,classes,xmin,ymin,xmax,ymax\n{name},x,1,2,4,6\n", encoding="utf-8")


def listed_in_xml(root: Path, name: str) -> None:
    box = "<object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>6</ymax></bndbox></object>"
    place = root / "xml" / "of it.xml"
    place.parent.mkdir()
    place.write_text(f"<annotation><filename>{name}</filename>{box}</annotation>", encoding="utf-8")
    place.rename(root / "of it.xml")
    place.parent.rmdir()


def listed_in_info(root: Path, name: str) -> None:
    entry = {"path": name, "category": "training", "label": {"type": "unlabeled"}, "boundingBoxes": [BOX]}
    (root / "info.labels").write_text(json.dumps({"version": 1, "files": [entry]}))


def listed_beside(root: Path, name: str) -> None:
    document = {"version": 1, "type": "bounding-box-labels", "boundingBoxes": {name: [BOX]}}
    (root / "bounding_boxes.labels").write_text(json.dumps(document))


def text_of(root: Path, name: str) -> None:
    (root / "classes.txt").write_text("x\n")
    (root / f"{name.rpartition('.')[0]}.txt").write_text("0 0.5 0.5 0.2 0.2\n")


LISTS = [listed_in_coco, listed_in_csv, listed_in_xml, listed_in_info, listed_beside, text_of]
NAMES = [
    (f"{NFC}.png", f"{NFD}.png"),
    (f"{NFD}.png", f"{NFC}.png"),
    ("my cat.png", "my%20cat.png"),
    ("my%20cat.png", "my cat.png"),
    ("100%.png", "100%25.png"),
    (f"{NFD}.png", "caf%C3%A9%20%C3%A9.png"),
    ("IMG_1.PNG", "img_1.png"),
    ("ᄒ\u1161ᆫ글.png", unicodedata.normalize("NFC", "ᄒ\u1161ᆫ글.png")),
    ("が.png", unicodedata.normalize("NFD", "が.png")),
]


@pytest.mark.parametrize(("on_disk", "said"), NAMES, ids=lambda name: name.encode("unicode_escape").decode())
@pytest.mark.parametrize("write", LISTS, ids=lambda write: write.__name__)
def test_a_name_that_only_looks_different_is_the_same_file(write, on_disk, said, tmp_path):
    draw(tmp_path / on_disk, 1)
    write(tmp_path, said)
    (sample,) = open_dataset(tmp_path).samples
    assert sample.id == on_disk
    assert len(sample.boxes) == 1


@pytest.mark.parametrize(
    "said", ["C:\\Users\\me\\images\\a.png", ".\\images\\a.png", "images\\a.png", "./images/a.png"]
)
@pytest.mark.parametrize("write", [listed_in_coco, listed_in_csv], ids=lambda write: write.__name__)
def test_slashes_of_either_kind(write, said, tmp_path):
    draw(tmp_path / "images" / "a.png", 1)
    write(tmp_path, said)
    assert [sample.id for sample in open_dataset(tmp_path).samples if sample.boxes] == ["images/a.png"]


def test_a_file_whose_name_holds_a_backslash(tmp_path):
    """Archives made on Windows, unpacked by a tool that takes the backslash for a part of the name."""
    draw(tmp_path / "images\\a.png", 1)
    listed_in_coco(tmp_path, "images\\a.png")
    assert [sample.id for sample in open_dataset(tmp_path).samples if sample.boxes] == ["images\\a.png"]


def test_an_exact_name_comes_before_one_that_looks_alike(tmp_path):
    for number, name in enumerate(("my cat.png", "my%20cat.png", "My Cat.png")):
        draw(tmp_path / name, number)
    listed_in_csv(tmp_path, "my%20cat.png")
    assert [sample.id for sample in open_dataset(tmp_path).samples if sample.boxes] == ["my%20cat.png"]
    listed_in_csv(tmp_path, "MY CAT.png")
    with pytest.raises(FormatError, match=r"line 2: picture 'MY CAT.png' could be "):
        open_dataset(tmp_path)


def test_a_text_of_yolo_is_of_one_image_only(tmp_path):
    for number, name in enumerate(("a.png", "A.png", "images/B.png")):
        draw(tmp_path / name, number)
    text_of(tmp_path, "a.png")
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Labels" / "b.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    assert [sample.id for sample in open_dataset(tmp_path).samples if sample.boxes] == ["a.png", "images/B.png"]


# Classes


def test_labels_in_names_of_two_machines_are_one_class(tmp_path):
    for number, name in enumerate((f"{NFC}.1.png", f"{NFD}.2.png", "dog.1.png", "dog.2.png")):
        draw(tmp_path / name, number)
    assert [sample.label for sample in open_dataset(tmp_path).samples].count(ClassLabel(NFC)) == 2


@pytest.mark.parametrize(("one", "other"), [(NFC, NFD), (NFD, NFC)], ids=["NFC first", "NFD first"])
def test_class_folders_of_two_machines_are_one_class(one, other, tmp_path):
    for number, folder in enumerate((f"train/{one}", f"test/{other}", "train/dog", "test/dog")):
        draw(tmp_path / folder / "0.png", number)
    assert open_dataset(tmp_path).labels == (NFC, "dog")


def test_labels_in_files_are_in_one_form(tmp_path):
    for number in range(2):
        draw(tmp_path / f"{number}.png", number)
    (tmp_path / "labels.csv").write_text(f"file_name,class_name\n0.png,{NFC}\n1.png,{NFD}\n", encoding="utf-8")
    assert open_dataset(tmp_path).labels == (NFC,)


def test_names_that_a_file_system_takes_for_one_are_kept_apart(tmp_path):
    samples = []
    for number, name in enumerate((NFC, NFD, NFC.upper())):
        draw(tmp_path / "in" / f"{number}.png", number)
        payload = FilePayload(str(tmp_path / "in"), f"{number}.png")
        samples.append(Sample(str(number), name, None, ClassLabel("a"), payload))
    write_dataset(Dataset.of(samples, format="made"), tmp_path / "out", "folders")
    names = [path.name for path in (tmp_path / "out" / "a").iterdir()]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == 3
    assert all(unicodedata.is_normalized("NFC", name) for name in names)


# Lengths


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind.name != "arrays"], ids=lambda kind: kind.name)
def test_names_are_cut_to_255_bytes(kind, tmp_path):
    samples = []
    for number in range(8):
        label = (
            ClassLabel(("安全帽未佩戴的施工人员", "狗")[number % 2]) if Carries.CLASS in kind.carries else UNLABELLED
        )
        draw(tmp_path / "in" / f"{number}.png", number)
        payload = FilePayload(str(tmp_path / "in"), f"{number}.png")
        boxes = (Box("x", 1, 2, 3, 4),) if label == UNLABELLED else None
        samples.append(Sample(str(number), f"{LONG}{number}", None, label, payload, boxes))
    write_dataset(Dataset.of(samples, format="made"), tmp_path / "out", kind.name)
    files = list((tmp_path / "out").rglob("*.png"))
    assert len(files) == 8
    assert max(len(path.name.encode()) for path in files) <= 255
    assert max(len(path.name.encode()) for path in files) > 240
    assert len(open_dataset(tmp_path / "out")) == 8


def test_a_label_that_no_folder_can_be_named_after_is_refused(tmp_path):
    draw(tmp_path / "a.png", 1)
    label = "安" * 86
    made = Dataset.of([Sample("a", "a", None, ClassLabel(label), FilePayload(str(tmp_path), "a.png"))], format="made")
    with pytest.raises(DataError, match="has 258 bytes, a folder's name 255 at most; rename the class"):
        write_dataset(made, tmp_path / "out", "folders")
    with pytest.raises(DataError, match=r"cannot be in a file's name"):
        write_dataset(made, tmp_path / "out", "file-names")
    write_dataset(made, tmp_path / "out", "ei-export")
    assert open_dataset(tmp_path / "out").labels == (label,)


# Pictures that were renamed


def xml(root: Path, stem: str, filename: str | None) -> None:
    box = "<object><name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax><ymax>6</ymax></bndbox></object>"
    name = "" if filename is None else f"<filename>{filename}</filename>"
    (root / f"{stem}.xml").write_text(f"<annotation>{name}{box}</annotation>")


def test_boxes_are_never_those_of_another_image(tmp_path):
    for number in (1, 2, 3):
        draw(tmp_path / f"{number}.png", number)
        xml(tmp_path, str(number), f"{max(1, number - 1)}.png")
    with pytest.raises(FormatError, match=r"2\.xml: <filename> is '1\.png', but '2\.png' lies beside it; correct"):
        open_dataset(tmp_path)


def test_boxes_of_another_image_in_the_usual_folders(tmp_path):
    (tmp_path / "Annotations").mkdir()
    for number in (1, 2):
        draw(tmp_path / "JPEGImages" / f"{number}.png", number)
    xml(tmp_path / "Annotations", "1", "2.png")
    with pytest.raises(FormatError, match=r"1\.xml: <filename> is '2\.png', but 'JPEGImages/1\.png' lies beside it"):
        open_dataset(tmp_path)


def test_an_old_filename_that_is_no_longer_there_is_named(tmp_path):
    draw(tmp_path / "new.png", 1)
    xml(tmp_path, "new", "old.png")
    with pytest.raises(FormatError, match=r"new\.xml: <filename> is 'old\.png', which is not there, beside it lies"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("filename", [None, "a.png", "a.jpg", "a", "C:\\data\\a.jpg", "/home/me/a.jpeg"])
def test_a_image_stored_anew_keeps_its_boxes(filename, tmp_path):
    draw(tmp_path / "a.png", 1)
    xml(tmp_path, "a", filename)
    (sample,) = open_dataset(tmp_path).samples
    assert len(sample.boxes) == 1
