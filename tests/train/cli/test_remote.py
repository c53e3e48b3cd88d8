"""The commands `upload`, `download` and `push`, as a user calls them, against the double."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.double import Fault
from tests.double.state import HMAC_KEY, ORGANIZATION_KEY, PROJECT_KEY
from tests.train import schema_check
from train.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
TFLITE = b"\x1c\0\0\0TFL3" + bytes(64)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A class folder of six pictures."""
    for number in range(6):
        folder = tmp_path / "data" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(folder / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def call(double, monkeypatch, capsys):
    """Runs a command line; gives exit code, stdout and stderr."""
    for name, value in double.env.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data/a.txt", "x")
    return stream.getvalue()


def told(out: str, schema: str) -> dict[str, Any]:
    """The document of this schema that a command printed."""
    document: dict[str, Any] = json.loads(out)
    schema_check.check(document, schema)
    return document


class TestUploadData:
    def test_it_uploads_and_continues(self, call, double, data):
        code, out, err = call("upload", "data", data, "--json")
        assert (code, err) == (0, "")
        assert told(out, "upload") | {"seconds": 0, "bytes": 0} == {
            "schema": "ei-train/upload/1",
            "source": str(data),
            "project": 4711,
            "arrived": 6,
            "known": 0,
            "before": 0,
            "failed": 0,
            "failures": [],
            "requests": 2,
            "bytes": 0,
            "seconds": 0,
        }
        assert {sample.label for sample in double.state.project.samples.values()} == {"cat", "dog"}
        code, out, _ = call("upload", "data", data, "--json")
        assert (code, told(out, "upload")["before"]) == (0, 6)

    def test_one_file_that_the_service_fails_on(self, call, double, data):
        victim = data / "dog/3.png"
        victim.write_bytes(victim.read_bytes() + b"POISON")
        double.poison = b"POISON"
        code, out, err = call("upload", "data", data, "--json")
        document = told(out, "upload")
        assert (code, document["arrived"]) == (6, 5)
        assert document["failures"] == [{"file": "dog/3.png", "reason": "Failed to process the file"}]
        assert "1 of 6 files did not arrive" in told(err.splitlines()[-1], "error")["what"]

    @pytest.mark.parametrize("keeps", [True, None])
    def test_validation_samples(self, call, double, data, keeps):
        paths = sorted(str(path.relative_to(data)) for path in data.glob("*/*.png"))
        label = {"type": "label", "label": "x"}
        entries = [{"path": path, "category": "validation", "label": label} for path in paths]
        (data / "info.labels").write_text(json.dumps({"version": 1, "files": entries}))
        double.state.project.keeps_validation_set = keeps
        code, _, err = call("upload", "data", data, "--json")
        categories = {sample.category for sample in double.state.project.samples.values()}
        assert (code, categories) == (0, {"validation" if keeps else "training"})
        assert ("6 validation samples go to training" in err) is not bool(keeps)

    def test_for_people(self, call, data):
        code, out, _ = call("upload", "data", data)
        assert code == 0
        assert "to project 4711 double" in out
        assert "arrived" in out

    def test_a_file_that_does_not_arrive_is_listed_and_the_exit_code_is_6(self, call, data):
        (data / "cat/bad.jpg").write_bytes(b"BAD")
        code, out, err = call("upload", "data", data)
        assert code == 6
        assert "cat/bad.jpg" in out
        assert "Failed to parse the file" in out
        assert err.startswith("error: 1 of 7 files did not arrive")

    def test_a_dry_run_touches_nothing(self, call, double, data, monkeypatch):
        monkeypatch.delenv("EI_API_KEY")
        code, out, _ = call("upload", "data", data, "--dry-run", "--json")
        assert code == 0
        assert told(out, "upload-plan")["files"] == [
            {"category": "split", "label": "cat", "files": 3},
            {"category": "split", "label": "dog", "files": 3},
        ]
        assert double.requests == 0
        assert sorted(path.name for path in data.iterdir()) == ["cat", "dog"]

    def test_the_journal_can_be_elsewhere(self, call, data, tmp_path):
        assert call("upload", "data", data, "--journal", tmp_path / "j")[0] == 0
        assert (tmp_path / "j").exists()
        assert not list(data.glob(".*"))

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--category", "training2"], 2, "--category: 'training2' is not one of"),
            (["--parallel", "0"], 2, "parallel: must be 1 to 100"),
            (["--batch-files", "1001"], 2, "the service takes no more"),
            (["--project", "5"], 2, "the key opens these projects: 4711 (double)"),
            (["--api-key-file", "none"], 2, "none: cannot read the key"),
            (["--journal", "none/x"], 3, "cannot keep a journal here"),
            (["--unknown"], 2, "No such option"),
        ],
        ids=lambda value: value[0] if isinstance(value, list) else "",
    )
    def test_wrong_input(self, call, double, data, arguments, code, message):
        found, out, err = call("upload", "data", data, *arguments)
        assert (found, out) == (code, "")
        assert message in err
        assert err.count("\n") == 1
        assert double.state.project.samples == {}

    def test_no_dataset(self, call, tmp_path):
        code, _, err = call("upload", "data", tmp_path / "none")
        assert code == 3
        assert "Traceback" not in err

    def test_interrupted(self, double, data):
        double.slow = 60.0
        command = [sys.executable, "-m", "train", "upload", "data", str(data)]
        with subprocess.Popen(
            command, cwd=ROOT, env=os.environ | double.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            until = time.monotonic() + 60
            while not double.requests and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 143
        assert err == "error: stopped by SIGTERM; run the same command again: it continues where it was\n"


class TestUploadModel:
    @pytest.fixture
    def model(self, tmp_path):
        (tmp_path / "m.tflite").write_bytes(TFLITE)
        (tmp_path / "f.npy").write_bytes(b"\x93NUMPY" + bytes(100))
        (tmp_path / "labels.txt").write_text("a\nb\nc\n")
        return tmp_path / "m.tflite"

    def test_with_a_library(self, call, double, model, tmp_path):
        code, out, _ = call(
            "upload", "model", model, "--labels-file", tmp_path / "labels.txt", "--representative", tmp_path / "f.npy",
            "--deploy", "zip", "--out", tmp_path / "lib", "--json",
        )  # fmt: skip
        assert code == 0
        found = told(out, "upload-model")
        assert found["variants"] == ["float32", "int8"]
        assert found["profile"][1]["memory"]["eon"] == {"ram": 96000, "rom": 480000}
        assert Path(found["built"]).parent == tmp_path / "lib"
        assert double.state.project.saved["model"]["labels"] == ["a", "b", "c"]

    def test_of_a_training_run(self, call, double, model, tmp_path):
        run = tmp_path / "out"
        run.mkdir()
        (run / "labels.txt").write_text("x\ny\nz\n")
        code, _, err = call("upload", "model", run)
        assert (code, "no model_quantized_int8_io.tflite" in err) == (3, True)
        (run / "model_quantized_int8_io.tflite").write_bytes(TFLITE)
        assert call("upload", "model", run)[0] == 0
        assert double.state.project.saved["model"]["labels"] == ["x", "y", "z"]
        assert call("upload", "model", run, "--labels", "a,b,c")[0] == 0
        assert double.state.project.saved["model"]["labels"] == ["a", "b", "c"]

    def test_of_a_regression_on_features(self, call, double, model, tmp_path):
        run = tmp_path / "out"
        run.mkdir()
        (run / "labels.txt").write_text("value\n")
        (run / "config.json").write_text('{"mode": "regression", "input_shape": [33]}')
        (run / "model_quantized_int8_io.tflite").write_bytes(TFLITE)
        assert call("upload", "model", run)[0] == 0
        assert double.state.project.saved["model"] == {"modelType": "regression"}
        assert double.state.project.saved["input"] == {"inputType": "other"}

    @pytest.mark.parametrize("of_run", [True, False])
    def test_a_label_with_a_comma_is_one_label(self, call, double, model, tmp_path, of_run):
        run = tmp_path / "out"
        run.mkdir()
        (run / "labels.txt").write_text("tench, Tinca tinca\ny\nz\n")
        (run / "model_quantized_int8_io.tflite").write_bytes(TFLITE)
        arguments = [run] if of_run else [model, "--labels-file", run / "labels.txt"]
        assert call("upload", "model", *arguments)[0] == 0
        assert double.state.project.saved["model"]["labels"] == ["tench, Tinca tinca", "y", "z"]

    def test_for_people(self, call, model):
        code, out, err = call("upload", "model", model, "--labels", "a,b,c")
        assert code == 0
        assert "1,600,000" in out
        assert "Profiling model started" in out + err

    def test_one_shot(self, call, double, model, tmp_path):
        arguments = ["--labels", "a,b,c", "--deploy", "zip", "--out", tmp_path, "--one-shot", "--engine", "tflite"]
        code, out, _ = call("upload", "model", model, *arguments, "--json")
        assert code == 0
        assert Path(told(out, "deployment")["built"]).name == "double-v1.zip"
        assert double.state.project.saved is None

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            ([], 2, "--labels: classification needs its labels"),
            (["--labels", "a,b,c", "--input-shape", "1,x"], 2, "--input-shape 1,x: must be whole numbers"),
            (["--labels", "a,a"], 3, "a label is there twice"),
            (["--labels", "a,b"], 3, "its output is [1, 3], and the labels are 2"),
            (["--labels", "a,b,c", "--one-shot"], 2, "add --deploy zip"),
            (["--labels", "a,b,c", "--input-type", "video"], 2, "--input-type: 'video' is not one of"),
            (["--labels", "a,b,c", "--deploy", "arduino"], 2, "this project can build zip"),
            (["--labels", "a,b,c", "--representative", "none.npy"], 3, "none.npy"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_input(self, call, model, arguments, code, message):
        found, _, err = call("upload", "model", model, *arguments)
        assert found == code
        assert message in err
        assert err.splitlines()[-1].startswith("error: ")

    def test_no_model(self, call, tmp_path):
        code, _, err = call("upload", "model", tmp_path / "none.tflite", "--labels", "a")
        assert code == 3
        assert "no such file" in err


class TestDownload:
    @pytest.mark.parametrize(("what", "name"), [("data", "export"), ("block-data", "data"), ("block", "block")])
    def test_each(self, call, double, tmp_path, what, name):
        double.state.project.learn_blocks = [{"id": 5, "type": "keras", "name": "n", "dsp": [], "title": "t"}]
        double.state.project.files[name] = zipped()
        code, out, _ = call("download", what, tmp_path / "out", "--json")
        assert code == 0
        assert told(out, "download")["files"] == 1
        assert (tmp_path / "out/data/a.txt").read_text() == "x"

    def test_limits(self, call, double, tmp_path):
        double.state.project.files["export"] = zipped()
        code, _, err = call("download", "data", tmp_path / "out", "--max-files", 0)
        assert code == 3
        assert "raise --max-files" in err
        assert not (tmp_path / "out").exists()


def test_push(call, double, tmp_path, monkeypatch):
    monkeypatch.setenv("EI_API_KEY", ORGANIZATION_KEY)
    (tmp_path / "Dockerfile").write_text("FROM base")
    info = {"name": "n", "description": "d", "operatesOn": "image"}
    document = {"version": 1, "type": "machine-learning", "info": info, "parameters": []}
    (tmp_path / "parameters.json").write_text(json.dumps(document))
    code, out, _ = call("push", tmp_path, "--json")
    assert (code, told(out, "push")["created"]) == (0, True)
    code, out, _ = call("push", tmp_path)
    assert "updated" in out


class TestTheKeyIsNowhere:
    """Whatever is asked for, whatever goes wrong, at the highest verbosity: no output, log or file holds a key."""

    @pytest.fixture(autouse=True)
    def everything_is_logged(self, caplog):
        caplog.set_level(logging.DEBUG)

    def lines(self, data: Path) -> list[list[object]]:
        out = data.parent / "out"
        return [
            ["upload", "data", data, "--debug"],
            ["upload", "data", data, "--debug", "--json"],
            ["upload", "data", data, "--debug", "--project", "5"],
            [
                "upload",
                "model",
                data.parent / "m.tflite",
                "--labels",
                "a,b,c",
                "--debug",
                "--deploy",
                "zip",
                "--out",
                out,
            ],
            ["download", "data", data.parent / "export", "--debug"],
            ["download", "block", data.parent / "block", "--debug"],
            ["push", data.parent / "b", "--debug"],
        ]

    @pytest.mark.parametrize("situation", ["well", "wrong key", "failing jobs", "broken", "key from a file"])
    def test_in_nothing(self, call, double, data, monkeypatch, caplog, situation):
        (data.parent / "m.tflite").write_bytes(TFLITE)
        double.state.project.files |= {"export": zipped(), "build": b"PK"}
        secrets = [PROJECT_KEY, HMAC_KEY]
        if situation == "wrong key":
            secrets.append("ei_wr0ng")
            monkeypatch.setenv("EI_API_KEY", "ei_wr0ng")
        if situation == "key from a file":
            file = data.parent / "key"
            file.write_text(PROJECT_KEY)
            file.chmod(0o600)
            monkeypatch.delenv("EI_API_KEY")
        if situation == "broken":
            monkeypatch.setattr("ei_compat.remote.remote.Retry.pause", lambda *_: 0.0)
            double.faults.script.extend([Fault.DROP, Fault.ERROR, Fault.MALFORMED] * 100)
        texts = []
        for arguments in self.lines(data):
            if situation == "failing jobs":
                double.state.fail_next_job = f"cannot open {PROJECT_KEY}"
            extra = ["--api-key-file", data.parent / "key"] if situation == "key from a file" else []
            _, out, err = call(*arguments, *extra)
            texts += [out, err]
        texts += [record.getMessage() for record in caplog.records] + [caplog.text]
        for folder, _, names in os.walk(data.parent):
            texts += [Path(folder, name).read_bytes().decode("latin-1") for name in names if name != "key"]
        assert len(texts) > 20
        for secret in secrets:
            assert not [text for text in texts if secret in text]
