"""The task whose labels are numbers, without a run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.numbers import is_number
from ei_compat.core.progress import SILENT
from ei_compat.dataset.dataset import ArrayRow, ClassLabel, Dataset, Sample
from ei_compat.formats import open_dataset, write_dataset
from tests.train.dials import dial_folders
from train.data import load_data, task_of
from train.job import Job
from train.methods.distillation import learning_from
from train.network import Network
from train.recipe import Recipe
from train.tasks import TASKS, Drop, better
from train.tasks.classification import Classification
from train.tasks.regression import Regression
from train.tasks.regression_checks import error_added, int8_checks, training_checks
from train.tasks.regression_scores import read_scores, score
from train.tasks.ridge_probe import fit_ridge

TARGETS = np.linspace(-3, 45, 49).astype(np.float32)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def fitted(targets: np.ndarray = TARGETS, **options: object) -> Regression:
    return Regression().fitted(Recipe(**options), targets)


@pytest.mark.parametrize("label", ["-12.5", "30", "+4", ".5", "5.", "1e-3", "0"])
def test_a_label_is_a_number_as_programs_write_it(label: str) -> None:
    assert is_number(label)
    assert Regression().targets([label]) == np.float32(label)


@pytest.mark.parametrize(
    "label", ["", "cat", "nan", "inf", "-Infinity", "1e39", "1_000", "12,5", " 3", "0x10", "٣", "−1"]
)
def test_what_is_no_finite_number_is_named_with_a_sample(label: str) -> None:
    with pytest.raises(DataError, match=r"^a/b\.png: label .* is no finite number") as raised:
        Regression.of_labels({"1": "a/a.png", label: "a/b.png"})
    assert "\n" not in str(raised.value)


def test_the_task_is_there_by_name_and_a_smaller_error_is_better() -> None:
    assert TASKS.named("regression") is Regression
    assert better(Regression, 2.0, 1.0) == 1.0
    assert Regression.of_labels({"1": "a", "2.5": "b"}).labels == ("value",)
    assert Regression.of_rows(("1", "2"), np.ones((2, 1), np.float32)).targets_of_rows(TARGETS[:, None]).shape == (49,)


def test_strata_are_quantiles_that_equal_numbers_share() -> None:
    labels = [str(number) for number in range(100)] + ["0"] * 30
    strata = Regression().strata(labels)
    assert len(set(strata)) == 10  # 13 quantiles, of which the first four are the number 0
    assert len({strata[0], *strata[100:]}) == 1
    assert strata[99] != strata[0]
    assert set(Regression().strata(["1", "2", "3"])) == {"values 1 of 1"}
    lonely = Regression().strata(["-1", *["0"] * 30, "5", "6", "7"])
    assert len({*lonely[:31]}) == 1, "one alone could not be split"


def test_sets_that_tell_nothing_are_refused_and_odd_ones_mentioned() -> None:
    task = Regression()
    with pytest.raises(DataError, match="all training targets are 4: there is nothing to learn"):
        task.check({"training": np.full(5, 4, np.float32), "validation": TARGETS})
    assert task.check({"training": TARGETS, "validation": TARGETS}) == []
    assert task.check({"training": TARGETS, "testing": TARGETS + 2}) == [
        "2 of 49 testing targets lie outside those of training, -3 to 45"
    ]
    (line,) = task.check({"training": TARGETS + 1000, "validation": TARGETS + 1000})
    assert line.startswith("the targets, 997 to 1045, are far from 0")
    assert "subtract 1021 from the labels" in line


def test_class_weights_make_no_sense_here() -> None:
    with pytest.raises(UsageError, match="--class-weights: a regression has no classes"):
        fitted(class_weights=True)


def test_calibration_is_spread_over_the_range() -> None:
    targets = np.concatenate([np.zeros(900), np.linspace(1, 100, 100)]).astype(np.float32)
    rows = Regression().spread(targets, 50, seed=1)
    assert len(rows) == 50
    assert (np.diff(rows) > 0).all()
    assert targets[rows].min() == 0
    assert targets[rows].max() == 100
    assert (targets[rows] > 0).sum() == 5
    assert Regression().spread(targets[:10], 50, seed=1).tolist() == list(range(10))
    assert (rows != Regression().spread(targets, 50, seed=2)).any()


def test_targets_of_any_size_are_learned_at_the_same_rate() -> None:
    """The loss of a fresh head, and its gradients, do not depend on the targets' scale by a power of two."""
    import tensorflow as tf

    features = normal(1, 16, 8).astype(np.float32)
    losses = []
    for factor in (1.0, 1024.0):
        y = TARGETS[:16] * np.float32(factor)
        task = fitted(y)
        head = task.build_head(Recipe(head_units="6", head_dropout="0"), 8)
        head.set_weights([np.full(w.shape, 0.1, np.float32) for w in head.get_weights()])
        losses.append(task.losses(tf.constant(y), head(features)).numpy())
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_the_head_of_the_files_gives_the_same_with_plain_layers() -> None:
    task, recipe = fitted(TARGETS * 37), Recipe(head_units="6,5", head_dropout="0.5,0.5")
    head = task.build_head(recipe, 8)
    features = normal(2, 16, 8).astype(np.float32)
    plain = task.deployed_head(recipe, head)

    assert plain.layers[-1].name == "y_pred"
    assert plain.get_config()["layers"][-1]["config"]["activation"] == "linear"
    np.testing.assert_allclose(plain(features), head(features), rtol=1e-5, atol=1e-3)
    ratio = plain.layers[-1].kernel.numpy() / head.layers[-1].kernel.numpy()
    assert (ratio == task.unit).all()
    assert np.log2(task.unit) == round(np.log2(task.unit))


