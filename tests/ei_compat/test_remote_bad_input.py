"""Nothing that a server sends, and nothing in a journal, does more harm than a typed error."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import EiTrainError
from tests.ei_compat.remote_targets import ANSWER, REMOTE_TARGETS, clean_up

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None)
ODD = [None, True, -1, 0, 1.5, 2**70, "", "a", "../x", [], {}, [[]], {"a": None}, [None], [{}], "x" * 300]


@pytest.fixture(scope="module", autouse=True)
def _folders():
    yield
    clean_up()


def survive(name: str, data: bytes) -> None:
    with contextlib.suppress(EiTrainError):
        REMOTE_TARGETS[name][0](data)


@pytest.mark.parametrize("name", REMOTE_TARGETS)
def test_the_seeds_are_valid(name):
    parse, seeds = REMOTE_TARGETS[name]
    for seed in seeds:
        parse(seed)


@pytest.mark.parametrize("name", REMOTE_TARGETS)
def test_damaged(name):
    seed = REMOTE_TARGETS[name][1][0]

    @QUICK
    @given(st.integers(0, len(seed)), st.integers(0, 30), st.binary(max_size=20))
    def parse(start: int, length: int, put: bytes) -> None:
        survive(name, seed[:start] + put + seed[start + length :])

    parse()


@pytest.mark.parametrize("seed", range(5))
def test_answers_of_another_shape(seed):
    choose = random.Random(seed)

    def change(value: object) -> object:
        if choose.random() < 0.15 or not isinstance(value, dict | list) or not value:
            return choose.choice(ODD) if choose.random() < 0.3 else value
        if isinstance(value, list):
            return [change(each) for each in value]
        return {name: change(each) for name, each in value.items()}

    for _ in range(30):
        survive(
            "api-answer",
            json.dumps({name: change(value) for name, value in ANSWER.items()} | {"success": True}).encode(),
        )
