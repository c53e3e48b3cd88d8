"""Edge Impulse's arrays: both forms, every kind of label, and everything that can be wrong with them."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ei_compat.block.arrays import check_values, open_arrays, targets_of
from ei_compat.block.npy import open_npy, row_chunks, scratch, write_rows
from ei_compat.block.rows import Rows
from ei_compat.block.train_input import Mode, TrainInput
from ei_compat.core.errors import DataError, EiTrainError, FormatError

INFO = TrainInput(("cat", "dog", "owl"), Mode.CLASSIFICATION, "(4, 3, 1)", "npy")


def save(path: Path, array: np.ndarray) -> None:
    write_rows(path, array.shape, array.dtype, [array])


def rows(count: int, start: int = 0) -> np.ndarray:
    """Rows that carry their own number in every value."""
    return np.repeat((np.arange(count) + start)[:, None] / 1000, 12, axis=1).astype(np.float32)


def split_folder(root: Path, train: int = 6, validation: int = 3, shape: tuple[int, ...] = (4, 3, 1)) -> Path:
    save(root / "X_split_train.npy", rows(train).reshape(-1, *shape))
    save(root / "Y_split_train.npy", np.eye(3, dtype=np.float32)[np.arange(train) % 3])
    save(root / "X_split_test.npy", rows(validation, 500).reshape(-1, *shape))
    save(root / "Y_split_test.npy", np.eye(3, dtype=np.float32)[np.arange(validation) % 3])
    return root


def unsplit_folder(root: Path, labels: list[int], ids: list[int] | None = None) -> Path:
    save(root / "X_train_features.npy", rows(len(labels)))
    y = np.zeros((len(labels), 4), np.int32)
    y[:, 0], y[:, 1] = labels, ids or np.arange(len(labels)) + 100
    save(root / "y_train.npy", y)
    return root


def numbers(x: Rows) -> list[int]:
    return [round(float(value) * 1000) for value in x[:].reshape(len(x), -1)[:, 0]]


def test_the_split_form(tmp_path):
    arrays = open_arrays(split_folder(tmp_path), INFO)
    assert arrays.x_train.shape == (6, 4, 3, 1)
    assert isinstance(arrays.x_train.stored, np.memmap)
    assert arrays.x_train[:].dtype == arrays.y_train.dtype == np.float32
    assert (numbers(arrays.x_train), numbers(arrays.x_validation)) == ([0, 1, 2, 3, 4, 5], [500, 501, 502])
    assert arrays.y_validation.tolist() == np.eye(3).tolist()
    assert (arrays.x_testing, arrays.split_here) == (None, False)


def test_flat_rows_take_the_shape_of_the_input(tmp_path):
    arrays = open_arrays(split_folder(tmp_path, shape=(12,)), INFO)
    assert arrays.x_validation.shape == (3, 4, 3, 1)


def test_testing_rows_lie_beside(tmp_path):
    split_folder(tmp_path)
    save(tmp_path / "X_holdout.npy", rows(2, 900))
    save(tmp_path / "Y_holdout.npy", np.eye(3, dtype=np.float32)[:2])
    arrays = open_arrays(tmp_path, INFO)
    assert arrays.x_testing is not None
    assert numbers(arrays.x_testing) == [900, 901]


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", ">f4"])
def test_other_dtypes_are_converted(dtype, tmp_path):
    split_folder(tmp_path)
    np.save(tmp_path / "X_split_train.npy", np.zeros((6, 12), dtype))
    assert open_arrays(tmp_path, INFO).x_train.dtype == np.float32


# Labels


def classes(count: int) -> TrainInput:
    return replace(INFO, classes=tuple("abcdefgh"[:count]))


@pytest.mark.parametrize(
    ("count", "y", "expected"),
    [
        (3, [[0, 1, 0], [1, 0, 0]], [1, 0]),
        (3, [[2, 77], [3, 78]], [1, 2]),
        (3, [[2, 77, 0, 1000], [1, 78, 0, 1000]], [1, 0]),
        (2, [[0.0, 1.0], [1.0, 0.0]], [1, 0]),
        (2, [[1, 0], [0, 1]], [0, 1]),
        (2, [[1, 5], [2, 6]], [0, 1]),
        (4, [[0, 0, 0, 1], [1, 0, 0, 0]], [3, 0]),
        (4, [[4, 1, 0, 900], [1, 0, 0, 0]], [3, 0]),
        (4, [[1, 0, 0, 0], [1, 0, 0, 0]], [0, 0]),
        (2, [[1, 9, 0, 10], [2, 8, 0, 10]], [0, 1]),
    ],
    ids=[
        "one-hot",
        "two columns",
        "four columns",
        "one-hot of two classes",
        "one-hot of two classes as integers",
        "two columns with two classes",
        "one-hot of four classes",
        "four columns with four classes",
        "either way the first class",
        "four columns with two classes",
    ],
)
def test_label_forms(count, y, expected):
    assert targets_of(np.array(y), classes(count), where="y").argmax(axis=1).tolist() == expected


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([[0, 1], [3, 2]]), "class index 0 in row 0 is not from 1 to 3"),
        (np.array([[4, 1], [3, 2]]), "class index 4 in row 0 is not from 1 to 3"),
        (np.array([[0.5, 0.5]]), "class index 0.5 in row 0 is not from 1 to 3"),
        (np.array([[np.nan, 1]]), "class index nan in row 0 is not from 1 to 3"),
        (np.array([1, 2, 3]), r"shape \(3,\) is neither one-hot for 3 classes nor"),
        (np.eye(5), r"shape \(5, 5\) is neither"),
        (np.array([[0, 1, 0], [0, 1, 1]]), "row 1 is not one-hot: 0, 1, 1; give every row one class"),
        (np.array([[0.5, 0.5, 0], [0, 0.25, 0.75]]), "row 0 is not one-hot: 0.5, 0.5, 0, as are 1 more"),
        (np.array([[0, 0, 1], [0, 0, 0]]), "row 1 is not one-hot: 0, 0, 0"),
        (np.array([[0, 0, 1], [0, 0, 2]]), "row 1 is not one-hot: 0, 0, 2"),
        (np.array([[0, 0, 1], [1, -1, 1]]), "row 1 is not one-hot: 1, -1, 1"),
        (np.array([[0, 0, 1], [0, np.nan, 1]]), "row 1 is not one-hot: 0, nan, 1"),
    ],
    ids=[
        *("zero", "too large", "no whole number", "NaN", "one dimension", "other count"),
        *("two ones", "halves", "nothing", "a two", "negative", "NaN in one-hot"),
    ],
)
def test_labels_that_cannot_be(y, message):
    with pytest.raises(DataError, match=message):
        targets_of(y, INFO, where="y")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([0.5, 2.5]), [[0.5], [2.5]]),
        (np.array([[0.5], [2.5]]), [[0.5], [2.5]]),
        (np.array([[2, 9, 0, 1], [1, 8, 0, 1]]), [[20.5], [10.0]]),
    ],
    ids=["numbers", "a column", "classes that are numbers"],
)
def test_regression(y, expected):
    info = replace(INFO, mode=Mode.REGRESSION, classes=("10", "20.5"))
    assert targets_of(y, info, where="y").tolist() == expected


# The unsplit form


def test_the_unsplit_form_is_split_as_scikit_learn_does(tmp_path):
    unsplit_folder(tmp_path, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1])
    arrays = open_arrays(tmp_path, replace(INFO, train_test_split=0.25))
    # what scikit-learn 1.x gives for train_test_split(range(10), test_size=0.25, random_state=3)
    assert (numbers(arrays.x_train), numbers(arrays.x_validation)) == ([2, 9, 6, 7, 0, 3, 8], [5, 4, 1])
    assert arrays.y_validation.argmax(axis=1).tolist() == [2, 1, 1]
    assert arrays.split_here


def test_stratified_is_honoured(tmp_path):
    unsplit_folder(tmp_path, [1] * 40 + [2] * 10 + [3] * 5)
    arrays = open_arrays(tmp_path, replace(INFO, stratified_train_test=True))
    assert arrays.y_train.sum(axis=0).tolist() == [32, 8, 4]
    assert arrays.y_validation.sum(axis=0).tolist() == [8, 2, 1]
    assert sorted(numbers(arrays.x_train) + numbers(arrays.x_validation)) == list(range(55))
    assert numbers(arrays.x_train) != sorted(numbers(arrays.x_train))


def test_a_class_with_one_row_cannot_be_stratified(tmp_path):
    unsplit_folder(tmp_path, [1, 1, 1, 2])
    with pytest.raises(DataError, match="dog: the class has a single sample"):
        open_arrays(tmp_path, replace(INFO, stratified_train_test=True))


def test_custom_validation_split(tmp_path):
    unsplit_folder(tmp_path, [1, 2, 3] * 4, [7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12])
    listed = {"7": "validation", "8": "train", "9": "validation", "10": "train"}
    (tmp_path / "custom_validation_split.json").write_text(json.dumps(listed))
    arrays = open_arrays(tmp_path, replace(INFO, custom_validation_split=True, train_test_split=0.5))
    train, validation = set(numbers(arrays.x_train)), set(numbers(arrays.x_validation))
    assert {0, 1, 4, 5} <= validation
    assert {2, 3, 6, 7} <= train
    assert train | validation == set(range(12))
    assert (len(train), len(validation)) == (6, 6)  # the four that are not listed are split by the share


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ('{"7": "test"}', FormatError, "custom_validation_split.json, 7: 'test' is neither 'train' nor 'validation'"),
        ("[]", FormatError, "custom_validation_split.json"),
        (None, FormatError, "custom_validation_split.json: no such file"),
    ],
    ids=["another word", "a list", "missing"],
)
def test_a_custom_split_that_cannot_be(content, error, message, tmp_path):
    unsplit_folder(tmp_path, [1, 2, 3])
    if content is not None:
        (tmp_path / "custom_validation_split.json").write_text(content)
    with pytest.raises(error, match=message):
        open_arrays(tmp_path, replace(INFO, custom_validation_split=True))


# What can be wrong


def spoiled(name: str, array: np.ndarray | bytes | None, **changes: object):
    return name, array, changes


@pytest.mark.parametrize(
    ("name", "array", "changes", "message"),
    [
        (*spoiled("X_split_train.npy", rows(5)), "X_split_train.npy: 5 rows, but Y_split_train.npy has 6"),
        (*spoiled("X_split_train.npy", None), "holds neither X_split_train.npy nor X_train_features.npy"),
        (*spoiled("Y_split_test.npy", None), "Y_split_test.npy: no such file"),
        (*spoiled("X_split_test.npy", np.full((3, 12), np.nan)), "value nan in row 0 is not from 0 to 1"),
        (*spoiled("X_split_test.npy", 10 * rows(3) + 1), "in row 1 is not from 0 to 1"),
        (*spoiled("X_split_test.npy", rows(3) - 0.0015), "in row 0 is not from 0 to 1"),
        (*spoiled("X_split_test.npy", np.full((3, 12), np.inf)), "value inf in row 0"),
        (
            *spoiled("X_split_train.npy", np.zeros((6, 11))),
            r"rows of shape \(11,\) do not fit inputShapeString \(4, 3, 1\) in the order height, width, channels",
        ),
        (*spoiled("X_split_train.npy", np.array([{}, 1], object)), "holds Python objects, which are never loaded"),
        (*spoiled("X_split_train.npy", np.array(["a"])), "is not numeric"),
        (*spoiled("Y_split_train.npy", np.array(1.0)), "Y_split_train.npy: holds a single number, not rows"),
        (*spoiled("X_split_train.npy", b'{"version":1}'), "is not numpy's file format"),
        (*spoiled("X_split_train.npy", b"\x93NUMPY\x02\x00"), "damaged header"),
        (*spoiled("X_split_train.npy", b"\x93NUMPY\x09\x00" + bytes(100)), "damaged header"),
        (*spoiled("X_split_test.npy", np.zeros((0, 12)), y="Y_split_test.npy"), "there is no validation row"),
    ],
)
def test_bad_arrays(name, array, changes, message, tmp_path):
    split_folder(tmp_path)
    (tmp_path / name).unlink()
    if isinstance(array, bytes):
        (tmp_path / name).write_bytes(array)
    elif array is not None:
        np.save(tmp_path / name, array, allow_pickle=True)
    if "y" in changes:
        np.save(tmp_path / str(changes["y"]), np.zeros((0, 3)))
    with pytest.raises(DataError, match=message) as caught:
        open_arrays(tmp_path, INFO)
    assert "\n" not in str(caught.value)


def test_an_array_shorter_than_its_header_says(tmp_path):
    split_folder(tmp_path)
    whole = (tmp_path / "X_split_train.npy").read_bytes()
    (tmp_path / "X_split_train.npy").write_bytes(whole[:-40])
    with pytest.raises(FormatError, match="is cut short, 40 bytes are missing"):
        open_arrays(tmp_path, INFO)


@pytest.mark.parametrize("shape", ["(0, False, 4)", "(-1,)", "(0, 9223372036854775808)", "(" + "1," * 40 + ")"])
def test_headers_with_odd_shapes(shape, tmp_path):
    """Found by fuzzing: numpy's own reader lets some of them through to trip over later."""
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + bytes(4))
    with pytest.raises(FormatError, match=r"cannot be|damaged header"):
        open_npy(tmp_path / "x.npy")


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (5,)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_writes(shape, order, tmp_path):
    array = np.asarray(np.arange(int(np.prod(shape))).reshape(shape), order=order)
    np.save(tmp_path / "x.npy", array)
    read = open_npy(tmp_path / "x.npy")
    assert np.array_equal(read, array)
    assert read.dtype == array.dtype


