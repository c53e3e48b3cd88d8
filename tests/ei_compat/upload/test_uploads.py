"""From a dataset's samples to what is uploaded."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.errors import EiTrainError
from ei_compat.dataset.dataset import (
    ArrayRow,
    Axis,
    Box,
    Category,
    ClassLabel,
    Dataset,
    FilePayload,
    Sample,
    Signal,
    Unlabelled,
)
from ei_compat.formats import open_dataset
from ei_compat.media import acquisition
from ei_compat.remote.credentials import Key
from ei_compat.remote.remote import Remote
from ei_compat.upload.ingestion import upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions
from ei_compat.upload.uploads import journal_path, uploads_of
from tests.double.state import HMAC_KEY, PROJECT_KEY

SIGNAL = Signal(np.arange(12.0).reshape(6, 2), 10.0, (Axis("x"), Axis("y")))


def dataset(*samples: Sample) -> Dataset:
    return Dataset.of(samples, format="test")


def sample(payload, name="a", label=Unlabelled(), **more) -> Sample:  # noqa: B008 - frozen
    return Sample(name, name, more.pop("category", None), label, payload, **more)


def test_a_file_goes_as_it_is(tmp_path):
    (tmp_path / "b.JPG").write_bytes(b"any bytes")
    each = sample(
        FilePayload(str(tmp_path), "b.JPG"), "c/b", ClassLabel("cat"), category=Category.TESTING, metadata={"k": "v"}
    )
    (found,) = uploads_of(dataset(each))
    assert (found.key, found.name, found.content) == ("c/b", "c_b.jpg", tmp_path / "b.JPG")
    assert (found.category, found.label, found.metadata) == ("testing", ClassLabel("cat"), {"k": "v"})


@pytest.mark.parametrize(("name", "sent"), [("a", "a.png"), ("a.png", "a.png"), ("A.PNG", "A.PNG"), ("a.x", "a.x.png")])
def test_names(tmp_path, name, sent):
    (found,) = uploads_of(dataset(sample(FilePayload(str(tmp_path), "z.png"), name)))
    assert found.name == sent


def test_the_category_of_samples_without_one(tmp_path):
    samples = [sample(FilePayload(str(tmp_path), "z.png"), "a"), sample(SIGNAL, "b", category=Category.VALIDATION)]
    assert [each.category for each in uploads_of(dataset(*samples))] == ["split", "training"]
    assert [each.category for each in uploads_of(dataset(*samples), category="validation")] == ["training"] * 2
    own = uploads_of(dataset(*samples), category="validation", validation=True)
    assert [each.category for each in own] == ["validation"] * 2


def test_no_boxes_and_nothing_said_of_boxes_are_two_things(tmp_path):
    said = (None, (), (Box("x", 0.25, 0, 2.5, 2),))
    samples = [sample(FilePayload(str(tmp_path), f"{n}.png"), str(n), boxes=boxes) for n, boxes in enumerate(said)]
    assert [each.boxes for each in uploads_of(dataset(*samples))] == list(said)
    assert [each.boxes for each in uploads_of(dataset(samples[1]))] == [()]


class TestSignals:
    def test_signed_with_the_projects_key_asked_for_once(self):
        asked = []

        def signer() -> Key:
            asked.append(1)
            return Key(HMAC_KEY, source="the project")

        made = list(uploads_of(dataset(sample(SIGNAL, "a"), sample(SIGNAL, "b")), signer=signer))
        assert asked == [], "no signal, no question"
        contents = [each.content() for each in made]
        assert asked == [1]
        assert all(acquisition.verify(content, HMAC_KEY) for content in contents)
        assert made[0].name == "a.json"
        assert HMAC_KEY.encode() not in contents[0]

    def test_unsigned_without_one(self):
        (made,) = uploads_of(dataset(sample(SIGNAL)))
        assert json.loads(made.content())["protected"]["alg"] == "none"


def test_rows_become_png():
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    (made,) = uploads_of(dataset(sample(ArrayRow(pixels, 1))))
    assert made.name == "a.png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(made.content()))), pixels[1])


def test_changed_content_is_sent_again_and_large_content_fills_a_batch(double, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    remote = Remote(double.origin, Key(PROJECT_KEY, source="EI_API_KEY"))
    rows = dataset(*(sample(ArrayRow(pixels, number), str(number)) for number in range(3)))
    options = UploadOptions(batch_bytes=2 * 64 * 64 * 3)
    with Journal(tmp_path / "journal", {}) as journal:
        assert upload(uploads_of(rows), remote, journal, options=options).requests == 2
        pixels[1, 5, 5, 0] ^= 1
        again = upload(uploads_of(rows), remote, journal, options=options)
    assert (again.before, again.arrived) == (2, 1)


def test_a_row_that_is_no_image_is_a_typed_error():
    (made,) = uploads_of(dataset(sample(ArrayRow(np.zeros((2, 7)), 0))))
    with pytest.raises(EiTrainError, match="not a picture"):
        made.content()


def test_images_the_service_does_not_take_become_png(tmp_path):
    Image.new("RGB", (3, 2), "red").save(tmp_path / "a.bmp")
    (tmp_path / "b.bmp").write_bytes(b"BM rubbish")
    good, bad = uploads_of(dataset(*(sample(FilePayload(str(tmp_path), f"{n}.bmp"), n) for n in "ab")))
    assert good.name == "a.png"
    assert Image.open(io.BytesIO(good.content())).size == (3, 2)
    with pytest.raises(EiTrainError, match=r"b\.bmp"):
        bad.content()


def test_the_journal_lies_in_the_dataset_and_is_no_part_of_it(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    for name in ("cat/a.png", "dog/a.png"):
        Image.new("RGB", (3, 2)).save(tmp_path / name)
    path = journal_path(tmp_path, 7)
    Journal(path, {}).__exit__(None, None, None)
    assert path.parent == tmp_path
    assert [each.id for each in open_dataset(tmp_path).samples] == ["cat/a.png", "dog/a.png"]
    assert journal_path(tmp_path / "cat/a.png", 7) == tmp_path / "cat/.ei-upload-7.journal"


@pytest.mark.shared
@pytest.mark.parametrize("name", ["coffee", "dataset", "gestures", "object_detection"])
def test_real_exports_upload(double, shared: Path, tmp_path, name):
    source = shared / "data/ei-samples/python-sdk" / name
    opened = open_dataset(source)
    remote = Remote(double.origin, Key(PROJECT_KEY, source="EI_API_KEY"))
    with Journal(tmp_path / "journal", {}) as journal:
        report = upload(uploads_of(opened), remote, journal)
    assert report.failed == 0
    assert report.arrived + report.known == len(opened) > 0
