"""Compiled models as Xtensa code: every byte is the reference's."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.compiler import compile_model
from tests.firmware import host, networks, xtensa


def _exact(data: bytes, count: int, folder: Path) -> None:
    xtensa.needed()
    given = compile_model(data, name="model").input
    values = host.images(given.shape, count, 3, given.dtype)
    made, instructions = xtensa.run(data, values, folder)
    assert (made == host.Reference(data)(values)).all()
    assert instructions > 0


@pytest.mark.parametrize("seed", range(200, 206))
def test_random_network(seed: int, tmp_path: Path) -> None:
    _exact(networks.network(seed), 3, tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "inputs"), [("B", 1), pytest.param("A", 1, marks=pytest.mark.slow)])
def test_real_model(name: str, inputs: int, shared: Path, tmp_path: Path) -> None:
    _exact((shared / f"models/{name}.tflite").read_bytes(), inputs, tmp_path)