def test_losses_are_squared_errors_or_hubers_in_units() -> None:
    import tensorflow as tf

    y, outputs = tf.constant([0.0, 0.0, 0.0]), tf.constant([[0.0], [16.0], [-64.0]])
    assert fitted().unit == 16
    np.testing.assert_allclose(fitted().losses(y, outputs), [0, 1, 16])
    np.testing.assert_allclose(fitted(huber=2.0).losses(y, outputs), [0, 1, 12])
    np.testing.assert_allclose(fitted().soft_loss(outputs, outputs + 16), 1)
    np.testing.assert_allclose(fitted().measures(y, outputs), [0, 16, 64])
    np.testing.assert_allclose(fitted().measure(y.numpy(), outputs.numpy()), [0, 16, 64])


def test_soft_answers_hold_on_to_what_was_said_before() -> None:
    import tensorflow as tf
    import tf_keras as keras

    task, recipe = fitted(), Recipe(head_units="4", head_dropout="0")
    entry = keras.layers.Input((8,))
    network = Network(keras.Model(entry, keras.layers.Dense(8)(entry)), task.build_head(recipe, 8))
    x = tf.constant(normal(3, 4, 8).astype(np.float32))
    said = task.soften(network(x, training=False).numpy())
    learn = learning_from(network, task, 1.0, 0.0)
    outputs, penalty = learn(x, tf.constant(said), network.backbone(x))
    assert outputs.shape == (4, 1)
    assert float(penalty) == 0


def test_an_epoch_is_as_good_within_a_standard_error() -> None:
    assert fitted().as_good(1.07, 1.0, 100)
    assert not fitted().as_good(1.08, 1.0, 100)
    assert fitted().as_good(0.0, 0.0, 5)


def test_the_ridge_probe_finds_what_is_linear_and_ignores_noise() -> None:
    weights = normal(4, 20)
    x = (normal(5, 400, 20) * np.logspace(-2, 2, 20)).astype(np.float32)
    y = (x / np.logspace(-2, 2, 20) @ weights + 1000).astype(np.float32)
    probe = fit_ridge(x[:300], y[:300], x[300:], y[300:])
    assert probe.predict(x[300:]).shape == (100, 1)
    assert np.abs(probe.predict(x[300:])[:, 0] - y[300:]).mean() < 0.01
    noise = normal(6, 400).astype(np.float32)
    strong = fit_ridge(x[:300], noise[:300], x[300:], noise[300:])
    assert strong.strength > probe.strength
    wide = fit_ridge(x.T[:, :50], y[:20], x.T[:, 50:100], y[:20])  # more features than samples
    assert np.isfinite(wide.predict(x.T[:, :50])).all()