def test_the_range_is_the_callers(tmp_path):
    split_folder(tmp_path)
    save(tmp_path / "X_split_train.npy", rows(6) - 1)
    assert open_arrays(tmp_path, INFO, value_range=(-1, 1)).x_train[:].min() == -1
    assert open_arrays(tmp_path, INFO, value_range=None).x_train[:].min() == -1
    with pytest.raises(EiTrainError):
        open_arrays(tmp_path, INFO)


def test_other_modes_are_refused(tmp_path):
    with pytest.raises(DataError, match="mode object-detection is not supported here"):
        open_arrays(split_folder(tmp_path), replace(INFO, mode=Mode.OBJECT_DETECTION))


# The file format


def test_npy_header_is_of_version_2_and_numpy_reads_it(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    write_rows(tmp_path / "x.npy", array.shape, "float32", (array[i : i + 1] for i in range(4)))
    assert (tmp_path / "x.npy").read_bytes()[:8] == b"\x93NUMPY\x02\x00"
    assert np.array_equal(np.load(tmp_path / "x.npy"), array)
    assert np.array_equal(open_npy(tmp_path / "x.npy"), array)


@pytest.mark.parametrize(("shape", "message"), [((5, 2), "4 rows, not 5"), ((4, 3), r"a row of shape \(2,\)")])
def test_rows_that_do_not_add_up_leave_no_file(shape, message, tmp_path):
    with pytest.raises(DataError, match=message):
        write_rows(tmp_path / "x.npy", shape, "float32", [np.zeros((4, 2))])
    assert list(tmp_path.iterdir()) == []


def test_large_results_lie_in_a_file_without_a_name(monkeypatch):
    monkeypatch.setattr("ei_compat.block.npy.IN_MEMORY_BYTES", 100)
    monkeypatch.setattr("ei_compat.block.npy.CHUNK_BYTES", 64)
    array = np.arange(60, dtype=np.float32).reshape(20, 3)
    assert isinstance(scratch((200, 3), "float32"), np.memmap)
    assert not isinstance(scratch((2, 2), "uint8"), np.memmap)
    assert [len(chunk) for chunk in row_chunks(array)] == [5, 5, 5, 5]


@pytest.mark.parametrize("refusal", [None, errno.EOPNOTSUPP])
def test_where_space_cannot_be_reserved_the_file_is_made_without(refusal, monkeypatch):
    """As on macOS, whose Python lacks the call, and on file systems that refuse it."""
    if refusal is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(refusal, "no")))
    monkeypatch.setattr("ei_compat.block.npy.IN_MEMORY_BYTES", 100)
    mapped = scratch((200, 3), "float32")
    mapped[:] = 7
    assert (isinstance(mapped, np.memmap), float(mapped.sum())) == (True, 4200)


