"""Signals in files: acquisition JSON and CBOR, CSV with timestamps, WAV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.parsing import read_limited
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import SIGNAL_SUFFIXES, ArrayRow, Axis, FilePayload, Interval, Payload, Signal
from ei_compat.media import acquisition
from ei_compat.media.timestamps import interval_of, rounding_unit
from ei_compat.media.wav import parse_wav, wav_of

TIMESTAMP = "timestamp"


class SignalForm(StrEnum):
    """File format of a stored signal; the value is the extension."""

    JSON = "json"
    CBOR = "cbor"
    CSV = "csv"
    WAV = "wav"


def read_signal(payload: Payload, limits: Limits = DEFAULT_LIMITS, progress: Progress = SILENT) -> Signal:
    """A sample's signal, parsed by its file's extension; `progress` is warned of a header that is not true.

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
            return parse_signal(data, payload.suffix, where=str(payload.path), limits=limits, progress=progress)


def check_intervals(intervals: Sequence[Interval], payload: Payload, limits: Limits, *, where: str) -> None:
    """Holds intervals against the signal that they speak of; a file that is no signal, or a broken one, is passed over.

    Raises:
        FormatError: when one ends behind the signal's last row.
    """
    if not intervals or not isinstance(payload, FilePayload) or payload.suffix not in SIGNAL_SUFFIXES:
        return
    try:
        rows = len(read_signal(payload, limits).values)
    except DataError:  # whoever reads the signal says what is wrong with it
        return
    last = max(intervals, key=lambda interval: interval.end)
    if last.end >= rows:
        raise FormatError(f"interval {last.start} to {last.end} ends behind the last row, {rows - 1}", where=where)


def parse_signal(
    data: bytes, suffix: str, *, where: str, limits: Limits = DEFAULT_LIMITS, progress: Progress = SILENT
) -> Signal:
    """A signal's file, parsed by its extension."""
    match suffix:
        case ".json" | ".cbor":
            return acquisition.decode(data, where=where, limits=limits).signal
        case ".csv" | ".txt":
            return parse_csv(data, where=where, limits=limits)
        case ".wav":
            return parse_wav(data, where=where, limits=limits, progress=progress)
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

    The stamps may be rounded, to whole milliseconds or any decimal. Without a timestamp the file may hold a single row.
    Columns are separated by comma, semicolon or tab.
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
    interval = interval_of(values[:, 0], rounding_unit([row[0] for row in rows]), where=where) if timed else 0.0
    return Signal(np.ascontiguousarray(values[:, timed:]), interval, axes)


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