def test_scores_say_how_large_errors_are_and_where() -> None:
    predicted = TARGETS + np.where(TARGETS > 30, 2.0, -1.0)
    found = score(TARGETS, predicted)
    errors = predicted - TARGETS
    assert found.metric == found.mean_absolute_error == pytest.approx(np.abs(errors).mean())
    assert found.root_mean_square_error == pytest.approx(np.sqrt(np.square(errors).mean()))
    assert found.r2 == pytest.approx(1 - np.square(errors).sum() / np.square(TARGETS - TARGETS.mean()).sum())
    assert [part.mean_error for part in found.parts] == pytest.approx([-1, -1, -1, 0.8, 2])
    assert sum(part.samples for part in found.parts) == found.samples == 49
    assert read_scores(json.loads(json.dumps(asdict(found)))) == found
    whole, parts = found.tables("INT8 on testing")
    assert whole.rows[0][-1] == "49"
    assert len(parts.rows) == 5
    assert score(np.ones(3, np.float32), np.zeros(3)).r2 is None


def test_an_error_that_is_added_counts_as_far_as_samples_show_it() -> None:
    before = np.abs(normal(7, 2000))
    assert error_added(before, before) == Drop(0.0, 0.0)
    plain = error_added(before, before * 1.2)
    assert plain.measured == pytest.approx(0.2)
    assert plain.shown == pytest.approx(0.2)  # every sample says the same
    unclear = error_added(before[:20], np.abs(normal(8, 20)) * 1.2)
    assert unclear.shown < unclear.measured
    zero = error_added(np.zeros(4), np.ones(4))
    assert np.isfinite(zero).all()
    assert zero.shown > 1


def shown_share(limit: float, rounds: int = 400) -> float:
    """How often the check fails a model whose true error is at its limit."""
    random = np.random.default_rng(5)
    failed = 0
    for _ in range(rounds):
        truth = random.normal(size=100)
        float_errors, more = truth, random.normal(size=100) * np.sqrt((1 + limit) ** 2 - 1)
        failed += not int8_checks(Recipe(max_int8_error=limit), np.square(float_errors), np.square(truth + more))[0].met
    return failed / rounds


def test_the_check_fails_a_model_at_its_limit_about_as_rarely_as_it_says() -> None:
    assert shown_share(0.05) < 0.08


def test_the_checks_fail_what_is_clearly_worse() -> None:
    squares = np.square(normal(9, 500))
    recipe = Recipe()
    (kept,) = int8_checks(recipe, squares, squares * 1.05)
    assert kept.met
    assert kept.chance is None
    assert kept.measured == pytest.approx(np.sqrt(1.05) - 1)
    (lost,) = int8_checks(recipe, squares, squares * 1.3)
    assert not lost.met
    (unsure,) = int8_checks(recipe, np.array([1.0, 2.0, 3.0, 4.0]), np.array([4.0, 1.5, 2.0, 5.0]))
    assert unsure.met
    assert unsure.chance is not None
    written, pruned = training_checks(recipe, Drop(0.5, 0.04), Drop(0.5, 0.2))
    assert written.met
    assert not pruned.met
    assert len(training_checks(recipe, Drop(0.0, 0.0), None)) == 1


def test_config_says_what_was_learned() -> None:
    assert fitted().deployment() == {"mode": "regression", "target_range": [-3.0, 45.0]}
    assert fitted().output_range == (-3.0, 45.0)


def test_a_number_that_a_file_name_cuts_at_its_dot_is_refused() -> None:
    with pytest.raises(DataError, match=r"^30\.5\.a\.png: a file name's label ends at its first dot, so .* be 30;"):
        Regression.of_labels({"30": "30.5.a.png"}, in_names=True)
    for label, sample in {
        "30": "30.a.png",
        "31": "31/30.5.a.png",
        "30.5": "train/30.5.a.png",
        "-2": "-2/-2.5.png",
    }.items():
        Regression.of_labels({label: sample}, in_names=True)


