"""WAV: signals as audio, read from whatever wrote the file.

A recorder that cannot go back (a pipe of sox, ffmpeg or arecord, a phone whose battery ran out) leaves a data size of
0, 0x7ffff000, 0xffffffff or another that is too large. As with sox and libsndfile, the sound then goes to the end of
the file, and a warning says so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import Axis, Signal
from ei_compat.media import acquisition

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FULL_SCALE = 32768  # audio is in steps of 16 bits, whatever the file's own width
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE  # format tags
_NAMES = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM", 0x50: "MPEG", 0x55: "MP3"}
_CONTAINERS = b"RIFF", b"RF64", b"BW64"  # the later two hold sizes of 64 bits in a chunk `ds64`
_HEAD = 8  # bytes of a chunk's name and size


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    rate: int
    bits: int

    @property
    def frame(self) -> int:
        """Bytes of one value of every channel."""
        return self.bits // 8 * self.channels


def parse_wav(data: bytes, *, where: str, limits: Limits = DEFAULT_LIMITS, progress: Progress = SILENT) -> Signal:
    """A WAV file, PCM of 8 to 32 bits or float of 32 or 64, in steps of 16 bits (full scale is 32768).

    Args:
        data: the whole file.
        where: names it in messages.
        limits: `signal_values` bounds the numbers.
        progress: is warned where the header's size is not true.

    Raises:
        FormatError: for a file that is no such WAV, or holds no value.
    """
    if data[:4] not in _CONTAINERS or data[8:12] != b"WAVE":
        what = f"is not a WAV file (RIFF, WAVE), it begins with {data[:12]!r}"
        raise FormatError(what, where=where, fix="store it as PCM of 16 bits")
    layout, long_size = None, 0
    for name, at, size in _chunks(data, 12):
        body = data[at : at + size]
        if name == b"ds64":
            long_size = int.from_bytes(body[8:16], "little")
        elif name == b"fmt ":
            layout = _format(body, where=where)
        elif name == b"data":
            if layout is None:
                raise FormatError("has its data before its format", where=f"{where}, byte {at - _HEAD}")
            size = long_size if size == 0xFFFFFFFF and long_size else size
            body, note = _sound(data, at, size, layout)
            if note:
                progress.warn(f"{where}: {note}")
            names = ["audio"] if layout.channels == 1 else [f"audio{i}" for i in range(layout.channels)]
            values = _values(body, layout, where=where, limits=limits)
            return Signal(values, 1000 / layout.rate, tuple(Axis(axis, "wav") for axis in names))
    raise FormatError("has no data", where=where)


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its body begins, its size as it says) of every chunk from `at` on.

    Bodies of an odd size are followed by a byte that some writers forget.
    """
    while at + _HEAD <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + _HEAD], "little")
        yield name, at + _HEAD, size
        at += _HEAD + size
        if size % 2 and not (data[at : at + 1] != b"\0" and _is_name(data[at : at + 4])):
            at += 1


def _is_name(text: bytes) -> bool:
    return len(text) == 4 and text.isascii() and all(32 <= byte < 127 for byte in text)


def _sound(data: bytes, at: int, size: int, layout: _Format) -> tuple[bytes, str]:
    """The bytes of the sound that begins at `at`, and what is to be said of them."""
    rest = len(data) - at
    if size > rest or (size == 0 and rest and not _ends_in_chunks(data, at)):
        missing = rest % layout.frame
        note = f"its header tells of {size:,} bytes of sound, {rest:,} follow and are read"
        return data[at:], note + (f"; the last {missing} are no whole value" if missing else "")
    after = at + size + size % 2
    if after < len(data) and not _ends_in_chunks(data, after) and not _ends_in_chunks(data, at + size):
        return data[at : at + size], f"{len(data) - after:,} bytes after the sound are no part of it and are not read"
    if size % layout.frame:
        return data[at : at + size], f"the last {size % layout.frame} bytes of the sound are no whole value"
    return data[at : at + size], ""


def _ends_in_chunks(data: bytes, at: int) -> bool:
    """Whether nothing but whole chunks follows from `at` to the end of the file, or a few zeros that fill it up."""
    if not data[at:].strip(b"\0"):
        return len(data) - at <= _HEAD
    for name, body, size in _chunks(data, at):
        if not _is_name(name):
            return False
        at = body + size
    return at in {len(data), len(data) - 1}


def _format(body: bytes, *, where: str) -> _Format:
    if len(body) < 16:
        raise FormatError("has a format that is cut short", where=where)
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = int.from_bytes(body[24:26], "little")
    known = {_PCM: {8, 16, 24, 32}, _FLOAT: {32, 64}}
    if bits not in known.get(tag, set()) or not 1 <= channels <= 64 or rate == 0:
        name = f" ({_NAMES[tag]})" if tag in _NAMES else ""
        what = f"format {tag}{name} of {channels} channels, {rate} Hz, {bits} bits is not supported"
        raise FormatError(what, where=where, fix="store it as PCM of 16 bits")
    return _Format(tag, channels, rate, bits)


def _values(body: bytes, layout: _Format, *, where: str, limits: Limits) -> NDArray[np.float64]:
    import numpy as np

    width = layout.bits // 8
    count = len(body) // layout.frame * layout.channels
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
