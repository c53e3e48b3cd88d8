"""What each of the real Edge Impulse files holds, and that nothing of it is lost on the way out and back in."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from ei_compat.block.parameters import from_arguments, parameters_as_json, read_parameters, to_arguments
from ei_compat.block.train_input import parse_train_input, read_train_input, train_input_as_json
from ei_compat.core.errors import DataError, FormatError
from ei_compat.dataset.dataset import Category, ClassLabel, Dataset, FilePayload, Intervals
from ei_compat.formats import open_dataset, write_dataset
from ei_compat.media.image_files import image_size
from ei_compat.media.images import ImageSpec, load_image
from ei_compat.media.signals import read_signal

pytestmark = pytest.mark.shared

# Every file, or folder of files, and what it holds. `models` and licences are not ei_compat's to read.
SIGNALS = {
    "good.01.csv": ((6, 3), 16.0, ["accX", "accY", "accZ"]),
    "good.02.txt": ((1, 3), 0.0, ["accX", "accY", "accZ"]),
    "hadouken.01.wav": ((44100, 1), 1000 / 44100, ["audio"]),
    "wave.01.cbor": ((4, 3), 10.0, ["accX", "accY", "accZ"]),
    "wave.01.json": ((4, 3), 10.0, ["accX", "accY", "accZ"]),
}
NO_SIGNALS = {
    "air_quality_no2_long.csv": "has 1235 rows but no first column 'timestamp'",  # a table for Studio's CSV wizard
    "bad.01.csv": "has 5 rows but no first column 'timestamp'",  # bad on purpose
    "metadata.csv": "has 2 rows but no first column 'timestamp'",  # metadata of another upload
    "dataset/README.txt": "has 4 rows but no first column 'timestamp'",
    "moonwalk.01.avi": "extension '.avi' is not one of a signal",
    "moonwalk.02.mp4": "extension '.mp4' is not one of a signal",
    "gestures/testing/idle.0.wrong": "extension '.wrong' is not one of a signal",
}
IMAGES = {"capacitor.01.png": (96, 96), "capacitor.02.png": (96, 96)}
DATASETS = {
    "dataset": ("ei-export", 6, {"training": 3, "testing": 3}, ("background", "capacitor", "diode")),
    "coffee": ("ei-export", 11, {"training": 8, "testing": 3}, ("extract", "grind", "idle", "pump")),
    "gestures": ("file-names", 26, {"training": 11, "testing": 15}, ("idle", "shake", "snake", "updown", "wave")),
    "object_detection": ("ei-labels", 2, {"None": 2}, ("ball", "dog", "toy")),
}
TRAIN_INPUTS = {
    "akidanet-transfer-learning": ("classification", (160, 160, 3), ("lamp", "plant", "unknown")),
    "akidanet-visual-wake-word": ("classification", (96, 96, 3), ("non-person", "person")),
    "yolov2": ("object-detection", (224, 224, 3), ("face",)),
}
PARAMETERS = {
    "example-custom-deployment-block": ("deploy", 0),
    "example-custom-ml-block-keras": ("machine-learning", 2),
    "example-custom-ml-block-pytorch": ("machine-learning", 2),
    "example-custom-ml-block-ti-yolox": (None, 1),
    "ml-block-efficientnet": ("machine-learning", 11),
    "xgboost-classifier": (None, 8),
    "xgboost-regression": (None, 8),
    "yolov2": (None, 2),
    "yolov5": ("machine-learning", 3),
}
NOT_OURS = {"LICENSE", "sample_models", "labels.txt", "trained.tflite"}


@pytest.fixture(scope="module")
def sdk(shared) -> Path:
    return shared / "data" / "ei-samples" / "python-sdk"


def test_the_tables_name_every_file(shared):
    root = shared / "data" / "ei-samples"
    known = {f"python-sdk/{name}" for table in (SIGNALS, NO_SIGNALS, IMAGES) for name in table}
    known |= {f"train_input-json/{name}.train_input.json" for name in TRAIN_INPUTS}
    known |= {f"parameters-json/{name}.parameters.json" for name in PARAMETERS}
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and not NOT_OURS & set(relative.parts) and relative.as_posix() not in known:
            assert relative.parts[1] in DATASETS, relative


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(name, sdk):
    read = read_signal(FilePayload(str(sdk), name))
    assert (read.values.shape, read.interval_ms, [axis.name for axis in read.axes]) == SIGNALS[name]


def test_the_same_wave_in_both_encodings(sdk):
    one, other = (read_signal(FilePayload(str(sdk), f"wave.01.{form}")) for form in ("json", "cbor"))
    assert one.values.tolist() == other.values.tolist()
    assert one.values[0].tolist() == [-9.81, 0.03, 1.21]
    assert (one.device_type, one.device_name) == ("DISCO-L475VG-IOT01A", "ac:87:a3:0a:2d:1b")
    assert one.recorded_at == other.recorded_at == 1564128599


@pytest.mark.parametrize("name", NO_SIGNALS)
def test_what_is_no_signal(name, sdk):
    with pytest.raises(DataError, match=NO_SIGNALS[name]):
        read_signal(FilePayload(str(sdk), name))


@pytest.mark.parametrize("name", IMAGES)
def test_images(name, sdk):
    assert image_size(sdk / name) == IMAGES[name]
    assert load_image(sdk / name, ImageSpec(32, 32)).any()


def described(dataset: Dataset) -> list[tuple[object, ...]]:
    rows = []
    for sample in dataset.samples:
        assert isinstance(sample.payload, FilePayload)
        content = sample.payload.path.read_bytes()
        rows.append((sample.name, sample.category, sample.label, sample.boxes, dict(sample.metadata), content))
    return rows


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_in_and_out(name, sdk, tmp_path):
    dataset = open_dataset(sdk / name)
    counts = dict(Counter(str(sample.category) for sample in dataset.samples))
    assert (dataset.format, len(dataset), counts, dataset.labels) == DATASETS[name]
    for target in {dataset.format, "ei-export"}:
        write_dataset(dataset, tmp_path / target, target)
        again = open_dataset(tmp_path / target)
        undecided = Category.SPLIT if target == "ei-export" else None
        expected = [(row[0], row[1] or undecided, *row[2:]) for row in described(dataset)]
        assert sorted(described(again), key=by_name) == sorted(expected, key=by_name)
        if target == dataset.format == "ei-export":
            assert [sample.id for sample in again.samples] == [sample.id for sample in dataset.samples]


def by_name(row: tuple[object, ...]) -> tuple[object, ...]:
    """Names are not unique: the content decides then."""
    return row[0], row[5]


def test_the_export_of_images(sdk):
    """The files are called .jpg and are PNG."""
    dataset = open_dataset(sdk / "dataset")
    first = dataset.samples[0]
    assert first.id == "testing/background.0_0.png.28kmrth3.ingestion-56f58bdc98-dh5w7.jpg"
    assert (first.name, first.label, first.category) == ("0_0.png.28kmrth3", ClassLabel("background"), Category.TESTING)
    assert isinstance(first.payload, FilePayload)
    assert first.payload.path.read_bytes()[1:4] == b"PNG"
    assert all(load_image(sample.payload, ImageSpec(96, 96)).any() for sample in dataset.samples)


def test_the_export_of_signals(sdk):
    """The intervals cover each signal exactly."""
    for sample in open_dataset(sdk / "coffee").samples:
        assert isinstance(sample.label, Intervals)
        rows = len(read_signal(sample.payload).values)
        assert (sample.label.intervals[0].start, sample.label.intervals[-1].end) == (0, rows - 1)


def test_the_boxes(sdk):
    first, second = open_dataset(sdk / "object_detection").samples
    assert [(box.label, box.x, box.y, box.width, box.height) for box in first.boxes] == [
        ("dog", 69, 155, 102, 137),
        ("toy", 34, 80, 162, 81),
    ]
    assert len(second.boxes) == 3
    assert load_image(first.payload, ImageSpec(96, 96)).shape == (96, 96, 3)  # RGBA, called .jpg


def test_a_missing_file_is_named(sdk, tmp_path):
    shutil.copytree(sdk / "dataset", tmp_path / "set")
    (tmp_path / "set").chmod(0o755)
    (tmp_path / "set" / "training").chmod(0o755)
    next((tmp_path / "set" / "training").iterdir()).unlink()
    with pytest.raises(DataError, match=r"files\[\d\]: file 'training/.*' is missing"):
        open_dataset(tmp_path / "set")


@pytest.mark.parametrize("name", TRAIN_INPUTS)
def test_train_inputs(name, shared):
    path = shared / "data" / "ei-samples" / "train_input-json" / f"{name}.train_input.json"
    info = read_train_input(path)
    assert (info.mode, info.input_shape, info.classes) == TRAIN_INPUTS[name]
    assert info.unknown == {}
    written = train_input_as_json(info)
    original = {key: value for key, value in json.loads(path.read_text()).items() if value is not None}
    assert {key: written[key] for key in original} == original
    assert parse_train_input(written) == info


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name, shared):
    path = shared / "data" / "ei-samples" / "parameters-json" / f"{name}.parameters.json"
    block = read_parameters(path)
    assert (block.type, len(block.parameters)) == PARAMETERS[name]
    assert parameters_as_json(block) == json.loads(path.read_text())
    arguments = to_arguments(block)
    values, rest = from_arguments(block, arguments)
    assert (to_arguments(block, values), rest) == (arguments, [])


def test_an_export_file_can_be_named_itself(sdk):
    assert len(open_dataset(sdk / "dataset" / "info.labels")) == 6
    with pytest.raises(FormatError, match="no known dataset format"):
        open_dataset(sdk / "LICENSE")


@pytest.mark.parametrize(("name", "kind", "count"), [("rubbish4", "openmv", 709), ("sign-digits10", "folders", 2062)])
def test_the_reference_images(name, kind, count, shared):
    dataset = open_dataset(shared / "data" / name)
    assert (dataset.format, len(dataset)) == (kind, count)
