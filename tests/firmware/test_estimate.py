"""An estimate says what compiling says."""

from __future__ import annotations

import pytest

from firmware.compiler import compile_model
from firmware.compiler.estimate import Arenas, estimate
from tests.firmware import networks


@pytest.mark.parametrize("seed", [80, 97])
def test_it_is_what_compiling_says(seed: int) -> None:
    data = networks.network(seed)
    model, taken = compile_model(data, name="model"), estimate(data)
    assert taken.arenas == (model.rows_arena_bytes, model.arena_bytes)
    assert taken.constant_bytes == sum(layer.bytes for layer in model.layers)
    assert taken.instructions == sum(layer.instructions for layer in model.layers)


def test_arenas_that_are_known_are_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = networks.network(80)
    whole = estimate(data)
    monkeypatch.setattr("firmware.compiler.estimate.plans", None)
    assert estimate(data, arenas=whole.arenas) == whole
    assert estimate(data, arenas=Arenas(1, 2)).arenas == (1, 2)
