"""Signals in files: acquisition JSON and CBOR, CSV with timestamps, WAV."""

from __future__ import annotations

import csv
import io
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from ei_compat import acquisition
from ei_compat.dataset import ArrayRow, Axis, FilePayload, Payload, Signal
from ei_compat.errors import DataError, FormatError, LimitError
from ei_compat.limits import DEFAULT_LIMITS, Limits
from ei_compat.parsing import read_limited

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIMESTAMP = "timestamp"
FULL_SCALE = 32768  # audio is in steps of 16 bits, whatever the file's own width
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE  # WAV format tags


class SignalForm(StrEnum):
    """How a signal is stored in a file; the value is the extension."""

    JSON = "json"
    CBOR = "cbor"
    CSV = "csv"
    WAV = "wav"


def read_signal(payload: Payload, limits: Limits = DEFAULT_LIMITS) -> Signal:
    """A sample's signal, parsed by its file's extension.

    Raises:
        FormatError: for a damaged file.
        DataError: when the payload is no signal.
    """
    match payload:
        case Signal():
            return payload
        case ArrayRow():
            raise DataError("a row of an array is no signal", where=f"row {payload.index}")
        case FilePayload():
            data = read_limited(payload.path, limits.file_bytes, option="file_bytes")
            return parse_signal(data, payload.suffix, where=str(payload.path), limits=limits)


def parse_signal(data: bytes, suffix: str, *, where: str, limits: Limits = DEFAULT_LIMITS) -> Signal:
    """A signal's file, parsed by its extension."""
    match suffix:
        case ".json" | ".cbor":
            return acquisition.decode(data, where=where, limits=limits).signal
        case ".csv" | ".txt":
            return parse_csv(data, where=where, limits=limits)
        case ".wav":
            return parse_wav(data, where=where, limits=limits)
    raise DataError(f"extension {suffix!r} is not one of a signal", where=where)


def encode_signal(signal: Signal, form: SignalForm, *, key: str | None = None) -> bytes:
    """A signal as a file's content; `key` signs the two acquisition forms.

    Raises:
        DataError: when the form cannot hold the signal.
    """
    match form:
        case SignalForm.JSON | SignalForm.CBOR:
            encoding: Literal["json", "cbor"] = "json" if form is SignalForm.JSON else "cbor"
            return acquisition.encode(signal, form=encoding, key=key)
        case SignalForm.CSV:
            return csv_of(signal)
        case SignalForm.WAV:
            return wav_of(signal)


def parse_csv(data: bytes, *, where: str, limits: Limits = DEFAULT_LIMITS) -> Signal:
    """A CSV file: first column `timestamp` in ms at a constant step, one further column per axis.

    Without a timestamp it may hold a single row. Columns are separated by comma, semicolon or tab.
    """
    import numpy as np

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8 text", where=f"{where}, byte {error.start}") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row]
    except (csv.Error, ValueError) as error:
        raise FormatError(f"is not CSV: {error}", where=where) from None
    timed = header[0].strip().lower() == TIMESTAMP
    if len(header) * len(rows) > limits.signal_values:
        raise LimitError(f"more than {limits.signal_values:,} numbers", where=where, fix="raise Limits.signal_values")
    axes = tuple(Axis(name.strip()) for name in header[timed:])
    if not rows or not axes or not all(axis.name for axis in axes):
        raise FormatError("has no row or no named column", where=where)
    if not timed and len(rows) > 1:
        raise FormatError(f"has {len(rows)} rows but no first column {TIMESTAMP!r}", where=where)
    values = np.empty((len(rows), len(header)))
    for index, row in enumerate(rows):
        if len(row) != len(header):
            raise FormatError(f"has {len(row)} columns, not {len(header)}", where=f"{where}, row {index + 2}")
        try:
            values[index] = [float(cell) for cell in row]
        except ValueError:
            raise FormatError("holds something that is not a number", where=f"{where}, row {index + 2}") from None
    if not np.isfinite(values).all():
        raise FormatError("holds a value that is not finite", where=where)
    interval = _step(values[:, 0], where=where) if timed else 0.0
    return Signal(np.ascontiguousarray(values[:, timed:]), interval, axes)


def _step(times: NDArray[np.float64], *, where: str) -> float:
    """The constant step of timestamps, which may be rounded to whole milliseconds."""
    import numpy as np

    if len(times) == 1:
        return 0.0
    step = float(times[-1] - times[0]) / (len(times) - 1)
    grid = times[0] + step * np.arange(len(times))
    rounding = 0.5 if np.all(times == np.rint(times)) else 0.0
    off = np.abs(times - grid) > max(rounding, abs(step) * 0.01) + 1e-9
    if not (step > 0 and np.isfinite(step)) or off.any():
        row = int(np.argmax(off)) + 2
        raise FormatError("timestamps do not rise by a constant step", where=f"{where}, row {row}")
    steps = np.diff(times)
    return float(steps[0]) if np.all(steps == steps[0]) else step


