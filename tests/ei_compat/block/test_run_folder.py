"""The output directory of a run: its labels, its models, and what is no such folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.block.run_folder import (
    CONFIG,
    INT8_FILE,
    LABELS,
    LONGEST_LABEL,
    MOST_LABELS,
    REPORT,
    RunFolder,
    labels_text,
    read_labels,
)
from ei_compat.core.errors import DataError, FormatError, LimitError


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that has ended."""
    (tmp_path / INT8_FILE).write_bytes(b"TFL3")
    (tmp_path / REPORT).write_text("{}")
    (tmp_path / LABELS).write_text(labels_text(["tench, Tinca tinca", "日本"]))
    (tmp_path / CONFIG).write_text('{"imageInputScaling": "-1..1"}')
    return RunFolder(tmp_path)


def test_a_run_that_has_ended(run):
    run.check_finished()
    assert run.labels() == ("tench, Tinca tinca", "日本")
    assert run.int8_model() == run.path / INT8_FILE
    assert run.input_scaling() == "-1..1"


@pytest.mark.parametrize(
    ("shape", "features"), [("[33]", True), ("[12, 6]", True), ("[96, 96, 3]", False), ("0", False)]
)
def test_a_run_says_whether_its_inputs_are_features(run, shape, features):
    (run.path / CONFIG).write_text(f'{{"mode": "regression", "input_shape": {shape}}}')
    assert run.takes_features() is features
    assert run.mode() == "regression"


@pytest.mark.parametrize("name", [INT8_FILE, LABELS, REPORT])
def test_one_that_has_not(run, name):
    (run.path / name).unlink()
    with pytest.raises(DataError, match=f"holds no {name}; give the --out-directory of a run that has ended"):
        run.check_finished()


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(DataError, match=f"no {INT8_FILE}; give a model, or the --out-directory"):
        RunFolder(tmp_path).int8_model()


@pytest.mark.parametrize("text", [None, "{}", '{"imageInputScaling": null}'])
def test_a_scaling_that_is_not_told(run, text):
    (run.path / CONFIG).unlink()
    if text is not None:
        (run.path / CONFIG).write_text(text)
    assert run.input_scaling() is None


@pytest.mark.parametrize("text", ["[]", "{", '"a"', "\x00"])
def test_a_configuration_that_is_none(run, text):
    (run.path / CONFIG).write_text(text)
    with pytest.raises(FormatError, match=r"config\.json: is no JSON object"):
        run.input_scaling()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", FormatError, "labels.txt: holds no label"),
        (b"a\n\nb\n", FormatError, "labels.txt:2: empty label"),
        (b"a\nb\na\n", FormatError, "labels.txt:3: label 'a' for the second time"),
        (b"a\nb\x07\n", FormatError, "labels.txt:2: a label is too long or holds control characters"),
        (b"a" * (LONGEST_LABEL + 1), FormatError, "labels.txt:1: a label is too long"),
        (b"\xff\n", FormatError, "labels.txt: is no UTF-8 text at byte 0"),
        (b"".join(b"%d\n" % n for n in range(MOST_LABELS + 1)), LimitError, "holds 4096 labels, more than 4095"),
        (b" " * (1 << 20), LimitError, "labels.txt: is larger than 827190 bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_labels_that_cannot_be(tmp_path, content, error, message):
    (tmp_path / LABELS).write_bytes(content)
    with pytest.raises(error, match=re.escape(message)):
        read_labels(tmp_path / LABELS)


def test_labels_that_are_missing(tmp_path):
    with pytest.raises(DataError, match=r"labels\.txt: cannot be read \(no such file or directory\)"):
        read_labels(tmp_path / LABELS)


PLAIN = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40)


@settings(deadline=None, database=None)
@given(st.lists(PLAIN, min_size=1, unique=True))
def test_what_is_written_is_read(tmp_path_factory, labels):
    path = tmp_path_factory.getbasetemp() / LABELS
    path.write_text(labels_text(labels))
    assert read_labels(path) == tuple(labels)
