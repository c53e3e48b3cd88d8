"""Whatever folder the user gives becomes the same kind of arrays."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from tests.train.conftest import draw_classes
from tests.train.features import export
from train import data
from train.data import load_data
from train.exported import find_parameters
from train.job import Job, adapted
from train.recipe import Recipe


class Watcher:
    """A progress that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.task, self.note = SILENT.task, SILENT.note

    def warn(self, line: str) -> None:
        self.warnings.append(line)


def job(folder: Path, **recipe: object) -> Job:
    return Job(folder, folder.parent / "out", Recipe(image_size=32, **recipe), given=frozenset(recipe))


def test_class_folders_give_a_stratified_validation_set(images: Path) -> None:
    loaded = load_data(job(images, validation_share=0.25), SILENT)

    assert loaded.task.labels == ("cat", "dog")
    assert loaded.format == "folders"
    assert loaded.testing is None
    assert loaded.training.x.shape == (18, 32, 32, 3)
    assert loaded.training.x.dtype == np.uint8
    assert np.bincount(loaded.validation.y).tolist() == [3, 3]


def test_one_channel(images: Path) -> None:
    loaded = load_data(job(images, channels=1), SILENT)

    assert loaded.shape == (32, 32, 1)


def test_sets_of_the_user_are_kept(tmp_path: Path) -> None:
    for name, count in (("training", 6), ("validation", 3), ("testing", 2)):
        draw_classes(tmp_path / "data" / name, {"cat": count, "dog": count + 1})

    loaded = load_data(job(tmp_path / "data"), SILENT)

    assert {name: len(samples) for name, samples in loaded.sets().items()} == {
        "training": 13,
        "validation": 7,
        "testing": 5,
    }


def test_file_names_are_labels(tmp_path: Path) -> None:
    draw_classes(tmp_path / "drawn", {"cat": 5, "dog": 5})
    (tmp_path / "data").mkdir()
    for path in (tmp_path / "drawn").rglob("*.png"):
        shutil.copy(path, tmp_path / "data" / f"{path.parent.name}.{path.name}")

    assert load_data(job(tmp_path / "data"), SILENT).task.labels == ("cat", "dog")


def test_broken_image_is_skipped_and_named(images: Path) -> None:
    victim = sorted(images.glob("dog/*"))[3]
    victim.write_bytes(victim.read_bytes()[:200])
    watcher = Watcher()

    loaded = load_data(job(images, max_broken=0.1), watcher)

    assert [Path(name).name for name, _ in loaded.broken] == [victim.name]
    assert sum(map(len, loaded.sets().values())) == 23
    assert len(watcher.warnings) == 1
    assert victim.name in watcher.warnings[0]


