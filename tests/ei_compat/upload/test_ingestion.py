"""Uploading to the double: what it stores, and that every file arrives exactly once whatever happens."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, RemoteError, UsageError
from ei_compat.dataset.dataset import Box, ClassLabel, Interval, Intervals, KeyValues, Unlabelled
from ei_compat.remote.credentials import Key
from ei_compat.remote.failures import RefusedError
from ei_compat.remote.remote import Remote, Retry
from ei_compat.remote.transport import Reply
from ei_compat.upload.batches import OPEN_LIMIT, Batch, Upload, gather, inspect
from ei_compat.upload.ingestion import plan, upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions
from tests.double import Double, Fault, Faults
from tests.double.state import PROJECT_KEY

ROOT = Path(__file__).resolve().parents[3]
SUBJECT = {"project": 4711}
SOON = Retry(attempts=12, first=0.001, most=0.01)
SMALL = UploadOptions(parallel=4, batch_files=5)


def remote(double: Double, key: str = PROJECT_KEY, retry: Retry = SOON) -> Remote:
    return Remote(double.origin, Key(key, source="EI_API_KEY"), retry=retry)


def files(folder: Path, count: int, *, classes: int = 3) -> list[Upload]:
    """Files of different content in a few classes."""
    folder.mkdir(exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"c{number % classes}.{number:04}.jpg"
        path.write_bytes(f"picture {number}".encode() * 20)
        made.append(Upload(path.name, path.name, path, "training", ClassLabel(f"c{number % classes}")))
    return made


def run(double: Double, uploads, journal: Path, options: UploadOptions = SMALL):
    with Journal(journal, SUBJECT) as opened:
        return upload(uploads, remote(double), opened, options=options)


def names(double: Double) -> Counter[str]:
    return Counter(sample.file_name for sample in double.state.project.samples.values())


LABELS = {
    "class": (ClassLabel("cat"), None, {}),
    "class with anything in it": (ClassLabel("ä, 50% cat/dog\n"), None, {}),
    "none": (Unlabelled(), None, {}),
    "boxes": (Unlabelled(), (Box("a", 1.4, 2.6, 10.2, 129.70666666666665), Box("b", 0, 0.0, 3, 4.0)), {}),
    "boxes, none in this one": (Unlabelled(), (), {}),
    "over time": (Intervals((Interval(0, 9, "idle"), Interval(10, 19, "go"))), None, {}),
    "key-values": (KeyValues({"room": "3", "who": "Zoë"}), None, {}),
    "metadata": (ClassLabel("cat"), None, {"site": "Zürich", "quote": 'a "b"'}),
}


@pytest.mark.parametrize(("label", "boxes", "metadata"), LABELS.values(), ids=LABELS)
def test_what_is_said_of_a_file_arrives(double, tmp_path, label, boxes, metadata):
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    each = Upload("a.jpg", "a.jpg", tmp_path / "a.jpg", "testing", label, boxes, metadata)
    report = run(double, [each], tmp_path / "journal")
    assert (report.arrived, report.failed) == (1, 0)
    (sample,) = double.state.project.samples.values()
    assert (sample.category, sample.file_name, sample.content) == ("testing", "a.jpg", b"a picture")
    match label:
        case ClassLabel(text):
            assert sample.label == text
        case Unlabelled():
            assert sample.headers["x-no-label"] == "1"
        case Intervals():
            assert sample.structured == [
                {"startIndex": 0, "endIndex": 9, "label": "idle"},
                {"startIndex": 10, "endIndex": 19, "label": "go"},
            ]
        case KeyValues():
            assert sample.label_map == {"room": "3", "who": "Zoë"}
    if boxes:
        assert sample.boxes == [
            {"label": "a", "x": 1.4, "y": 2.6, "width": 10.2, "height": 129.70666666666665},
            {"label": "b", "x": 0, "y": 0, "width": 3, "height": 4},
        ]
    elif boxes is not None:
        assert sample.boxes == []
    assert json.loads(sample.headers.get("x-metadata", "{}")) == metadata


def test_headers_of_every_request(double, tmp_path):
    options = UploadOptions(add_date_id=True, allow_duplicates=True)
    run(double, files(tmp_path / "data", 2), tmp_path / "journal", options)
    for sample in double.state.project.samples.values():
        assert sample.headers["x-add-date-id"] == "1"
        assert sample.headers["x-upload-source"] == "EI_TRAIN"
        assert "x-disallow-duplicates" not in sample.headers


class TestBatches:
    def test_they_agree_in_what_the_headers_say(self, tmp_path):
        items = [inspect(each) for each in files(tmp_path, 60)]
        batches = list(gather(items, files=7, size=10**9))
        for batch in batches:
            assert len({item.upload.label for item in batch.items}) == 1
            assert 1 <= len(batch.items) <= 7
        assert sorted(item.upload.key for batch in batches for item in batch.items) == sorted(
            item.upload.key for item in items
        )

    def test_they_are_not_too_large(self, tmp_path):
        items = [inspect(each) for each in files(tmp_path, 30, classes=1)]
        assert all(batch.size <= 1000 or len(batch.items) == 1 for batch in gather(items, files=99, size=1000))
        assert all(len(batch.items) == 1 for batch in gather(items, files=99, size=1))

    def test_names_in_one_differ(self, tmp_path):
        (tmp_path / "x").write_bytes(b"x")
        same = [inspect(Upload(f"{n}/a.jpg", "a.jpg", tmp_path / "x", "training")) for n in range(3)]
        assert [len(batch.items) for batch in gather(same, files=10, size=100)] == [1, 1, 1]

    def test_a_label_of_its_own_for_every_file_does_not_fill_the_memory(self, tmp_path):
        (tmp_path / "x").write_bytes(b"x")
        drawn = 0

        def endless():
            nonlocal drawn
            for number in range(3 * OPEN_LIMIT):
                drawn += 1
                yield inspect(Upload(str(number), f"{number}.jpg", tmp_path / "x", label=ClassLabel(str(number))))

        held = 0
        for given, _ in enumerate(gather(endless(), files=10, size=10**6), start=1):
            held = max(held, drawn - given)
        assert held < OPEN_LIMIT
        assert given == 3 * OPEN_LIMIT

    @pytest.mark.parametrize("bad", [{"parallel": 0}, {"batch_files": 1001}, {"batch_bytes": 0}], ids=str)
    def test_options_that_cannot_be(self, bad):
        with pytest.raises(UsageError):
            UploadOptions(**bad)


class TestFilesThatCannotArrive:
    def test_each_has_its_reason_and_the_others_arrive(self, double, tmp_path):
        good = files(tmp_path / "data", 12)
        (tmp_path / "bad.jpg").write_bytes(b"BAD picture")
        (tmp_path / "empty.jpg").write_bytes(b"")
        (tmp_path / "huge.jpg").write_bytes(b"x")
        os.truncate(tmp_path / "huge.jpg", 101 * 2**20)
        (tmp_path / "a.exe").write_bytes(b"x")

        def broken() -> bytes:
            raise DataError("cannot be decoded", where="b.tif")

        bad = [
            Upload("bad", "bad.jpg", tmp_path / "bad.jpg", "training", ClassLabel("c0")),
            Upload("empty", "empty.jpg", tmp_path / "empty.jpg", "training", ClassLabel("c0")),
            Upload("huge", "huge.jpg", tmp_path / "huge.jpg", "training", ClassLabel("c0")),
            Upload("exe", "a.exe", tmp_path / "a.exe", "training", ClassLabel("c0")),
            Upload("gone", "gone.jpg", tmp_path / "gone.jpg", "training", ClassLabel("c0")),
            Upload("made", "made.png", broken, "training", ClassLabel("c0")),
            Upload("where", "where.jpg", good[0].content, "nowhere", ClassLabel("c0")),
            Upload("flat", "flat.jpg", good[0].content, "training", boxes=(Box("c0", 1, 2, 0, 4),)),
        ]
        report = run(double, bad + good, tmp_path / "journal")
        assert report.arrived == 12
        assert {failure.key: failure.what for failure in report.failures} == {
            "bad": "Failed to parse the file",
            "empty": "is empty",
            "huge": "is 101 MiB, the service takes 100 MiB",
            "exe": "the service does not take .exe",
            "gone": "cannot be read: no such file or directory",
            "made": "b.tif: cannot be decoded",
            "where": "the service knows no category 'nowhere'",
            "flat": "has a box of no size, which the service refuses",
        }
        with pytest.raises(RemoteError, match="8 of 20 files did not arrive") as caught:
            report.check()
        assert caught.value.exit_code == 6
        assert run(double, good, tmp_path / "journal").before == 12, "the failures are not taken for arrived"

    def test_one_that_makes_the_service_refuse_the_request_is_found(self, tmp_path):
        seen = []

        def service(request) -> Reply:
            body = b"".join(request.body)
            seen.append(body)
            if b"poison" in body:
                return Reply(400, {}, [b'{"success": false, "error": "Cannot parse form"}'])
            entries = [{"success": True, "sampleId": 1, "fileName": name} for name in NAMES if name.encode() in body]
            return Reply(200, {}, [json.dumps({"success": True, "files": entries}).encode()])

        uploads = files(tmp_path / "data", 40, classes=1)
        uploads[13].content.write_bytes(b"poison")
        global NAMES
        NAMES = [each.name for each in uploads]
        line = Remote("http://x", Key("ei_1", source="x"), transport=service)
        with Journal(tmp_path / "journal", SUBJECT) as journal:
            report = upload(uploads, line, journal, options=UploadOptions(parallel=1))
        assert (report.arrived, [each.key for each in report.failures]) == (39, [uploads[13].key])
        assert len(seen) < 15

    def test_one_that_the_answer_leaves_out(self, tmp_path):
        def service(request) -> Reply:
            return Reply(200, {}, [b'{"success": true, "files": [{"success": true, "fileName": "c0.0001.jpg"}]}'])

        line = Remote("http://x", Key("ei_1", source="x"), transport=service)
        with Journal(tmp_path / "journal", SUBJECT) as journal:
            report = upload(files(tmp_path / "data", 2, classes=1), line, journal)
        assert (report.arrived, report.failures[0].what) == (1, "the service did not say what became of it")


class TestDuplicates:
    def test_the_same_content_is_stored_once_and_counted(self, double, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"same")
        twins = [Upload(name, name, tmp_path / "a.jpg", "training") for name in ("a.jpg", "b.jpg")]
        report = run(double, twins, tmp_path / "journal")
        assert (report.arrived, report.known, report.failed) == (1, 1, 0)

    def test_unless_that_is_wanted(self, double, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"same")
        twins = [Upload(name, name, tmp_path / "a.jpg", "training") for name in ("a.jpg", "b.jpg")]
        report = run(double, twins, tmp_path / "journal", UploadOptions(allow_duplicates=True))
        assert (report.arrived, report.known) == (2, 0)


class TestExactlyOnce:
    def test_a_second_run_sends_nothing(self, double, tmp_path):
        uploads = files(tmp_path / "data", 20)
        run(double, uploads, tmp_path / "journal")
        before = double.requests
        report = run(double, uploads, tmp_path / "journal")
        assert (report.before, report.arrived, double.requests) == (20, 0, before)

    def test_a_changed_file_is_sent_again(self, double, tmp_path):
        uploads = files(tmp_path / "data", 5)
        run(double, uploads, tmp_path / "journal")
        uploads[2].content.write_bytes(b"another picture")
        assert run(double, uploads, tmp_path / "journal").arrived == 1

    def test_a_lost_journal_costs_no_duplicate(self, double, tmp_path):
        uploads = files(tmp_path / "data", 20)
        run(double, uploads, tmp_path / "journal")
        (tmp_path / "journal").unlink()
        report = run(double, uploads, tmp_path / "journal")
        assert (report.arrived, report.known) == (0, 20)
        assert len(double.state.project.samples) == 20

    @pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
    def test_every_kind_of_fault(self, double, tmp_path, fault):
        double.faults.script.extend([fault] * 5)
        report = run(double, files(tmp_path / "data", 30), tmp_path / "journal")
        assert report.failed == 0
        assert set(names(double).values()) == {1}
        assert len(names(double)) == 30
        assert double.faults.count[fault] == 5

    def test_a_twentieth_of_all_answers_is_a_fault(self, double, tmp_path):
        double.faults = Faults(0.05, seed=3, only="/api/")
        options = UploadOptions(parallel=8, batch_files=2)
        report = run(double, files(tmp_path / "data", 600), tmp_path / "journal", options)
        assert report.failed == 0
        assert (len(names(double)), set(names(double).values())) == (600, {1})
        assert sum(double.faults.count.values()) >= 8

    @pytest.mark.slow
    @pytest.mark.parametrize("rate", [0.0, 0.05], ids=["no faults", "a twentieth are faults"])
    def test_killed_ten_times(self, double, tmp_path, rate):
        double.faults = Faults(rate, seed=5, only="/api/")
        double.slow = 0.02
        files(tmp_path / "data", 1200)
        chance = random.Random(11)
        for _ in range(10):
            asked, patience = double.requests, time.monotonic() + 10
            process = uploader(double, tmp_path)
            while process.poll() is None and double.requests == asked and time.monotonic() < patience:
                time.sleep(0.01)  # until it talks, however slowly it started
            time.sleep(chance.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        process = uploader(double, tmp_path)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        done = json.loads(out)
        assert done["failed"] == 0
        assert done["before"] > 0, "the journal was of use"
        assert (len(names(double)), set(names(double).values())) == (1200, {1})


def uploader(double: Double, folder: Path) -> subprocess.Popen[str]:
    """An upload of `folder/data` in a process of its own."""
    script = ROOT / "tests" / "double" / "upload_folder.py"
    command = [sys.executable, str(script), str(folder / "data"), str(folder / "journal")]
    env = os.environ | double.env | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


class TestStopping:
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refused_key_ends_it_at_once(self, double, tmp_path, status):
        with Journal(tmp_path / "journal", SUBJECT) as journal:
            with pytest.raises(RefusedError, match="the key from EI_API_KEY is not valid here") as caught:
                upload(files(tmp_path / "data", 50), remote(double, "ei_wrong"), journal, options=SMALL)
        assert "ei_wrong" not in str(caught.value)
        assert double.requests <= 2 * SMALL.parallel

    def test_a_service_that_goes_away_leaves_a_journal(self, double, tmp_path):
        uploads = files(tmp_path / "data", 60)
        double.faults.script.extend([None] * 6 + [Fault.DROP] * 1000)
        with pytest.raises(RemoteError, match="the connection broke"):
            run(double, uploads, tmp_path / "journal")
        arrived = len(double.state.project.samples)
        double.faults = Faults()
        report = run(double, uploads, tmp_path / "journal")
        assert 0 < arrived < 60
        assert (report.before, report.arrived + report.known) == (arrived, 60 - arrived)
        assert set(names(double).values()) == {1}

    def test_an_error_in_the_source_keeps_what_has_arrived(self, double, tmp_path):
        uploads = files(tmp_path / "data", 40)

        def source():
            yield from uploads
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(double, source(), tmp_path / "journal")
        report = run(double, uploads, tmp_path / "journal")
        assert report.before == len(double.state.project.samples) - report.arrived
        assert len(names(double)) == 40
        assert threading.active_count() < 40


def test_a_plan_needs_no_network(tmp_path):
    uploads = [*files(tmp_path / "data", 30), Upload("x", "x.exe", tmp_path / "x")]
    planned = plan(uploads, UploadOptions(batch_files=4))
    assert planned.files == {("training", f"c{n}"): 10 for n in range(3)}
    assert (planned.requests, [each.key for each in planned.failures]) == (9, ["x"])
    assert planned.bytes == sum(each.content.stat().st_size for each in uploads[:30])


def test_a_batch_says_its_size(tmp_path):
    items = tuple(inspect(each) for each in files(tmp_path / "d", 4, classes=1))
    left, right = Batch(items).halves()
    assert left.size + right.size == Batch(items).size == sum(item.size for item in items)
    assert Batch(items).without(1).items == (items[0], *items[2:])
