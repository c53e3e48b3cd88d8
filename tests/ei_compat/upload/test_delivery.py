"""A request that fails is the service's fault or a file's: the others arrive, the file at fault is named."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ei_compat.core.errors import RemoteError
from ei_compat.dataset.dataset import ClassLabel
from ei_compat.remote.credentials import Key
from ei_compat.remote.remote import Remote, Retry
from ei_compat.remote.transport import HttpTransport, Reply, Request, Unreachable
from ei_compat.upload.batches import Upload
from ei_compat.upload.ingestion import upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions
from ei_compat.upload.report import UploadReport
from tests.double import Double, Fault
from tests.double.state import PROJECT_KEY

POISON = b"POISON"
SAID = b'{"success": false, "error": "Failed to process the file"}'
SOON = Retry(attempts=8, first=0.001, most=0.01)


def html(status: int) -> Callable[[], Reply]:
    return lambda: Reply(status, {}, [b"<html>crashed</html>"])


def dropped() -> Reply:
    raise Unreachable("the connection broke", sent=True)


def late() -> Reply:
    raise Unreachable("no answer within 1200 s", sent=True, late=True)


POISONED = {
    "500 in its own words": lambda: Reply(500, {}, [SAID]),
    "500 without a word": html(500),
    "502 of a proxy": html(502),
    "503 of a proxy": html(503),
    "413": html(413),
    "no JSON, ever": lambda: Reply(200, {}, [b'{"success": true, "files": [']),
    "another JSON": lambda: Reply(200, {}, [b"[]"]),
    "a success without a list of files": lambda: Reply(200, {}, [b'{"success": true}']),
    "a success of no files": lambda: Reply(200, {}, [b'{"success": true, "files": []}']),
    "the connection breaks": dropped,
    "no answer in time": late,
}


class Service:
    """The double, less what it does about requests that hold POISON."""

    def __init__(self, double: Double, poisoned: Callable[[], Reply]) -> None:
        self.double, self.poisoned = double, poisoned
        self.requests = 0
        self._http = HttpTransport()
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        with self._lock:
            self.requests += 1
        return self.poisoned() if POISON in b"".join(request.body or []) else self._http(request)  # type: ignore[arg-type]


def files(folder: Path, count: int, *poison: int) -> list[Upload]:
    folder.mkdir(exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"{number:04}.jpg"
        path.write_bytes(POISON + bytes([number % 250]) if number in poison else f"picture {number}".encode())
        made.append(Upload(path.name, path.name, path, "training", ClassLabel("x")))
    return made


def run(service: Service, uploads: list[Upload], folder: Path, **options: object) -> UploadReport:
    remote = Remote(service.double.origin, Key(PROJECT_KEY, source="EI_API_KEY"), transport=service, retry=SOON)
    with Journal(folder / "journal", {"project": 4711}) as journal:
        return upload(uploads, remote, journal, options=UploadOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("poisoned", POISONED.values(), ids=POISONED)
@pytest.mark.parametrize("culprits", [(3,), (0, 1), (0, 2, 4)], ids=str)
def test_the_others_arrive_and_it_is_named(double, tmp_path, poisoned, culprits):
    uploads = files(tmp_path / "data", 6, *culprits)
    report = run(Service(double, poisoned), uploads, tmp_path)
    assert (report.arrived, report.known) == (6 - len(culprits), 0)
    assert sorted(each.key for each in report.failures) == [uploads[at].key for at in culprits]
    if poisoned is POISONED["500 in its own words"]:
        assert {each.what for each in report.failures} == {"Failed to process the file"}
    assert double.violations == []


def test_the_same_when_it_is_run_again(double, tmp_path):
    service = Service(double, POISONED["500 in its own words"])
    uploads = files(tmp_path / "data", 6, 3)
    for arrived in (5, 0):
        report = run(service, uploads, tmp_path)
        assert (report.arrived, report.before) == (arrived, 5 - arrived)
        assert [(each.key, each.what) for each in report.failures] == [("0003.jpg", "Failed to process the file")]
        with pytest.raises(RemoteError, match="1 of 6 files did not arrive"):
            report.check()


def test_alone_against_a_service_that_says_nothing_it_is_named_in_the_error(double, tmp_path):
    with pytest.raises(RemoteError, match=r"0000\.jpg: the connection broke \(\d attempts\)"):
        run(Service(double, dropped), files(tmp_path / "data", 1, 0), tmp_path)


def test_every_file_of_many_poisoned_ones_costs_itself_alone(double, tmp_path):
    culprits = range(0, 300, 60)
    service = Service(double, POISONED["500 in its own words"])
    report = run(service, files(tmp_path / "data", 300, *culprits), tmp_path, parallel=4)
    assert (report.arrived, report.failed) == (295, 5)
    assert service.requests < 120


def test_a_service_that_fails_whatever_it_is_sent_is_away(double, tmp_path):
    service = Service(double, POISONED["500 in its own words"])
    with pytest.raises(RemoteError, match="Failed to process the file"):
        run(service, files(tmp_path / "data", 400, *range(400)), tmp_path, parallel=4)
    assert service.requests < 3 * 400
    assert double.state.project.samples == {}


class TestSlowAnswers:
    def test_one_is_waited_for(self, double, tmp_path):
        double.slow = 0.5
        service = Service(double, dropped)
        report = run(service, files(tmp_path / "data", 1), tmp_path)
        assert (report.arrived, service.requests, UploadOptions().answer_within) == (1, 1, 1200.0)

    def test_one_that_never_comes_ends_nothing(self, double, tmp_path):
        """The double stores what it was sent all the same, after we have given up: no file is there twice."""
        double.slow = 0.4
        service = Service(double, dropped)
        report = run(service, files(tmp_path / "data", 1), tmp_path, answer_within=0.1)
        assert (service.requests, [each.what for each in report.failures]) == (
            1,
            ["no answer within 0.1 s; it may yet be stored: run again later"],
        )
        time.sleep(0.6)
        assert run(service, files(tmp_path / "data", 1), tmp_path).known == 1
        assert len(double.state.project.samples) == 1


class TestLostAnswers:
    @pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.ERROR_AFTER, Fault.MALFORMED_AFTER])
    def test_with_duplicates_allowed_nothing_is_repeated_blindly(self, double, tmp_path, fault):
        double.faults.script.append(fault)
        report = run(Service(double, dropped), files(tmp_path / "data", 3), tmp_path, allow_duplicates=True)
        assert (report.arrived, report.failed, len(double.state.project.samples)) == (0, 3, 3)
        assert all("may be stored all the same" in each.what for each in report.failures)

    @pytest.mark.parametrize("fault", [Fault.TOO_MANY, Fault.UNAVAILABLE])
    def test_a_service_that_is_too_busy_is_asked_again(self, double, tmp_path, fault):
        double.faults.script.extend([fault] * 3)
        report = run(Service(double, dropped), files(tmp_path / "data", 3), tmp_path, allow_duplicates=True)
        assert (report.arrived, json.dumps(report.failures)) == (3, "[]")
