"""Signals in files, signed and unsigned."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from dataclasses import replace

import cbor2
import numpy as np
import pytest

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.limits import Limits
from ei_compat.dataset.dataset import Axis, Signal
from ei_compat.media import acquisition
from ei_compat.media.signals import SignalForm, csv_of, encode_signal, parse_csv, parse_signal
from ei_compat.media.wav import wav_of
from tests.ei_compat.made import signal

KEY = "0123456789abcdef0123456789abcdef"


def same(one: Signal, other: Signal) -> bool:
    return np.array_equal(one.values, other.values) and (one.interval_ms, one.axes) == (other.interval_ms, other.axes)


# Acquisition


@pytest.mark.parametrize("form", ["json", "cbor"])
@pytest.mark.parametrize("key", [None, KEY], ids=["unsigned", "signed"])
def test_acquisition_round_trip(form, key):
    made = replace(signal(), values=np.array([[1.5, -2.0], [-0.0, 1e-300], [2.0**60, 0.1]]))
    data = acquisition.encode(made, form=form, key=key)
    read = acquisition.decode(data, where="x")
    assert same(read.signal, made)
    assert np.signbit(read.signal.values[1, 0])
    assert (read.signal.device_type, read.signal.device_name, read.signal.recorded_at) == (
        "MADE",
        "number-one",
        1564128599,
    )
    assert read.signed == (key is not None)


@pytest.mark.parametrize("form", ["json", "cbor"])
def test_signing(form):
    data = acquisition.encode(signal(), form=form, key=KEY)
    decoded = json.loads(data) if form == "json" else cbor2.loads(data)
    given = decoded["signature"]
    unsigned = data.replace(given.encode(), b"0" * 64)
    assert given == hmac.new(KEY.encode(), unsigned, hashlib.sha256).hexdigest()
    assert acquisition.verify(data, KEY)
    assert not acquisition.verify(data, KEY[:-1])
    assert not acquisition.verify(data.replace(b"MADE", b"FAKE"), KEY)
    assert acquisition.sign(unsigned, KEY) == data


def test_a_document_without_a_signature_cannot_be_verified():
    with pytest.raises(FormatError, match="has no signature of 64 hexadecimal digits"):
        acquisition.verify(acquisition.encode(signal()), KEY)


@pytest.mark.parametrize("kind", sorted(acquisition.BINARY_TYPES))
def test_binary_payloads(kind):
    values = np.array([[0.0], [1.0], [100.0]])
    made = Signal(values, 1.0, (Axis("audio", "wav"),))
    data = acquisition.encode(made, form="cbor", key=KEY, binary=kind)
    assert data.endswith(values.astype(acquisition.BINARY_TYPES[kind]).tobytes())
    assert acquisition.verify(data, KEY)
    assert same(acquisition.decode(data, where="x").signal, made)


def test_binary_payloads_as_firmware_writes_them():
    """The reference padded with spaces, in capitals, the array ended by a break."""
    document = {"protected": {"ver": "v1", "alg": "none"}, "signature": ""} | {
        "payload": {"device_type": "T", "interval_ms": 1, "sensors": [{"name": "a", "units": "wav"}], "values": []}
    }
    header = cbor2.dumps(document)[:-1] + b"\x9f" + cbor2.dumps("Ref-BINARY-i16  ") + b"\xff"
    read = acquisition.decode(header + struct.pack("<3h", -1, 2, 300), where="x").signal
    assert read.values.tolist() == [[-1.0], [2.0], [300.0]]


def test_a_binary_payload_after_json():
    document = json.dumps(
        {"protected": {"ver": "v1", "alg": "none"}, "signature": "00"}
        | {"payload": {"interval_ms": 1, "sensors": [{"name": "a"}], "values": ["Ref-Binary-f32"]}}
    )
    read = acquisition.decode(document.encode() + b"\xff" + struct.pack("<2f", 0.5, -1), where="x").signal
    assert read.values.tolist() == [[0.5], [-1.0]]


def test_values_that_a_binary_type_cannot_hold_are_refused():
    with pytest.raises(DataError, match="values do not fit i8"):
        acquisition.encode(Signal(np.array([[300.0]]), 1.0, (Axis("a"),)), form="cbor", binary="i8")
    with pytest.raises(DataError, match="needs CBOR and one axis"):
        acquisition.encode(signal(), form="cbor", binary="i8")


def changed(**payload: object) -> bytes:
    document = json.loads(acquisition.encode(signal()))
    document["payload"] |= payload
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(values=[]), r"payload\.values: holds no value"),
        (changed(values=[[1, 2], [3]]), r"payload\.values\[1\]: has 1 values for 2 sensors"),
        (changed(values=[[1, 2], ["3", 4]]), r"payload\.values\[1\]: holds something that is not a number"),
        (changed(values=[[1, 2], [True, 4]]), r"payload\.values\[1\]: holds something that is not a number"),
        (changed(values=[[1, 10**400]]), "holds one that is too large"),
        (changed(sensors=[]), "names no sensor"),
        (changed(sensors=[{"units": "g"}]), r"payload\.sensors\[0\]\.name: field required"),
        (changed(interval_ms=-1), r"-1\.0 is no time"),
        (changed(interval_ms="x"), r"payload\.interval_ms: input should be a valid number"),
        (b'{"protected":{"ver":"v2","alg":"none"}}', r"protected\.ver: input should be 'v1'"),
        (b"{", "line 1 column 2: is not JSON"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"", "is neither JSON nor CBOR"),
        (b"\xa1", "is not CBOR"),
        (b"\x80", "is neither JSON nor CBOR"),
        (acquisition.encode(signal(), form="cbor") + b"x", "has bytes after its end"),
        (acquisition.encode(signal(), form="cbor") + b"\xffx", "has bytes after its end"),
        (acquisition.encode(signal()) + b"\xffx", "has bytes after its end"),
    ],
)
def test_bad_acquisitions(data, message):
    with pytest.raises(FormatError, match=message) as caught:
        acquisition.decode(data, where="file")
    assert str(caught.value).startswith("file")


def test_signals_are_limited():
    with pytest.raises(LimitError, match="more than 10 numbers"):
        acquisition.decode(acquisition.encode(signal()), where="x", limits=Limits(signal_values=10))


# CSV


@pytest.mark.parametrize(
    ("text", "values", "interval", "names"),
    [
        ("timestamp,x,y\n0,1,2\n10,3,4\n", [[1, 2], [3, 4]], 10, ["x", "y"]),
        ("Timestamp;x\r\n5;1e3\r\n", [[1000]], 0, ["x"]),
        ("\ufefftimestamp\tx\n0\t1\n3\t2\n7\t3\n10\t4\n", [[1], [2], [3], [4]], 10 / 3, ["x"]),
        ("x,y\n1,2\n", [[1, 2]], 0, ["x", "y"]),
    ],
    ids=["commas", "semicolons", "rounded times", "one row without a time"],
)
def test_csv(text, values, interval, names):
    read = parse_csv(text.encode(), where="x")
    assert read.values.tolist() == values
    assert read.interval_ms == pytest.approx(interval)
    assert [axis.name for axis in read.axes] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n1\n2\n", "has 2 rows but no first column 'timestamp'"),
        ("timestamp,x\n0,1\n10,2\n40,3\n", "row 3: timestamps do not rise by a constant step"),
        ("timestamp,x\n10,1\n0,2\n", "timestamps do not rise"),
        ("timestamp,x\n0,1\n1,a\n", "row 3: holds something that is not a number"),
        ("timestamp,x\n0,1\n1\n", "row 3: has 1 columns, not 2"),
        ("timestamp,x\n0,nan\n", "not finite"),
        ("timestamp\n0\n", "no named column"),
        ("timestamp,x\n", "has no row"),
        ("", "is not CSV"),
        ('timestamp,"' + "x" * 200_000 + '"\n0,1\n', "is not CSV: field larger"),
    ],
)
def test_bad_csv(text, message):
    with pytest.raises(FormatError, match=message):
        parse_csv(text.encode(), where="file")


@pytest.mark.parametrize("form", [SignalForm.CSV, SignalForm.WAV])
def test_values_survive_plain_forms(form):
    made = Signal(np.random.RandomState(1).randint(-999, 999, (40, 2)).astype(float), 0.0625, (Axis("a"), Axis("b")))
    read = parse_signal(encode_signal(made, form), f".{form}", where="x")
    assert np.array_equal(read.values, made.values)
    assert read.interval_ms == made.interval_ms


def test_what_plain_forms_cannot_hold():
    odd = Signal(np.array([[0.1], [0.2]]), 3.3, (Axis("a"),))
    with pytest.raises(DataError, match="is no whole sample rate"):
        wav_of(odd)
    with pytest.raises(DataError, match="values do not fit 32-bit float audio"):
        wav_of(replace(odd, interval_ms=1.0))
    with pytest.raises(DataError, match="has no interval between its rows"):
        csv_of(replace(odd, interval_ms=0.0))


@pytest.mark.parametrize("form", list(SignalForm))
def test_what_no_form_can_hold(form):
    for values in (np.array([[np.nan]]), np.array([[np.inf]]), np.zeros((0, 1))):
        with pytest.raises(DataError, match="is empty or holds a value that is not finite"):
            encode_signal(Signal(values, 1.0, (Axis("a"),)), form)
