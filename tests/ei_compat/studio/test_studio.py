"""Projects, jobs and downloads, against the double."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError, LimitError, RemoteError, UsageError
from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import Patience
from ei_compat.remote.remote import Remote, Retry
from ei_compat.remote.transport import Reply
from ei_compat.remote.unzip import ArchiveLimits
from ei_compat.studio.studio import LearnBlock, Studio
from tests.double import Fault
from tests.double.state import HMAC_KEY, PROJECT_KEY

SOON = Patience(first=0.001, most=0.002, limit=5)


class Notes:
    """A progress that keeps its notes."""

    def __init__(self, inner) -> None:
        self.lines: list[str] = []
        self.task = inner.task
        self.warn = self.note

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def notes():
    from ei_compat.core.progress import SILENT

    return Notes(SILENT)


def remote(double, key=PROJECT_KEY) -> Remote:
    return Remote(f"{double.origin}/v1", Key(key, source="EI_API_KEY"), retry=Retry(first=0.001, most=0.01))


@pytest.fixture
def studio(double, notes) -> Studio:
    return Studio.of_key(remote(double), patience=SOON, progress=notes)


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return stream.getvalue()


class TestProject:
    def test_of_the_key(self, studio, double):
        assert (studio.project, studio.name) == (double.state.project.id, "double")

    def test_another_one(self, double):
        with pytest.raises(UsageError, match=r"--project: the key opens these projects: 4711 \(double\)"):
            Studio.of_key(remote(double), 12)

    def test_a_wrong_key_is_never_quoted(self, double):
        with pytest.raises(RemoteError, match=r"Invalid API key \*\*\*; the key from EI_API_KEY") as caught:
            Studio.of_key(remote(double, "ei_wrong"))
        assert "ei_wrong" not in str(caught.value)

    @pytest.mark.parametrize("body", [b'{"success":true}', b'{"success":true,"projects":[7,{}]}'], ids=["none", "odd"])
    def test_an_odd_answer(self, body):
        line = Remote("http://x", Key("ei_1", source="x"), transport=lambda request: Reply(200, {}, [body]))
        with pytest.raises(UsageError, match="projects: none"):
            Studio.of_key(line)

    def test_hmac_key(self, studio):
        assert studio.hmac_key().reveal() == HMAC_KEY
        assert HMAC_KEY not in repr(studio.hmac_key())

    def test_learn_blocks(self, studio, double):
        with pytest.raises(UsageError, match="these blocks to train: none; add one"):
            studio.only_learn_block()
        block = {"id": 5, "type": "keras-transfer-image", "name": "Transfer learning", "dsp": [3], "title": "T"}
        double.state.project.learn_blocks = [block, block | {"id": 6, "type": "anomaly"}]
        assert studio.only_learn_block() == LearnBlock(5, "Transfer learning", "keras-transfer-image")
        double.state.project.learn_blocks.append(block | {"id": 7})
        with pytest.raises(UsageError, match=r"5 \(Transfer learning\), 7 .*name one of them"):
            studio.only_learn_block()


class TestJobs:
    def test_its_log_is_passed_on_once_and_in_order(self, studio, double, notes):
        double.state.job_polls = 4
        double.state.project.model = {"modelFileName": b"m"}
        studio.run_job("/pretrained-model/profile", {}, "profile model")
        assert notes.lines == ["Scheduling job in cluster...", "Profiling model started"]

    def test_a_failed_job_says_why(self, studio, double):
        double.state.fail_next_job = f"out of memory, key {PROJECT_KEY}"
        with pytest.raises(RemoteError, match=r"export data \(job \d+\) failed: .*ERR: out of memory, key \*\*\*"):
            studio.download_data(Path("never"))
        assert not Path("never").exists()

    def test_one_that_takes_too_long(self, studio, double):
        double.state.job_polls = 10**9
        studio.patience = Patience(first=0.001, most=0.001, limit=0.05)
        with pytest.raises(RemoteError, match=r"still runs after .*; look at the job in Studio"):
            studio.run_job("/jobs/export/original", {"uploaderFriendlyFilenames": True, "retainCrops": True}, "x")

    def test_it_is_started_once(self, studio, double):
        double.faults.script.extend([Fault.DROP_AFTER])
        with pytest.raises(RemoteError, match="may have started all the same; look in Studio first"):
            studio.run_job("/jobs/export/original", {"uploaderFriendlyFilenames": True, "retainCrops": True}, "x")
        assert len(double.state.jobs) == 1

    def test_asking_after_it_survives_faults(self, studio, double):
        double.faults.script.extend([None, *list(Fault)[:6], None, *list(Fault)[6:], *Fault][:14])
        studio.run_job("/jobs/export/original", {"uploaderFriendlyFilenames": True, "retainCrops": True}, "x")
        assert sum(double.faults.count.values()) > 4


class TestDownloads:
    def test_data(self, studio, double, tmp_path):
        content = zipped(info_dot_labels=b"{}", training__a_dot_jpg=b"picture")
        double.state.project.files["export"] = content
        done = studio.download_data(tmp_path / "out")
        assert (done.files, done.bytes) == (2, len(content))
        assert (tmp_path / "out/training/a.jpg").read_bytes() == b"picture"
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_block_and_its_data(self, studio, double, tmp_path):
        double.state.project.learn_blocks = [{"id": 5, "type": "keras", "name": "n", "dsp": [], "title": "t"}]
        double.state.project.files |= {"block": zipped(train_dot_py=b"1"), "data": zipped(X_dot_npy=b"2")}
        studio.download_block(5, tmp_path / "block")
        studio.download_block_data(5, tmp_path / "data")
        assert (tmp_path / "block/train.py").exists()
        assert (tmp_path / "data/X.npy").exists()

    def test_it_begins_anew_when_the_connection_breaks(self, studio, double, tmp_path):
        double.state.project.files["export"] = zipped(a=b"1")
        double.faults.only = "/signed/"
        double.faults.script.extend([Fault.DROP, Fault.TOO_MANY, Fault.DROP_AFTER])
        assert studio.download_data(tmp_path / "out").files == 1

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"<html>", FormatError),
            (zipped(**{"..__evil": b"x"}), FormatError),
            (zipped(a=bytes(3 * 10**6)), LimitError),
        ],
        ids=["a page", "an escape", "too large"],
    )
    def test_nothing_is_left_of_a_bad_one(self, studio, double, tmp_path, content, error):
        double.state.project.files["export"] = content
        with pytest.raises(error):
            studio.download_data(tmp_path / "out", ArchiveLimits(bytes=2 * 10**6))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_with_something_in_it_is_left_alone_before_any_job(self, studio, double, tmp_path):
        (tmp_path / "mine").write_text("precious")
        with pytest.raises(DataError, match="is not empty"):
            studio.download_data(tmp_path)
        assert double.state.jobs == {}
