"""What people really have: every folder is read right, or refused by name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError
from ei_compat.formats import open_dataset
from ei_compat.media.image_files import image_size
from tests.ei_compat.made import draw

HASH = "0123456789abcdef0123456789abcdef"
XML = "<annotation><filename>{}</filename><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
XML += "<xmax>{}</xmax><ymax>4</ymax></bndbox></object></annotation>"


def lay(root: Path, files: dict[str, str] | list[str]) -> Path:
    """Files by their paths: pictures are drawn, others hold the text; `a/{0-3}.png` stands for four of them."""
    texts = files if isinstance(files, dict) else dict.fromkeys(files, "")
    number = 0
    for path, text in texts.items():
        head, mark, tail = path.partition("{0-3}")
        for each in [f"{head}{n}{tail}" for n in range(4)] if mark else [path]:
            number += 1
            place = root / each
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.suffix in {".png", ".bmp"}:
                draw(place, number)
            elif place.suffix in {".jpg", ".jpe", ".jfif"}:
                draw(place.with_suffix(".jpeg"), number).rename(place)
            else:
                place.write_text(text)
    return root


def folders(*names: str) -> list[str]:
    return [f"{name}/{{0-3}}.png" for name in names]


def counted(root: Path) -> dict[str, int]:
    """Samples by `category/label`; the label alone where there is no category."""
    return dict(
        Counter(
            "/".join(filter(None, [sample.category, getattr(sample.label, "label", "")]))
            for sample in open_dataset(root).samples
        )
    )


READ = {
    "words that hold a set's": (
        folders("test tube", "training shoe", "data cable", "latest", "contest"),
        {"test tube": 4, "training shoe": 4, "data cable": 4, "latest": 4, "contest": 4},
        "",
    ),
    "valid and invalid": (folders("valid", "invalid"), {"valid": 4, "invalid": 4}, ""),
    "things that sets are called too": (
        folders("train", "bus"),
        {"train": 4, "bus": 4},
        "the folder 'train' was taken for a class, not for a set",
    ),
    "masks that people wear": (folders("mask", "no mask"), {"mask": 4, "no mask": 4}, ""),
    "outcomes of a test": (folders("positive test", "negative test"), {"positive test": 4, "negative test": 4}, ""),
    "classes that look alike": (
        folders("Cat", "cat", "dog"),
        {"Cat": 4, "cat": 4, "dog": 4},
        "classes that differ in capitals or spaces only are kept apart, such as 'Cat' and 'cat'",
    ),
    "capitals and small letters": (folders("A", "a", "B", "b"), {"A": 4, "a": 4, "B": 4, "b": 4}, ""),
    "thumbnails of a viewer": (
        [*folders("cat", "dog"), "cat/thumbnails/0.png", "_thumbs/0.png"],
        {"cat": 4, "dog": 4},
        "",
    ),
    "numbers": (folders("0", "1", "2"), {"0": 4, "1": 4, "2": 4}, ""),
    "such words in sets": (
        folders("train/test tube", "train/latest", "test/test tube", "test/latest"),
        {"training/test tube": 4, "training/latest": 4, "testing/test tube": 4, "testing/latest": 4},
        "",
    ),
    "pictures deeper in a class": (
        ["cat/0.png", "cat/more/1.png", "dog/0.png", "dog/more/1.png"],
        {"cat": 2, "dog": 2},
        "",
    ),
    "lists of the classes": (
        {**dict.fromkeys(folders("cat", "dog"), ""), "labels.txt": "cat\ndog\n", "classes.txt": "0 cat\n1 dog\n"},
        {"cat": 4, "dog": 4},
        "",
    ),
    "a wrapper": (folders("photos/cat", "photos/dog"), {"cat": 4, "dog": 4}, "the folder 'photos' was entered"),
    "wrappers in wrappers": (folders("a/b/Images/cat", "a/b/Images/dog"), {"cat": 4, "dog": 4}, "'a/b/Images'"),
    "a wrapper of sets": (
        folders("dataset/train/cat", "dataset/train/dog", "dataset/test/cat", "dataset/test/dog"),
        {"training/cat": 4, "training/dog": 4, "testing/cat": 4, "testing/dog": 4},
        "the folder 'dataset' was entered",
    ),
    "sets by their usual names": (
        folders("training_set/cat", "training_set/dog", "Test Images/cat", "Test Images/dog", "dev/cat", "dev/dog"),
        {f"{category}/{label}": 4 for category in ("training", "testing", "validation") for label in ("cat", "dog")},
        "'training_set' for training",
    ),
    "sets inside sets of the same name": (
        [
            *folders("seg_train/seg_train/sea", "seg_train/seg_train/ice"),
            *folders("seg_test/seg_test/sea", "seg_test/seg_test/ice"),
            "seg_pred/seg_pred/1.png",
        ],
        {"training/sea": 4, "training/ice": 4, "testing/sea": 4, "testing/ice": 4},
        "1 loose picture (seg_pred/seg_pred/1.png)",
    ),
    "a flat test set": (
        [*folders("train/cat", "train/dog"), "test/{0-3}.png"],
        {"training/cat": 4, "training/dog": 4},
        "4 loose pictures (test/0.png, test/1.png, …)",
    ),
    "loose pictures": ([*folders("cat", "dog"), "new.png"], {"cat": 4, "dog": 4}, "1 loose picture (new.png)"),
    "files of no known kind": (
        {**dict.fromkeys(folders("cat", "dog"), ""), "cat/a.heic": "", "dog/b.mov": "", "dog/c": ""},
        {"cat": 4, "dog": 4},
        "3 files were not read: 1 .heic (cat/a.heic), 1 .mov (dog/b.mov), 1 without an extension (dog/c)",
    ),
    "other extensions of JPEG": (["cat/0.jpe", "cat/1.jpg", "dog/0.jfif", "dog/1.jpg"], {"cat": 2, "dog": 2}, ""),
    "thumbnails": (
        ["cat/0.png", "cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.png", "dog/1.png", "dog/._1.png", "__MACOSX/dog/._1.png"],
        {"cat": 1, "dog": 1},
        "",
    ),
    "names of files in sets beside a folder": (
        ["training/cat.{0-3}.png", "training/dog.{0-3}.png", "testing/cat.9.png", "images/board.png"],
        {"training/cat": 4, "training/dog": 4, "testing/cat": 1},
        "1 loose picture (images/board.png)",
    ),
    "a competition's files": (
        {
            **dict.fromkeys(["train/cat.{0-3}.png", "train/dog.{0-3}.png", "test1/{0-3}.png"], ""),
            "sampleSubmission.csv": "id,label\n0,0\n",
        },
        {"training/cat": 4, "training/dog": 4},
        "4 loose pictures (test1/0.png",
    ),
    "one class of signals": ({"wave/a.csv": "timestamp,x\n0,1\n10,2\n"}, {"wave": 1}, ""),
    "documents with members of a signal's": (
        {
            **dict.fromkeys(folders("cat", "dog"), ""),
            "cat/a.json": '{"payload": "x"}',
            "dog/b.json": '{"protected": 1}',
        },
        {"cat": 4, "dog": 4},
        "2 files were not read: 2 .json (cat/a.json, dog/b.json)",
    ),
    "a row of numbers beside pictures": (
        {**dict.fromkeys(folders("cat", "dog"), ""), "cat/count.csv": "files,bytes\n4,900\n"},
        {"cat": 4, "dog": 4},
        "1 file was not read: 1 .csv (cat/count.csv)",
    ),
    "a row of numbers beside signals": (
        {"run/a.csv": "timestamp,x\n0,1\n10,2\n", "run/sum.csv": "files,seconds\n1,20\n"},
        {"run": 1},
        "1 file was not read: 1 .csv (run/sum.csv)",
    ),
    "rows of numbers alone": ({"run/a.csv": "x,y\n1,2\n", "idle/b.csv": "x,y\n3,4\n"}, {"run": 1, "idle": 1}, ""),
    "notes beside pictures": (
        {
            **dict.fromkeys(folders("cat", "dog"), ""),
            "cat/0.json": '{"title": "0.png"}',
            "cat/n.csv": "a,b\n5,6\n7,8\n",
        },
        {"cat": 4, "dog": 4},
        "2 files were not read: 1 .json (cat/0.json), 1 .csv (cat/n.csv)",
    ),
}


@pytest.mark.parametrize(("files", "found", "said"), READ.values(), ids=READ)
def test_what_is_read(tmp_path, files, found, said):
    lay(tmp_path, files)
    assert counted(tmp_path) == found
    lines = " ".join(open_dataset(tmp_path).reading.lines())
    assert said in lines
    assert bool(lines) == bool(said)


def beside(files: list[str], **others: str) -> dict[str, str]:
    return {**dict.fromkeys(files, ""), **others}


CSV = {"labels.csv": "image,label\n0.png,dog\n1.png,cat\n"}
EXPORTED = [f"train/IMG_{n}_jpg.rf.{n}{HASH[1:]}.png" for n in range(4)]
REFUSED = {
    "one class of pictures": (folders("photos of cats"), "there is a single class, 'photos of cats'"),
    "a container": (folders("images", "cat"), "the folder 'images' is no class by its name"),
    "nothing but containers": (folders("photos", "masks"), "is no class by its name"),
    "a container in a set": (["train/images/0.png", "train/labels/0.png"], "'images' is no class by its name"),
    "a set beside a folder": (folders("training", "boards"), "the folder 'training' is named after a set"),
    "a set beside a class": (folders("train/cat", "train/dog", "bus"), "holds both a set, 'train', and a class, 'bus'"),
    "sets in classes": (folders("cat/train", "cat/test", "dog/train", "dog/test"), "'cat' holds a folder 'test'"),
    "sets in names of classes": (folders("cat_train", "cat_test"), "the folder 'cat_test' holds a set's word"),
    "a set's word beside the same without": (folders("cats", "cats_test", "dogs"), "'cats_test' holds a set's word"),
    "a set's word in every name": (folders("cats_training", "dogs_training"), "holds a set's word"),
    "sets of different things": (folders("cat_train", "dog_test"), "holds a set's word"),
    "what was done to pictures": (folders("original", "augmented"), "is no class by its name"),
    "thumbs beside classes": (folders("cat", "thumbs"), "'thumbs' is no class by its name"),
    "dates": (folders("2024-01-01", "2024-01-02", "20240103 evening"), "'2024-01-01' is a date"),
    "a copy": (folders("cat", "cat - Copy", "dog"), "'cat - Copy' is what a file manager calls a folder"),
    "the same folders in each": (
        folders("photo/cat", "photo/dog", "sketch/cat", "sketch/dog"),
        "which are the classes",
    ),
    "parts of one thing": (folders("images_part_1", "images_part_2"), "are parts of one thing"),
    "a folder a subject": (folders("sub-01", "sub-02", "sub-03"), "are parts of one thing"),
    "videos": (folders("frames/video1", "frames/video2"), "are parts of one thing"),
    "more classes than names": (
        beside(
            ["images/{0-3}.png"], **{"data.yaml": "nc: 3\nnames: [cat, dog]\n", "images/0.txt": "1 0.5 0.5 0.2 0.2"}
        ),
        "data.yaml: has nc 3, but 2 names",
    ),
    "a folder a patient": (
        [f"patient {name}/scan.png" for name in "abcdefgh"],
        "nearly as many folders, 8, as samples",
    ),
    "sets of other classes": (folders("train/cat", "train/dog", "test/ann", "test/bob"), "no class in common"),
    "an unknown table": (beside(["images/{0-3}.png"], **CSV), "labels.csv: holds labels.*columns file_name,class_name"),
    "a table beside classes": (beside(folders("cat", "dog"), **CSV), "labels.csv: holds labels too, but labels come"),
    "a table of names without extensions": (
        beside(["train/{0-3}.png", "test/{0-3}.png"], **{"train.csv": "id,label\n0,1\n1,0\n2,1\n"}),
        "train.csv: holds labels",
    ),
    "labelme beside classes": (
        beside(folders("cat", "dog"), **{"cat/0.json": '{"shapes": [{"label": "dog"}], "imagePath": "0.png"}'}),
        "cat/0.json: holds labels too",
    ),
    "VIA": (beside(["{0-3}.png"], **{"via.json": '{"x": {"filename": "0.png", "regions": []}}'}), "via.json: holds"),
    "CVAT's XML": (
        beside(["a/{0-3}.png"], **{"annotations.xml": "<annotations></annotations>"}),
        "annotations.xml: root",
    ),
    "YOLO without names": (
        beside(["images/{0-3}.png"], **{"labels/0.txt": "0 0.5 0.5 0.2 0.2\n"}),
        "labels/0.txt: holds labels.*classes.txt",
    ),
    "YOLO's boxes beside classes": (
        beside(folders("cat", "dog"), **{"cat/0.txt": "0 0.5 0.5 0.2 0.2\n"}),
        "cat/0.txt: holds labels too",
    ),
    "a table of one column a class": (
        beside(EXPORTED, **{"train/_classes.csv": f"filename, cat, dog\n{EXPORTED[0][6:]}, 1, 0\n"}),
        "_classes.csv: holds labels",
    ),
    "CreateML": (
        beside(EXPORTED, **{"train/a.json": json.dumps([{"image": EXPORTED[0][6:], "annotations": []}])}),
        "a.json: holds labels",
    ),
    "names of an exporter": (EXPORTED, "has its name from an export"),
    "names of a camera": ([f"IMG_2020{n}.edited.png" for n in range(8)], "is what a camera or a program calls a file"),
    "names of a screen": ([f"Screenshot 2024-01-0{n} at 10.1{n}.33.png" for n in range(6)], "camera or a program"),
    "names that are numbered": (
        [f"{name}_{n}.{turn}.png" for name in ("cat", "dog") for n in range(3) for turn in ("left", "right")],
        "they differ in numbers, 'cat_0' and 'cat_1'",
    ),
    "names that are all different": (
        [f"{name}.x.png" for name in ("ann", "bob", "cid", "dan")],
        "nearly as many of them",
    ),
    "two extensions": (
        [f"photo{n}.jpg.png" for n in range(4)],
        "no known dataset format, and 4 samples without labels",
    ),
    "a table that nothing reads": (beside(["images/{0-3}.png"], **{"labels.xlsx": ""}), "labels.xlsx: holds labels"),
}


@pytest.mark.parametrize(("files", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_by_name(tmp_path, files, says):
    lay(tmp_path, files)
    with pytest.raises(DataError, match=says):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "name", ["one class of pictures", "a container", "the same folders in each", "a table beside classes"]
)
def test_a_user_who_names_the_format_is_believed(tmp_path, name):
    lay(tmp_path, REFUSED[name][0])
    dataset = open_dataset(tmp_path, format="folders")
    assert dataset.format == "folders"
    assert len(dataset) + len(dataset.reading.not_read) == dataset.reading.files


def test_a_wrapper_is_entered_by_users_who_name_the_format_too(tmp_path):
    lay(tmp_path, folders("photos/cat", "photos/dog"))
    assert open_dataset(tmp_path, format="folders").labels == ("cat", "dog")


def test_names_of_classes_lie_in_the_folder_of_the_labels(tmp_path):
    lay(tmp_path, {**dict.fromkeys(["images/{0-3}.png"], ""), "labels/classes.txt": "cat\ndog\n"})
    for number in range(4):
        (tmp_path / "labels" / f"{number}.txt").write_text(f"{number % 2} 0.5 0.5 0.2 0.2\n")
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.labels) == ("yolo", ("cat", "dog"))
    assert [len(sample.boxes or ()) for sample in dataset.samples] == [1, 1, 1, 1]


def test_darknet_of_an_exporter(tmp_path):
    lay(tmp_path, {**dict.fromkeys(EXPORTED, ""), "train/_darknet.labels": "cat\ndog\n"})
    for path in EXPORTED:
        (tmp_path / path).with_suffix(".txt").write_text("1 0.5 0.5 0.2 0.2\n")
    dataset = open_dataset(tmp_path)
    assert {box.label for sample in dataset.samples for box in sample.boxes or ()} == {"dog"}
    assert dataset.reading.not_read == ()


def test_masks_of_a_voc_set_are_no_samples(tmp_path):
    files = {"V/JPEGImages/{0-3}.png": "", "V/SegmentationClass/{0-3}.png": "", "V/ImageSets/Main/train.txt": "0\n1\n"}
    lay(tmp_path, files | {f"V/Annotations/{n}.xml": XML.format(f"{n}.png", 4) for n in range(4)})
    dataset = open_dataset(tmp_path)
    assert [sample.id for sample in dataset.samples] == [f"JPEGImages/{n}.png" for n in range(4)]
    assert "4 loose pictures (V/SegmentationClass/0.png" in dataset.reading.lines()[-1]


def test_every_extension_of_pillow_that_is_a_image_is_decoded(tmp_path):
    from PIL import Image

    from ei_compat.dataset.dataset import IMAGE_SUFFIXES

    Image.init()
    written = 0
    for suffix in sorted(IMAGE_SUFFIXES & set(Image.registered_extensions())):
        path = tmp_path / f"x{suffix}"
        for mode in ("RGB", "P", "1"):
            try:
                Image.new(mode, (32, 32)).save(path)
            except (OSError, ValueError, KeyError):
                continue
            written += 1
            assert min(image_size(path)) >= 32, suffix
            break
    assert written > 35


def test_numbers_in_a_document_are_no_names_of_samples(tmp_path):
    lay(
        tmp_path,
        beside(folders("cat", "dog"), **{"config.json": '{"classes": ["cat", "dog"], "seed": 1, "fold": "2"}'}),
    )
    assert counted(tmp_path) == {"cat": 4, "dog": 4}


def test_a_description_of_yolo_beside_folders_of_its_classes(tmp_path):
    lay(tmp_path, beside(folders("train/cat", "train/dog"), **{"data.yaml": "names: [cat, dog]\n"}))
    assert counted(tmp_path) == {"training/cat": 4, "training/dog": 4}
