"""A model is linked with the tile functions, branches and fields that it needs, and with no more than pay."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from firmware.compiler import compile_model, cost
from firmware.compiler.config import CONFIG
from firmware.compiler.tiles import Weights, chosen, cut
from tests.firmware import graphs, host, networks
from tests.firmware.graphs import Maker


@pytest.mark.parametrize("widths", [cost.TILES, cost.QUADS, (8, 5, 3), (6, 4), (1,)])
def test_a_row_is_cut_into_the_fewest_tiles(widths: tuple[int, ...]) -> None:
    fewest = {0: 0}
    for columns in range(1, 60):
        options = [fewest[columns - n] + 1 for n in widths if columns - n in fewest]
        made = cut(columns, widths)
        assert bool(made) == bool(options)
        if options:
            fewest[columns] = min(options)
            assert sum(count for _, count in made) == fewest[columns]
            assert sum(n * count for n, count in made) == columns


def _layers(rows: int, channels: int) -> list[Weights]:
    r = np.random.default_rng(0)
    return [
        Weights(r.integers(-127, 128, (channels, taps)).astype(np.int8), rows, columns, "pointwise")
        for taps, columns in ((8, 25), (16, 13), (24, 7))
    ]


def test_few_rows_do_with_few_functions_and_many_take_all_that_are_faster() -> None:
    few, many = _layers(1, 4), _layers(2000, 64)
    functions = [{f for walk in chosen(layers) for f in walk.functions} for layers in (few, many)]
    assert len(functions[0]) < len(functions[1])
    for layers in (few, many):
        fastest = sum(min(walk.instructions for walk in layer.walks()) for layer in layers)
        assert (sum(walk.instructions for walk in chosen(layers)) > fastest) == (layers is few)


def _config(data: bytes) -> dict[str, int]:
    text = compile_model(data, name="m").files[CONFIG]
    return {name: int(value) for name, value in re.findall(r"#define EIT_(\w+) (\d+)u", text)}


def test_the_engine_is_cut_down_to_what_the_tables_use() -> None:
    maker = Maker(np.random.default_rng(0), (1, 8))
    maker.dense()
    small = _config(maker.finish())
    assert (small["INPUTS"], small["PADDING"]) == (1, 0)
    assert small["POINTWISE"] in {form | 16 for form in (1, 2, 4, 8)}  # its reference rounds once
    assert small["CONV"] == small["DEPTHWISE"] == 0
    large = _config(graphs.graph(15))  # a convolution, a sum, a depthwise convolution
    assert (large["INPUTS"], large["PADDING"]) == (2, 1)


@pytest.mark.parametrize("seed", [3, 5001])
def test_as_it_is_shipped_it_makes_the_same_bytes(seed: int, tmp_path: Path) -> None:
    data = networks.network(seed)
    model = compile_model(data, name="model")
    built = host.Host(data, tmp_path, (*host.SHIPPED, *host.SANITIZED), model)
    values = host.images(model.input.shape, 4, dtype=model.input.dtype)
    assert np.array_equal(built(values), host.Reference(data)(values))
