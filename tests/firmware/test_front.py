"""Less memory for more instructions: every variant gives the same bytes, and the cheapest one that fits is taken."""

from __future__ import annotations

import functools
import itertools
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ei_compat.core.errors import ExportError, UsageError
from firmware.compiler import CompiledModel, compile_model, compiled_front
from tests.firmware import host, networks
from train.cli.main import main

SEEDS = (80, 97)


@functools.cache
def _front(data: bytes) -> tuple[CompiledModel, ...]:
    return compiled_front(data, name="model")


@pytest.fixture(params=SEEDS)
def data(request: pytest.FixtureRequest) -> bytes:
    """A network in which some tensor has a late reader."""
    return networks.network(request.param)


def _instructions(model: CompiledModel) -> int:
    return sum(layer.instructions for layer in model.layers)


def test_every_variant_is_the_reference_and_smaller_and_slower_than_the_one_before(data: bytes, tmp_path: Path) -> None:
    variants = _front(data)
    assert variants[0].files == compile_model(data, name="model").files
    assert len(variants) > 1
    assert not variants[0].again
    for before, after in itertools.pairwise(variants):
        assert after.rows_arena_bytes < before.rows_arena_bytes
        assert _instructions(after) > _instructions(before)
        assert after.again
    for number, variant in enumerate(variants):
        built = host.Host(data, tmp_path / str(number), host.PLAIN, variant)
        values = host.images(variant.input.shape, 6, dtype=variant.input.dtype)
        assert np.array_equal(built(values), host.Reference(data)(values))


def test_what_runs_twice_is_stored_once(data: bytes) -> None:
    once, *others = _front(data)
    for other in others:
        assert other.files["model.c"].count("_weights[") == once.files["model.c"].count("_weights[")
        assert (other.weights, other.nonzero, other.macs) == (once.weights, once.nonzero, once.macs)
        assert sum(layer.bytes for layer in other.layers) == sum(layer.bytes for layer in once.layers)


def test_the_cheapest_variant_that_fits_is_taken(data: bytes) -> None:
    variants = _front(data)
    for variant in variants:
        assert compile_model(data, name="model", max_ram=variant.rows_arena_bytes).files == variant.files
    least = variants[-1].rows_arena_bytes
    with pytest.raises(ExportError, match=f"takes {least} bytes at least, more than the {least - 1} of --max-ram"):
        compile_model(data, name="model", max_ram=least - 1)


def _run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(w) for w in words])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_both_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, labels = tmp_path / "m.tflite", tmp_path / "l.txt"
    data = networks.network(SEEDS[-1])
    model.write_bytes(data)
    variants = _front(data)
    labels.write_text("".join(f"l{i}\n" for i in range(np.prod(variants[0].outputs[0].shape))))
    code, said = _run(capsys, "profile", model, "--front", "--json")
    assert code == 0
    assert [c["rows_arena_bytes"] for c in json.loads(said)["front"]] == [v.rows_arena_bytes for v in variants]

    words = ["package", model, "--labels", labels, "--name", "m", "--version", 1, "-o", tmp_path / "m.zip"]
    words += ["--estimate", "--sensor", "unknown", "--max-ram"]
    least = variants[-1].rows_arena_bytes
    assert _run(capsys, *words, least)[0] == 0
    with zipfile.ZipFile(tmp_path / "m.zip") as content:
        assert f"M_ROWS_ARENA_BYTES ({least}u" in content.read("tflite-model/m.h").decode()
    (tmp_path / "m.zip").unlink()
    code, said = _run(capsys, *words, least - 4)
    assert (code, f"takes {least} bytes at least" in said) == (ExportError.exit_code, True)
    for wrong in ("0", "12XB", "much"):
        assert _run(capsys, *words, wrong)[0] == UsageError.exit_code
    assert not (tmp_path / "m.zip").exists()
