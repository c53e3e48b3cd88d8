"""Bringing a model into the double's project."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest

from ei_compat.core.errors import DataError, FormatError, RemoteError, UsageError
from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import Patience
from ei_compat.remote.remote import Remote
from ei_compat.studio.model_info import ModelInfo, input_of, output_of
from ei_compat.studio.pretrained import Deployment, deploy_once, upload_model
from ei_compat.studio.studio import Studio
from tests.double.state import PROJECT_KEY

TFLITE = b"\x1c\0\0\0TFL3" + bytes(64)
NPY = b"\x93NUMPY\x01\x00" + bytes(120)
INFO = ModelInfo(input_of("image"), output_of("classification", ["a", "b", "c"]))


@pytest.fixture
def studio(double) -> Studio:
    remote = Remote(f"{double.origin}/v1", Key(PROJECT_KEY, source="EI_API_KEY"))
    return Studio.of_key(remote, patience=Patience(first=0.001, most=0.002))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(TFLITE)
    return path


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "features.npy"
    path.write_bytes(NPY)
    return path


def test_the_whole_flow(studio, double, model, features, tmp_path):
    double.state.project.files["build"] = b"PK a library"
    deployment = Deployment("zip", "tflite-eon", None, tmp_path / "out")
    report = upload_model(
        studio, model, INFO, representative=features, device="cortex-m4f-80mhz", deployment=deployment
    )
    stored = double.state.project.model
    assert stored == {
        "modelFile": TFLITE,
        "modelFileName": b"model.tflite",
        "modelFileType": b"tflite",
        "representativeFeatures": NPY,
        "device": b"cortex-m4f-80mhz",
    }
    assert double.state.project.saved == {
        "input": {"inputType": "image", "inputScaling": "0..1", "resizeMode": "fit-short"},
        "model": {"modelType": "classification", "labels": ["a", "b", "c"]},
    }
    assert double.state.project.builds == [{"engine": "tflite-eon", "modelType": "int8", "type": "zip"}]
    assert report.model.variants == ("float32", "int8")
    assert report.model.outputs[0].shape == (1, 3)
    assert [each.variant for each in report.model.profile] == ["float32", "int8"]
    assert report.model.profile[1].memory["eon"] == (96000, 480000)
    assert report.built == tmp_path / "out" / "double-v1.zip"
    assert report.built.read_bytes() == b"PK a library"


def test_without_representative_data_there_is_no_int8(studio, double, model, tmp_path):
    report = upload_model(studio, model, INFO, profile=False)
    assert (report.model.variants, report.model.profile, report.built) == (("float32",), (), None)
    with pytest.raises(UsageError, match="no int8 variant, only float32; give --representative"):
        upload_model(studio, model, INFO, deployment=Deployment("zip", "tflite", "int8", tmp_path))
    with pytest.raises(UsageError, match="this project can build zip"):
        upload_model(studio, model, INFO, deployment=Deployment("arduino", "tflite", None, tmp_path))


def test_labels_that_do_not_fit_are_not_stored(studio, double, model):
    double.state.project.outputs = [[1, 4]]
    with pytest.raises(DataError, match=r"its output is \[1, 4\], and the labels are 3"):
        upload_model(studio, model, INFO)
    assert double.state.project.saved is None


def test_one_shot_leaves_the_impulse_alone(studio, double, model, features, tmp_path):
    built = deploy_once(studio, model, INFO, Deployment("zip", "tflite", None, tmp_path / "o"), representative=features)
    assert built.parent == tmp_path / "o"
    (request,) = double.state.project.builds
    assert base64.b64decode(request["modelFileBase64"]) == TFLITE
    assert (request["deployModelType"], request["modelFileType"]) == ("int8", "tflite")
    assert double.state.project.model is None


def test_a_job_that_fails(studio, double, model):
    double.state.fail_next_job = "Unsupported op FOO"
    with pytest.raises(RemoteError, match=r"upload model \(job \d+\) failed.*Unsupported op FOO"):
        upload_model(studio, model, INFO)


def saved_model(path: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(path, b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("m.lite", TFLITE, b"tflite"),
        ("m.onnx", b"\x08\x07", b"onnx"),
        ("saved_model.zip", saved_model("saved_model/saved_model.pb"), b"saved_model"),
    ],
)
def test_kinds_of_files(studio, double, tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    upload_model(studio, tmp_path / name, INFO, profile=False)
    assert double.state.project.model["modelFileType"] == kind


@pytest.mark.parametrize(
    ("name", "content", "error", "match"),
    [
        ("m.tflite", b"PK\x03\x04 not a model", FormatError, "not a TensorFlow Lite file"),
        ("m.zip", saved_model("model/saved_model.pb"), FormatError, "must hold saved_model/saved_model.pb"),
        ("x.zip", saved_model("x/saved_model/saved_model.pb"), FormatError, "must hold saved_model/saved_model.pb"),
        ("y.zip", b"saved_model/saved_model.pb", FormatError, "not a zipped SavedModel"),
        ("m.h5", b"x", UsageError, "a model file ends in .tflite"),
    ],
)
def test_what_is_no_model_is_not_sent(studio, double, tmp_path, name, content, error, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=match):
        upload_model(studio, tmp_path / name, INFO)
    assert double.state.project.model is None


def test_what_is_no_npy_is_not_sent(studio, double, model, tmp_path):
    (tmp_path / "f.npy").write_bytes(b"1,2,3")
    with pytest.raises(FormatError, match=r"not a \.npy file"):
        upload_model(studio, model, INFO, representative=tmp_path / "f.npy")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("audio", "0..1", "squash", 16000.0), {"inputType": "audio", "frequencyHz": 16000.0}),
        (("other",), {"inputType": "other"}),
        (
            ("time-series", "0..1", "squash", 50.0, 2000),
            {"inputType": "time-series", "frequencyHz": 50.0, "windowLengthMs": 2000},
        ),
        (
            ("image", "-1..1", "squash"),
            {"inputType": "image", "inputScaling": "-1..1", "resizeMode": "squash"},
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_inputs(studio, double, model, arguments, found):
    upload_model(studio, model, ModelInfo(input_of(*arguments), output_of("freeform")), profile=False)
    assert double.state.project.saved["input"] == found


def test_a_detector_of_an_open_shape(studio, double, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\x08\x07")
    double.state.project.outputs = [[1, 12, 12, 3]]
    info = ModelInfo(input_of("image"), output_of("object-detection", ["a", "b"], "fomo", 0.3))
    upload_model(studio, tmp_path / "m.onnx", info, input_shape=(1, 96, 96, 3), profile=False)
    assert double.state.project.model["overrideInputShape"] == b"1,96,96,3"
    detector = {"modelType": "object-detection", "labels": ["a", "b"], "lastLayer": "fomo", "minimumConfidence": 0.3}
    assert double.state.project.saved["model"] == detector
    deploy_once(studio, tmp_path / "m.onnx", info, Deployment("zip", "tflite", None, tmp_path), input_shape=(1, 8))
    assert double.state.project.builds[0]["overrideInputShape"] == [1, 8]


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: input_of("video"), "--input-type"),
        (lambda: input_of("image", "0..2"), "--input-scaling"),
        (lambda: input_of("image", "0..1", "stretch"), "--resize-mode"),
        (lambda: input_of("audio"), "--frequency-hz"),
        (lambda: input_of("time-series", frequency_hz=50), "--window-ms"),
        (lambda: output_of("detection"), "--output-type"),
        (lambda: output_of("object-detection", ["a"]), "--last-layer"),
        (lambda: output_of("object-detection", ["a"], "fomo", 2), "--minimum-confidence"),
        (lambda: output_of("classification"), "--labels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_api_does_not_know(make, option):
    with pytest.raises(UsageError, match=option):
        make()
