"""Edge Impulse's data acquisition format: a signal as JSON or CBOR, signed with HMAC-SHA256 or not.

The signature is over the whole document with 64 zeros in the signature's place. A CBOR document may end in a binary
payload: its `values` is then `["Ref-Binary-i16"]` (or another type, padded with spaces at will), an array of
indefinite length, so that the header ends in 0xFF; the numbers follow, little endian.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.parsing import parse_json, typed
from ei_compat.dataset.dataset import Axis, Signal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ZEROS = "0" * 64
BINARY_TYPES = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "i8": "<i1", "i16": "<i2", "i32": "<i4", "f32": "<f4"}
END_OF_HEADER = 0xFF
_BINARY_REFERENCE = re.compile(r"ref-binary-([uif]\d+) *", re.IGNORECASE)
# Where the signature stands, in either encoding.
_SIGNATURE = re.compile(rb'"signature"\s*:\s*"([0-9a-fA-F]{64})"|isignaturex@([0-9a-fA-F]{64})')


@dataclass(frozen=True, slots=True)
class _Protected:
    ver: Literal["v1"]
    alg: Literal["HS256", "none"]
    iat: float | None = None


@dataclass(frozen=True, slots=True)
class _Sensor:
    name: str
    units: str = "N/A"


@dataclass(frozen=True, slots=True)
class _Payload:
    interval_ms: float
    sensors: list[_Sensor]
    values: list[Any]
    device_type: str = ""
    device_name: str | None = None


@dataclass(frozen=True, slots=True)
class _Document:
    protected: _Protected
    payload: _Payload
    signature: str | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Parsed acquisition document.

    Attributes:
        signal: what was recorded.
        signed: whether it says that it is signed; `verify` tells whether that is true.
    """

    signal: Signal
    signed: bool


def decode(data: bytes, *, where: str, limits: Limits = DEFAULT_LIMITS) -> Acquisition:
    """Parses a document of either encoding.

    Raises:
        FormatError: with the field or position at fault.
        LimitError: when it holds more numbers than `limits.signal_values`.
    """
    document, binary = _parse(data, where=where)
    checked = typed(_Document, document, where=where)
    payload = checked.payload
    if not payload.sensors:
        raise FormatError("names no sensor", where=f"{where}, payload.sensors")
    if not (math.isfinite(payload.interval_ms) and payload.interval_ms >= 0):
        raise FormatError(f"{payload.interval_ms} is no time", where=f"{where}, payload.interval_ms")
    reference = _binary_type(payload.values)
    if reference is None and binary:
        raise FormatError("has bytes after its end", where=f"{where}, byte {len(data) - len(binary)}")
    axes = tuple(Axis(sensor.name, sensor.units) for sensor in payload.sensors)
    if reference is None:
        values = numbers(payload.values, len(axes), where=f"{where}, payload.values", limits=limits)
    else:
        values = _binary_values(binary, reference, len(axes), where=where, limits=limits)
    signal = Signal(
        values,
        payload.interval_ms,
        axes,
        device_type=payload.device_type,
        device_name=payload.device_name or "",
        recorded_at=checked.protected.iat,
    )
    return Acquisition(signal, signed=checked.protected.alg == "HS256")


def _parse(data: bytes, *, where: str) -> tuple[Any, bytes]:
    """The document, and what follows it."""
    if data[:1] in {b"{", b" ", b"\n", b"\r", b"\t", b"\xef"}:
        text, separator, binary = data.partition(bytes([END_OF_HEADER]))  # no byte of UTF-8 text is 0xFF
        try:
            return parse_json(text.decode("utf-8-sig"), where=where), binary if separator else b""
        except UnicodeDecodeError as error:
            raise FormatError("is not UTF-8 text", where=f"{where}, byte {error.start}") from None
    return _parse_cbor(data, where=where)


def _parse_cbor(data: bytes, *, where: str) -> tuple[Any, bytes]:
    import cbor2

    if not data or data[0] >> 5 != 5:  # a map, as every document is
        raise FormatError("is neither JSON nor CBOR of the acquisition format", where=where)
    stream = io.BytesIO(data)
    try:
        document = cbor2.CBORDecoder(stream).decode()
    except Exception as error:  # the decoder raises many kinds on damaged input
        raise FormatError(f"is not CBOR: {error}", where=f"{where}, byte {stream.tell()}") from None
    end = stream.tell()
    if end < len(data) and data[end - 1] != END_OF_HEADER:
        if data[end] != END_OF_HEADER:
            raise FormatError("has bytes after its end", where=f"{where}, byte {end}")
        end += 1
    return document, data[end:]


def _binary_type(values: list[Any]) -> str | None:
    """The type in `["Ref-Binary-…"]`; None for plain numbers."""
    if len(values) == 1 and isinstance(values[0], str) and (match := _BINARY_REFERENCE.fullmatch(values[0])):
        return match[1].lower()
    return None


def _binary_values(binary: bytes, kind: str, axes: int, *, where: str, limits: Limits) -> NDArray[np.float64]:
    import numpy as np

    if kind not in BINARY_TYPES or axes != 1:
        raise FormatError(f"binary type {kind!r} with {axes} sensors cannot be", where=f"{where}, payload.values")
    stored = np.dtype(BINARY_TYPES[kind])
    if len(binary) % stored.itemsize or not binary:
        raise FormatError(f"{len(binary)} bytes are no whole number of {kind}", where=f"{where}, binary payload")
    if len(binary) // stored.itemsize > limits.signal_values:
        raise LimitError(f"more than {limits.signal_values:,} numbers", where=where, fix="raise Limits.signal_values")
    values = np.frombuffer(binary, stored).astype(np.float64).reshape(-1, 1)
    if not np.isfinite(values).all():
        raise FormatError("holds a value that is not finite", where=f"{where}, binary payload")
    return values


