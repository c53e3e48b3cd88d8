"""What a model takes on a board, found by a process of its own: the same, the same refusals, and nothing left over."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ei_compat.core.errors import FormatError
from train.inspection.board import BoardElsewhere, board_of
from train.job import Job
from train.runs.report import Report


@pytest.fixture
def int8_file(finished: tuple[Job, Report]) -> Path:
    """Of a run."""
    return finished[0].out / "model_quantized_int8_io.tflite"


def test_another_process_finds_the_same(int8_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = board_of(int8_file.read_bytes())
    monkeypatch.delattr("train.inspection.board.board_of")  # of this process

    with BoardElsewhere(int8_file) as elsewhere:
        elsewhere.begin()
        assert elsewhere.board() == here


def test_what_is_refused_there_is_refused_here_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(b"no model")

    with BoardElsewhere(file) as elsewhere:
        elsewhere.begin()
        with pytest.raises(FormatError, match=r"not a \.tflite file"):
            elsewhere.board()


def test_where_the_other_process_is_gone_this_one_finds_it(int8_file: Path) -> None:
    with BoardElsewhere(int8_file) as elsewhere:
        process = elsewhere._process
        assert process is not None
        process.kill()
        process.wait()
        elsewhere.begin()
        assert elsewhere.board() == board_of(int8_file.read_bytes())


def test_it_ends_with_the_block(int8_file: Path) -> None:
    with BoardElsewhere(int8_file) as elsewhere:
        process = elsewhere._process

    assert process is not None
    assert process.returncode is not None


def test_where_no_process_can_be_made_this_one_finds_it(int8_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr("train.inspection.board.subprocess.Popen", refuse)
    with BoardElsewhere(int8_file) as elsewhere:
        elsewhere.begin()
        assert elsewhere.board() == board_of(int8_file.read_bytes())
