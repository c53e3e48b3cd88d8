"""No input makes a parser fail with anything but a typed error: random bytes, and valid files that were damaged."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import EiTrainError
from tests.ei_compat.targets import TARGETS, clean_up

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module", autouse=True)
def _folders():
    yield
    clean_up()


TEXT_TARGETS = [name for name in TARGETS if name not in {"acquisition", "npy", "picture", "signal-wav"}]

# What trips parsers: numbers of odd sizes, nesting, nulls, other types, odd characters.
PIECES = st.sampled_from(
    [
        *(b"1e999", b"-1", b"9" * 400, b"NaN", b"Infinity", b"-0.0", b"0x10", b"1_000", "Ⅷ²".encode()),
        *(b"null", b"[" * 300, b"{}", b"[]", b'""', b"true", b"\\ud800", b"<!DOCTYPE a>", b"../"),
        *(b"\xff", b"\0", b"\r", b'"', b",", b"#"),
    ]
)


def survive(name: str, data: bytes) -> EiTrainError | None:
    """Parses; a typed error of one line is an answer too."""
    try:
        TARGETS[name].parse(data)
    except EiTrainError as error:
        return error
    return None


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_valid(name):
    refused = [survive(name, seed) for seed in TARGETS[name].seeds]
    assert name == "npy" or not any(refused)  # some arrays are refused as labels or values


@pytest.mark.parametrize("name", TARGETS)
def test_random_bytes(name):
    @QUICK
    @given(st.binary(max_size=400))
    def parse(data: bytes) -> None:
        assert "\n" not in str(survive(name, data))

    parse()


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files(name):
    @QUICK
    @given(st.sampled_from(TARGETS[name].seeds), st.data())
    def parse(seed: bytes, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(seed)))
            length = data.draw(st.integers(0, 12))
            seed = seed[:at] + data.draw(st.one_of(st.binary(max_size=12), PIECES)) + seed[at + length :]
        assert "\n" not in str(survive(name, seed))

    parse()


@pytest.mark.parametrize("name", TEXT_TARGETS)
def test_deep_nesting(name):
    for text in (b"[" * 200_000, b'{"files":' * 100_000, b"<a>" * 100_000, b"names: " + b"[" * 100_000):
        survive(name, text)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("yolo-names", b"names: [" + b"# " * 200_000),
        ("yolo-names", b"names: [" + b"a #'" * 200_000),
        ("train-input", TARGETS["train-input"].seeds[0].replace(b"(96, 96, 3)", b"(96" + b" " * 200_000)),
        ("voc", b"<annotation>" + b"<!" * 200_000),
        ("csv", b"file_name,class_name\n" + b'"' * 200_001),
        ("acquisition", b'{"signature"' + b" " * 200_000),
    ],
)
def test_long_inputs_take_no_more_than_their_share(name, data):
    """What is quadratic takes minutes here."""
    start = time.process_time()
    survive(name, data)
    assert time.process_time() - start < 5