def test_huge_image_counts_as_broken_without_being_decoded(images: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(images / "cat" / "bomb.png")

    with pytest.raises(DataError, match=r"bomb\.png"):
        load_data(job(images), SILENT)


def test_many_images_go_to_a_file_that_leaves_nothing_behind(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = load_data(job(images), SILENT)
    monkeypatch.setattr(data, "IN_MEMORY", 1000)
    asked = job(images)
    asked.out.mkdir()

    on_disk = load_data(asked, SILENT)

    assert isinstance(on_disk.training.x, np.memmap)
    assert on_disk.sha256 == in_memory.sha256
    assert not any(asked.out.iterdir())


def test_digest_changes_with_a_single_pixel(images: Path) -> None:
    before = load_data(job(images), SILENT).sha256
    path = next(images.glob("cat/*"))
    image = Image.open(path)
    image.paste((0, 0, 0), (10, 10, 14, 14))
    image.save(path)

    assert load_data(job(images), SILENT).sha256 != before


def test_arrays_are_used_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(size=(6, 40, 48, 1)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    for name in ("train", "test"):
        np.save(tmp_path / f"X_split_{name}.npy", x)
        np.save(tmp_path / f"Y_split_{name}.npy", y)
    info = {"classes": ["a", "b", "c"], "mode": "classification", "inputShapeString": "(40, 48, 1)", "yType": "npy"}
    (tmp_path / "train_input.json").write_text(json.dumps(info | {"maxTrainingTimeSeconds": 60}))
    asked = Job(tmp_path, tmp_path / "out", Recipe())

    loaded = load_data(asked, SILENT)

    assert loaded.shape == (40, 48, 1)
    assert loaded.training.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert loaded.max_training_seconds == 60
    np.testing.assert_array_equal(loaded.training.take(np.array([5, 0]))[0], x[[5, 0]])
    assert adapted(asked, loaded, {}).channels == 1
    assert loaded.info_file == tmp_path / "train_input.json"


def write_rows(folder: Path, **info: object) -> Path:
    """Split arrays of two classes; with a description where any of its fields is given."""
    folder.mkdir(exist_ok=True)
    for name in ("train", "test"):
        np.save(folder / f"X_split_{name}.npy", np.full((4, 32, 32, 3), 0.5, np.float32))
        np.save(folder / f"Y_split_{name}.npy", np.eye(2, dtype=np.float32)[[0, 1, 0, 1]])
    if info:
        write_info(folder / "train_input.json", **info)
    return folder


def write_info(path: Path, **info: object) -> Path:
    known = {"classes": ["a", "b"], "mode": "classification", "inputShapeString": "(32, 32, 3)", "yType": "npy"}
    path.write_text(json.dumps(known | info))
    return path


def test_arrays_without_their_description_train_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watcher = Watcher()

    loaded = load_data(job(write_rows(tmp_path / "data")), watcher)

    assert loaded.task.labels == ("class 1", "class 2")
    assert loaded.info_file is None
    assert len(watcher.warnings) == 1
    assert "no train_input.json in the working directory or in" in watcher.warnings[0]
    assert "the classes are called class 1, class 2" in watcher.warnings[0]


def test_the_runner_says_the_shape_of_flat_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data")
    for name in ("train", "test"):
        np.save(folder / f"X_split_{name}.npy", np.full((4, 32 * 40 * 3), 0.5))

    loaded = load_data(replace(job(folder), input_shape="(32, 40, 3)", classes=("x", "y")), Watcher())

    assert (loaded.shape, loaded.task.labels) == ((32, 40, 3), ("x", "y"))
    with pytest.raises(DataError, match=r"--input-shape"):
        load_data(job(folder), Watcher())


def test_two_descriptions_that_differ_are_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data", printHWInfo=True)
    beside = write_info(tmp_path / "train_input.json", classes=["b", "a"])

    with pytest.raises(DataError, match=r"data/train_input\.json: differs from train_input\.json"):
        load_data(job(folder), Watcher())
    assert load_data(replace(job(folder), info_file=beside), Watcher()).task.labels == ("b", "a")
    write_info(beside, printHWInfo=True)
    assert load_data(job(folder), Watcher()).info_file == Path("train_input.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"input_shape": "(48, 32, 3)"}, r"--input-shape .* says \(32, 32, 3\)", id="shape"),
        pytest.param({"classes": ("a", "c")}, "--classes: .* names a, b", id="classes"),
    ],
)
def test_an_option_that_contradicts_the_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        load_data(replace(job(write_rows(tmp_path / "data", printHWInfo=True)), **changes), Watcher())


def test_the_first_line_says_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data", printHWInfo=True)
    items = [
        {"name": "Number of training cycles", "value": "30", "type": "int", "param": "epochs"},
        {"name": "Learning rate", "value": "0.005", "type": "float", "param": "learning-rate"},
        {"name": "Classes count the same", "value": "true", "type": "boolean", "param": "class-weights"},
        {"name": "Odd", "value": "7", "type": "int", "param": "odd-one"},
        {"name": "Empty", "value": "", "type": "int", "param": "seed"},
    ]
    (tmp_path / "parameters.json").write_text(json.dumps(items))
    found = find_parameters(folder, None)
    assert found.values == {"epochs": "30", "learning_rate": "0.005", "class_weights": "true"}
    recipe = Recipe(**found.values | {"epochs": 3})
    watcher, lines = Watcher(), []
    watcher.note = lines.append

    load_data(Job(folder, tmp_path / "out", recipe, overridden=frozenset(["epochs"]), parameters=found), watcher)

    assert lines == [
        f"Settings from {folder / 'train_input.json'} and parameters.json (learning_rate 0.005, class_weights True)"
    ]
    assert watcher.warnings == ["parameters.json: not used: odd-one 7"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        pytest.param([{"param": "epochs", "value": "many"}], "parameters.json, epochs: 'many' must be", id="no number"),
        pytest.param([{"param": "epochs", "value": "-3"}], "'-3' must be greater than or equal to 0", id="negative"),
        pytest.param([{"value": "3"}], "item 0: has no name", id="no name"),
        pytest.param(["epochs"], "item 0: has no name", id="no object"),
        pytest.param(
            [{"param": "epochs", "value": "3"}, {"param": "epochs", "value": "4"}], "epochs: is 3 and 4", id="twice"
        ),
    ],
)
def test_settings_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: list[object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parameters.json").write_text(json.dumps(items))

    with pytest.raises(DataError, match=message):
        find_parameters(write_rows(tmp_path / "data"), None)


def test_two_projects_settings_that_differ_are_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data")
    for place, epochs in ((tmp_path, "30"), (folder, "31")):
        (place / "parameters.json").write_text(json.dumps([{"param": "epochs", "value": epochs}]))

    with pytest.raises(DataError, match=r"data/parameters\.json: differs from parameters\.json"):
        find_parameters(folder, None)
    (folder / "parameters.json").write_bytes((tmp_path / "parameters.json").read_bytes())
    assert find_parameters(folder, None).values == {"epochs": "30"}


def test_a_blocks_own_parameters_are_not_a_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data")
    (tmp_path / "parameters.json").write_text(json.dumps({"version": 1, "parameters": [{"param": "epochs"}]}))

    assert find_parameters(folder, None) is None


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "", "  ", "a\u2028b", "a\x85b", "\udcff"])
def test_class_names_that_no_list_of_labels_can_hold(tmp_path: Path, name: str) -> None:
    folder = write_rows(tmp_path / "data", classes=["a", name])

    with pytest.raises(DataError, match="the name of a class"):
        load_data(job(folder), Watcher())


