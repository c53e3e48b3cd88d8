"""Convolutions along the rows of features, to a C library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ei_compat.block.run_folder import INT8_FILE
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.progress import SILENT
from firmware.package import package
from tests.train.features import COLUMNS, export
from tests.train.networks import classification
from train import pipeline
from train.backbones import BACKBONES, OPTIONS_OF, unused_options, usual
from train.backbones.conv1d import CONV1D
from train.job import Job
from train.methods.trainer import seeded_dropout
from train.network import as_one_model, build_network
from train.recipe import Recipe


def test_it_is_what_rows_of_features_are_trained_with() -> None:
    assert usual((12, COLUMNS)) is BACKBONES.named("conv1d") is CONV1D
    assert CONV1D.columns(Recipe(), (12, COLUMNS)) == COLUMNS
    assert CONV1D.columns(Recipe(columns=COLUMNS), (72,)) == COLUMNS


@pytest.mark.parametrize(
    ("options", "shape", "kind", "message"),
    [
        pytest.param({}, (96, 96, 3), DataError, "conv1d takes features", id="pictures"),
        pytest.param({}, (72,), UsageError, r"--columns 0: .* of the 72 features .* such as 2, 3, 4, 6", id="unknown"),
        pytest.param({"columns": 5}, (72,), UsageError, r"--columns 5: conv1d has to know", id="no divisor"),
        pytest.param({"columns": 5}, (12, 6), UsageError, r"--columns 5: the arrays have rows of 6", id="other"),
        pytest.param({"filters": ""}, (12, 6), UsageError, "--filters: there must be one", id="no convolution"),
        pytest.param({"columns": 0}, (71,), UsageError, "use --backbone dense", id="prime"),
    ],
)
def test_what_it_cannot_be_built_with(
    options: dict[str, object], shape: tuple[int, ...], kind: type, message: str
) -> None:
    with pytest.raises(kind, match=message):
        CONV1D.check(Recipe(**({"mirror": False} | options)), shape)


def test_options_of_other_backbones_are_known() -> None:
    asked = frozenset({"alpha", "columns", "units", "epochs"})
    assert unused_options(CONV1D, asked) == ["--alpha", "--units"]
    assert unused_options(BACKBONES.named("mobilenet_v1"), asked) == ["--units", "--columns"]
    assert set(OPTIONS_OF) <= Recipe.model_fields.keys()


def test_its_dropout_can_be_resumed_and_is_keras_own_in_the_saved_file() -> None:
    import tensorflow as tf

    recipe = Recipe(columns=COLUMNS, head_units="", head_dropout="")
    step = tf.Variable(0, dtype=tf.int64)
    network = build_network(CONV1D, classification(3), recipe, (72,), seeded_dropout(1, step))
    x = tf.constant(np.random.default_rng(1).normal(size=(4, 72)).astype(np.float32))

    first, again = (network(x, training=True).numpy() for _ in range(2))
    step.assign(1)
    other = network(x, training=True).numpy()

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    kinds = [type(layer).__name__ for layer in as_one_model(network).layers]
    assert kinds.count("Dropout") == 2
    assert "SeededDropout" not in kinds


def test_it_is_what_convolutions_over_one_dimension_give() -> None:
    import tf_keras as keras

    layers = keras.layers
    model = CONV1D.build(Recipe(columns=COLUMNS, filters="4,5"), (66,))
    plain = keras.Sequential([layers.Input((66,)), layers.Reshape((11, COLUMNS))])
    for number, filters in enumerate((4, 5), 1):
        plain.add(layers.Conv1D(filters, 3, padding="same", use_bias=False))
        plain.add(layers.ReLU())
        plain.add(layers.MaxPooling1D(2, padding="same"))
        plain.layers[-3].kernel.assign(model.get_layer(f"conv_{number}").kernel[:, 0])
    plain.add(layers.Flatten())
    x = np.random.default_rng(1).normal(size=(4, 66)).astype(np.float32)
    np.testing.assert_allclose(model(x, training=False), plain(x), atol=5e-3)  # a fresh normalisation has an epsilon


def test_a_run_ends_in_a_library_with_the_references_bytes(tmp_path: Path) -> None:
    folder = export(tmp_path / "block", mode="classification", count=400)
    options = {"backbone": "conv1d", "columns": COLUMNS, "epochs": 15, "fine_tune_epochs": 8, "learning_rate": 0.005}
    job = Job(
        folder / "data", folder / "out", Recipe(**options), frozenset(options), info_file=folder / "train_input.json"
    )
    report = pipeline.run(job, SILENT)

    assert report.metrics["int8"]["validation"].metric > 0.85
    assert all(check.met for check in report.checks)
    assert report.sparsity.int8_file >= 0.8
    done = package(job.out, name="speed", version="1", sensor="accelerometer", output=tmp_path / "s.zip")
    assert done.checked > 0, "no C compiler"
    assert (job.out / INT8_FILE).stat().st_size < 20_000