def test_a_full_disk_shows_when_space_is_reserved(monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    monkeypatch.setattr("ei_compat.block.npy.IN_MEMORY_BYTES", 100)
    with pytest.raises(OSError, match="full"):
        scratch((200, 3), "float32")


# Shapes and types


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ((1, 4, 3), r"\(1, 4, 3\) .* \(4, 3, 1\) .*height, width, channels.*channels come first here"),
        ((3, 4, 1), r"\(3, 4, 1\) .* \(4, 3, 1\) .*height and width are swapped here"),
        ((4, 3), r"\(4, 3\) .* \(4, 3, 1\)"),
        ((2, 6, 1), r"\(2, 6, 1\) .* \(4, 3, 1\)"),
        ((12, 1), r"\(12, 1\) .* \(4, 3, 1\)"),
        ((1, 12), r"\(1, 12\) .* \(4, 3, 1\)"),
        ((4, 1, 3), r"\(4, 1, 3\) .* \(4, 3, 1\)"),
        ((1, 4, 3, 1), r"\(1, 4, 3, 1\) .* \(4, 3, 1\)"),
    ],
)
def test_only_the_exact_shape_and_flat_rows_are_taken(stored, message, tmp_path):
    split_folder(tmp_path)
    np.save(tmp_path / "X_split_test.npy", np.zeros((3, *stored), np.float32))
    with pytest.raises(FormatError, match=message):
        open_arrays(tmp_path, INFO)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", "<f2", ">f4", ">f8", "u1", "?", "<i8"])