def numbers(rows: list[Any], axes: int, *, where: str, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.float64]:
    """A list of rows, or of numbers where there is one axis, as float64 [T, axes].

    Raises:
        FormatError: for anything that is not a finite number, or a row of another length.
        LimitError: when there are more than `limits.signal_values`.
    """
    import numpy as np

    if len(rows) * axes > limits.signal_values:
        raise LimitError(f"more than {limits.signal_values:,} numbers", where=where, fix="raise Limits.signal_values")
    if not rows:
        raise FormatError("holds no value", where=where)
    for index, row in enumerate(rows):
        cells = row if isinstance(row, list) else [row]
        if len(cells) != axes:
            raise FormatError(f"has {len(cells)} values for {axes} sensors", where=f"{where}[{index}]")
        if not {type(cell) for cell in cells} <= {int, float}:
            raise FormatError("holds something that is not a number", where=f"{where}[{index}]")
    try:
        flat = [cell for row in rows for cell in row] if isinstance(rows[0], list) else rows
        values = np.array(flat, np.float64).reshape(len(rows), axes)
    except (ValueError, TypeError, OverflowError):  # rows mixed with numbers, or an integer that no float holds
        raise FormatError("mixes rows and numbers, or holds one that is too large", where=where) from None
    if not np.isfinite(values).all():
        raise FormatError("holds a value that is not finite", where=where)
    return values


def encode(
    signal: Signal, *, form: Literal["json", "cbor"] = "json", key: str | None = None, binary: str | None = None
) -> bytes:
    """A signal as a document.

    Args:
        signal: at least one row.
        form: the encoding.
        key: the project's HMAC key, to sign with; unsigned where None.
        binary: a type such as `i16` to append the numbers as bytes in, CBOR and one axis only.

    Raises:
        DataError: when a value is not finite, or the binary type cannot hold one exactly.
    """
    check_finite(signal)
    protected: dict[str, Any] = {"ver": "v1", "alg": "none" if key is None else "HS256"}
    if signal.recorded_at is not None:
        protected["iat"] = _plain(signal.recorded_at)
    payload: dict[str, Any] = {"device_name": signal.device_name} if signal.device_name else {}
    payload |= {"device_type": signal.device_type, "interval_ms": _plain(signal.interval_ms)}
    payload["sensors"] = [{"name": axis.name, "units": axis.units} for axis in signal.axes]
    document = {"protected": protected, "signature": "00" if key is None else ZEROS, "payload": payload}
    if binary is not None:
        data = _encode_binary(document, signal, binary, form)
    else:
        payload["values"] = [[_plain(value) for value in row] for row in signal.values.tolist()]
        data = _encode(document, form)
    return data if key is None else sign(data, key)


def check_finite(signal: Signal) -> None:
    """Raises DataError for a signal that no file can hold: without a value, or with one that is not finite."""
    import numpy as np

    if not signal.values.size or not np.isfinite(signal.values).all() or not math.isfinite(signal.interval_ms):
        raise DataError("is empty or holds a value that is not finite", where="signal")


def _plain(value: float) -> int | float:
    """A whole number without its point, which is shorter in both encodings."""
    return int(value) if value == int(value) and abs(value) < 2**53 and math.copysign(1, value) > 0 else float(value)


def _encode(document: dict[str, Any], form: str) -> bytes:
    if form == "json":
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    import cbor2

    return cbor2.dumps(document)


def _encode_binary(document: dict[str, Any], signal: Signal, kind: str, form: str) -> bytes:
    import cbor2
    import numpy as np

    if kind not in BINARY_TYPES or len(signal.axes) != 1 or form != "cbor":
        raise DataError(f"binary type {kind!r} needs CBOR and one axis", where="signal")
    with np.errstate(invalid="ignore", over="ignore"):
        stored = signal.values.astype(BINARY_TYPES[kind])
    if not np.array_equal(stored.astype(np.float64), signal.values):
        raise DataError(f"values do not fit {kind}", where="signal", fix="use another type or plain numbers")
    document["payload"]["values"] = []
    header = cbor2.dumps(document)  # ends in the empty array, 0x80, which becomes one of indefinite length
    reference = b"\x9f" + cbor2.dumps(f"Ref-Binary-{kind}") + bytes([END_OF_HEADER])
    return header[:-1] + reference + stored.tobytes()


def sign(data: bytes, key: str) -> bytes:
    """Signs a document whose signature is 64 hexadecimal digits, whatever they are, in place.

    Raises:
        FormatError: when it has no such signature.
    """
    start, end = _signature_place(data)
    return data[:start] + _mac(data, start, end, key) + data[end:]


def verify(data: bytes, key: str) -> bool:
    """Whether a document is signed with this key.

    Raises:
        FormatError: when it has no signature of 64 hexadecimal digits.
    """
    start, end = _signature_place(data)
    return hmac.compare_digest(_mac(data, start, end, key), data[start:end].lower())


def _mac(data: bytes, start: int, end: int, key: str) -> bytes:
    unsigned = data[:start] + ZEROS.encode() + data[end:]
    return hmac.new(key.encode(), unsigned, hashlib.sha256).hexdigest().encode()


def _signature_place(data: bytes) -> tuple[int, int]:
    match = _SIGNATURE.search(data)
    if match is None or match.lastindex is None:
        raise FormatError("has no signature of 64 hexadecimal digits", where="signature")
    return match.span(match.lastindex)