def test_class_names_that_differ_in_blanks_alone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="class 'a ': differs from class 'a' in blanks alone"):
        load_data(job(write_rows(tmp_path / "data", classes=["a", "a "])), Watcher())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        pytest.param({"input_shape": "32x32"}, UsageError, "--input-shape: .* is not a shape", id="no shape"),
        pytest.param({"input_shape": "(8, 96, 3)"}, UsageError, r"--input-shape \(8, 96, 3\) is no picture", id="low"),
        pytest.param({"input_shape": "(64, 48, 1)"}, DataError, r"\(32, 32, 3\) do not fit", id="another"),
        pytest.param({"classes": ("a", "a")}, UsageError, "--classes: names a class twice", id="classes"),
    ],
)
def test_options_that_describe_arrays_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        load_data(replace(job(write_rows(tmp_path / "data")), **changes), Watcher())


def test_rows_that_describe_themselves_with_channels_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_rows(tmp_path / "data")
    for name in ("train", "test"):
        np.save(folder / f"X_split_{name}.npy", np.full((4, 3, 32, 32), 0.5, np.float32))
    with pytest.raises(DataError, match=r"a row of X of shape \(3, 32, 32\) is no picture.*np\.moveaxis"):
        load_data(job(folder), Watcher())


def test_a_class_that_is_missing_from_validation_is_a_warning(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "data", printHWInfo=True)
    np.save(folder / "Y_split_test.npy", np.eye(2, dtype=np.float32)[[0, 0, 0, 0]])
    watcher = Watcher()

    load_data(job(folder), watcher)

    assert watcher.warnings == ["no validation sample of class b: nothing is known of how well it is recognised"]


def test_values_of_a_narrower_scaling_than_named_are_heard(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "data", imageInputScaling="0..255")
    x = np.random.default_rng(1).random((4, 32, 32, 3), np.float32)
    np.save(folder / "X_split_train.npy", x)

    with pytest.raises(DataError, match=r"are no pictures scaled to 0\.\.255"):
        load_data(job(folder), Watcher())
    write_info(folder / "train_input.json", imageInputScaling="-1..1")
    watcher = Watcher()
    load_data(job(folder), watcher)
    assert watcher.warnings == ["no value of X is below 0, although -1..1 goes from -1 to 1; is the scaling right?"]


def test_values_that_were_scaled_twice_are_heard(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "data", printHWInfo=True)
    x = np.random.default_rng(1).random((4, 32, 32, 3), np.float32)
    np.save(folder / "X_split_train.npy", x / 255)

    with pytest.raises(DataError, match=r"are no pictures scaled to 0\.\.1"):
        load_data(job(folder), Watcher())


@pytest.mark.parametrize("kind", ["f8", "f2", "u1", ">f4"])
def test_arrays_of_any_type_are_not_copied_whole(tmp_path: Path, kind: str) -> None:
    folder = write_rows(tmp_path / "data", printHWInfo=True)
    np.save(folder / "X_split_train.npy", np.ones((4, 32, 32, 3), kind))

    loaded = load_data(job(folder), Watcher())

    assert isinstance(loaded.training.x.stored, np.memmap)
    assert loaded.training.take(np.array([2, 0]))[0].dtype == np.float32


def test_signals_without_features_are_refused_as_such(tmp_path: Path) -> None:
    values = {"device_type": "X", "interval_ms": 10, "sensors": [{"name": "x", "units": "g"}], "values": [[0], [1]]}
    for label in ("idle", "wave"):
        (tmp_path / "motion" / label).mkdir(parents=True)
        for index in range(6):
            document = {"protected": {"ver": "v1", "alg": "none"}, "signature": "0" * 64, "payload": values}
            (tmp_path / "motion" / label / f"{index}.json").write_text(json.dumps(document))

    with pytest.raises(DataError, match=r"12 of 12 samples are signals without features yet, such as idle/0\.json"):
        load_data(job(tmp_path / "motion"), Watcher())


def test_features_are_not_taken_for_images_one_folder_higher(tmp_path: Path) -> None:
    folder = export(tmp_path / "block", mode="classification", count=60)

    with pytest.raises(DataError, match=r"its arrays hold features; name the folder that the arrays themselves lie in"):
        load_data(job(folder), Watcher())