def test_what_split_writes_is_read_back_whatever_the_pictures_are_called(tmp_path: Path) -> None:
    """An export's labels are in its `info.labels`: `1.0.png` may be the picture 0 of the label 1."""
    row = ArrayRow(np.zeros((1, 8, 8, 3), np.uint8), 0)
    pictures = [Sample(f"{label}/0.png", "0", None, ClassLabel(str(label)), row) for label in (1, 2)]
    write_dataset(Dataset.of(pictures, format="class-folders"), tmp_path / "weighed", "ei-export")

    assert [*(tmp_path / "weighed").rglob("1.0.png")]
    assert task_of(Regression, open_dataset(tmp_path / "weighed")).name == "regression"


@pytest.mark.parametrize(("labels", "count"), [(("-1", "2.5"), 1), (("0", "1", "7"), 0), (("1.5", "cat"), 0)])
def test_a_classification_of_numbers_is_mentioned_unless_they_are_digits(labels: tuple[str, ...], count: int) -> None:
    y = np.arange(len(labels))
    lines = Classification(labels).check({"training": y, "validation": y})
    assert len(lines) == count
    assert all("--task regression" in line for line in lines)


def write_arrays(folder: Path, y: np.ndarray, **info: object) -> Job:
    x = np.random.default_rng(1).uniform(size=(len(y), 32, 32, 1)).astype(np.float32)
    for name in ("train", "test"):
        np.save(folder / f"X_split_{name}.npy", x)
        np.save(folder / f"Y_split_{name}.npy", y)
    if info:
        described = {"classes": [], "mode": "regression", "inputShapeString": "(32, 32, 1)", "yType": "npy"}
        (folder / "train_input.json").write_text(json.dumps(described | info))
    return Job(folder, folder / "out", Recipe())


@pytest.mark.parametrize("classes", [[], ["1.5", "3", "4", "-2"]])
def test_arrays_of_a_regression_project_are_numbers(tmp_path: Path, classes: list[str]) -> None:
    loaded = load_data(write_arrays(tmp_path, np.array([1.5, 3, 4, -2.0]), classes=classes), SILENT)
    assert isinstance(loaded.task, Regression)
    assert loaded.training.y.tolist() == [1.5, 3, 4, -2]
    assert loaded.training.y.dtype == np.float32
    assert (loaded.task.least, loaded.task.greatest, loaded.task.mean) == (-2, 4, 1.625)


def test_arrays_without_a_description_are_numbers_where_the_option_says_so(tmp_path: Path) -> None:
    job = write_arrays(tmp_path, np.array([[1.5], [3], [4]], np.float32))
    with pytest.raises(DataError, match="--task regression"):
        load_data(job, SILENT)
    asked = replace(job, recipe=Recipe(task="regression"))
    assert load_data(asked, SILENT).validation.y.tolist() == [1.5, 3, 4]


def test_a_row_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Y_split_train\.npy: nan in row 2 is no finite number"):
        load_data(write_arrays(tmp_path, np.array([1, 2, np.nan]), classes=["1", "2"]), SILENT)


def test_folders_are_numbers_only_where_the_option_says_so(tmp_path: Path) -> None:
    folder = dial_folders(tmp_path / "dials", np.repeat([-30.5, 0.0, 12.0], 10), 32)
    recipe = Recipe(image_size=32, task="regression")
    loaded = load_data(Job(folder, tmp_path / "out", recipe), SILENT)
    assert sorted(set(loaded.training.y.tolist())) == [-30.5, 0, 12]
    assert len(loaded.validation) == 6
    assert load_data(Job(folder, tmp_path / "out", Recipe(image_size=32)), SILENT).task.name == "classification"
    (folder / "12").rename(folder / "noon")
    with pytest.raises(DataError, match=r"noon/dial20\.png: label 'noon' is no finite number"):
        load_data(Job(folder, tmp_path / "out", recipe), SILENT)