def csv_of(signal: Signal) -> bytes:
    """The CSV file of a signal; a single row without an interval has no timestamp. Units and device are lost."""
    acquisition.check_finite(signal)
    timed = signal.interval_ms > 0 or len(signal.values) > 1
    if timed and len(signal.values) > 1 and signal.interval_ms <= 0:
        raise DataError("has no interval between its rows", where="signal")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([TIMESTAMP] * timed + [axis.name for axis in signal.axes])
    for index, row in enumerate(signal.values.tolist()):
        writer.writerow([repr(index * signal.interval_ms)] * timed + [repr(value) for value in row])
    return stream.getvalue().encode()


@dataclass(frozen=True, slots=True)
class _WavFormat:
    tag: int
    channels: int
    rate: int
    bits: int


def parse_wav(data: bytes, *, where: str, limits: Limits = DEFAULT_LIMITS) -> Signal:
    """A WAV file, PCM of 8 to 32 bits or float of 32 or 64, in steps of 16 bits (full scale is 32768)."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise FormatError("is not a WAV file", where=where)
    at, layout = 12, None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt ":
            layout = _wav_format(body, where=where)
        elif name == b"data":
            if layout is None:
                raise FormatError("has its data before its format", where=f"{where}, byte {at}")
            if len(body) < size and size != 0xFFFFFFFF:  # the largest size marks a stream of unknown length
                raise FormatError(f"is cut short, {size - len(body)} bytes are missing", where=f"{where}, byte {at}")
            values = _wav_values(body, layout, where=where, limits=limits)
            names = ["audio"] if layout.channels == 1 else [f"audio{i}" for i in range(layout.channels)]
            return Signal(values, 1000 / layout.rate, tuple(Axis(name, "wav") for name in names))
        at += 8 + size + size % 2
    raise FormatError("has no data", where=where)


def _wav_format(body: bytes, *, where: str) -> _WavFormat:
    if len(body) < 16:
        raise FormatError("has a format that is cut short", where=where)
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    known = {_PCM: {8, 16, 24, 32}, _FLOAT: {32, 64}}
    if bits not in known.get(tag, set()) or not 1 <= channels <= 64 or rate == 0:
        raise FormatError(f"format {tag} of {channels} channels, {rate} Hz, {bits} bits is not supported", where=where)
    return _WavFormat(tag, channels, rate, bits)


def _wav_values(body: bytes, layout: _WavFormat, *, where: str, limits: Limits) -> NDArray[np.float64]:
    import numpy as np

    width = layout.bits // 8
    count = len(body) // width // layout.channels * layout.channels
    if count > limits.signal_values:
        raise LimitError(f"more than {limits.signal_values:,} numbers", where=where, fix="raise Limits.signal_values")
    if count == 0:
        raise FormatError("holds no value", where=where)
    raw = np.frombuffer(body, np.uint8, count * width)
    if layout.tag == _FLOAT:
        values = raw.view(f"<f{width}").astype(np.float64) * FULL_SCALE
        if not np.isfinite(values).all():
            raise FormatError("holds a value that is not finite", where=where)
    elif width == 1:
        values = (raw.astype(np.float64) - 128) * 256
    else:
        wide = np.zeros((count, 4), np.uint8)
        wide[:, 4 - width :] = raw.reshape(count, width)
        values = wide.view("<i4").ravel() / 65536
    return values.reshape(-1, layout.channels)


def wav_of(signal: Signal) -> bytes:
    """The WAV file of a signal: 16-bit PCM where every value is a whole step, else 32-bit float.

    Raises:
        DataError: when the interval is no whole number of samples per second, or float cannot hold a value.
    """
    import numpy as np

    acquisition.check_finite(signal)
    rate = round(1000 / signal.interval_ms) if signal.interval_ms > 0 else 0
    if rate == 0 or abs(1000 / rate - signal.interval_ms) > signal.interval_ms * 1e-6:
        raise DataError(f"an interval of {signal.interval_ms} ms is no whole sample rate", where="signal")
    values, channels = signal.values, len(signal.axes)
    if np.all(values == np.rint(values)) and values.min() >= -FULL_SCALE and values.max() < FULL_SCALE:
        tag, stored = _PCM, values.astype("<i2")
    else:
        tag, stored = _FLOAT, (values / FULL_SCALE).astype("<f4")
        if not np.array_equal(stored.astype(np.float64) * FULL_SCALE, values):
            raise DataError("values do not fit 32-bit float audio", where="signal", fix="use json or cbor")
    width, body = stored.dtype.itemsize, stored.tobytes()
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, width * 8)
    chunks = b"fmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(body)) + body
    chunks += b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