def test_every_type_and_order_is_given_as_float32_rows(dtype, order, tmp_path):
    split_folder(tmp_path)
    x = (np.random.default_rng(1).random((6, 4, 3, 1)) > 0.5).astype(dtype)
    np.save(tmp_path / "X_split_train.npy", np.asarray(x, order=order))
    rows_read = open_arrays(tmp_path, INFO).x_train
    for chosen in (slice(1, 4), np.array([5, 0, 5])):
        given = rows_read[chosen]
        assert (given.dtype, given.dtype.isnative, given.flags.c_contiguous) == (np.float32, True, True)
        assert np.array_equal(given, x[chosen].astype(np.float32))


@pytest.mark.parametrize("beyond", [1 + 1e-7, 1 + 1e-5, 1.0009, -1e-6])
def test_a_rounding_error_beyond_the_range_is_cut_off(beyond, tmp_path):
    split_folder(tmp_path)
    np.save(tmp_path / "X_split_train.npy", np.full((6, 12), beyond, np.float64))
    assert open_arrays(tmp_path, INFO).x_train[:].ravel()[0] == min(max(beyond, 0), 1)


def test_labels_a_rounding_error_away_are_taken():
    y = np.array([[0.9999999, 1e-7, -1e-8], [0, 1.0000001, 0]], np.float32)
    assert targets_of(y, INFO, where="y").tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_value_that_float32_cannot_hold_is_refused_without_a_warning_before():
    x = np.array([[0.5, 1e300], [0.5, 0.5]])
    with pytest.raises(DataError, match=r"value inf in row 0 is not from 0 to 1"):
        check_values(Rows(x, (2,)), (0.0, 1.0), where="x.npy")
