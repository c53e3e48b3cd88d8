"""WAV files, also those whose headers are not true."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ei_compat.core.errors import FormatError
from ei_compat.media.wav import parse_wav, wav_of
from tests.ei_compat.made import Heard

SOUND = struct.pack("<160h", *range(160))


def wav(bits: int, body: bytes, tag: int = 1, channels: int = 1, claimed: int | None = None) -> bytes:
    width = bits // 8 * channels
    layout = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * width, width, bits)
    chunks = b"LIST\x03\0\0\0abc\0fmt " + struct.pack("<I", 16) + layout
    chunks += b"data" + struct.pack("<I", len(body) if claimed is None else claimed) + body
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (wav(8, bytes([128, 0, 255])), [[0], [-32768], [32512]]),
        (wav(16, struct.pack("<2h", -5, 1000)), [[-5], [1000]]),
        (wav(24, b"\0\1\0\0\0\x80"), [[1], [-32768]]),
        (wav(32, struct.pack("<2i", 65536, -1)), [[1], [-1 / 65536]]),
        (wav(32, struct.pack("<2f", 0.5, -1), 3), [[16384], [-32768]]),
        (wav(64, struct.pack("<1d", 0.25), 3), [[8192]]),
        (wav(16, struct.pack("<4h", 1, 2, 3, 4), channels=2), [[1, 2], [3, 4]]),
        (wav(16, struct.pack("<2h", 7, 8), claimed=0xFFFFFFFF), [[7], [8]]),
    ],
    ids=["8 bit", "16 bit", "24 bit", "32 bit", "float", "double", "stereo", "stream of unknown length"],
)
def test_wav(data, expected):
    read = parse_wav(data, where="x")
    assert read.values.tolist() == expected
    assert read.interval_ms == 0.125
    assert parse_wav(wav_of(read), where="x").values.tolist() == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RIFX", "is not a WAV file"),
        (b"ID3\x03\0\0\0\0\0\0", "is not a WAV file"),
        (b"#!AMR\n<", "is not a WAV file .* begins with b'#!AMR"),
        (wav(16, b""), "holds no value"),
        (wav(12, b"\0\0"), "12 bits is not supported"),
        (wav(16, b"\0\0", tag=7), r"format 7 \(mu-law\) .* is not supported"),
        (wav(4, b"\0\0", tag=0x11), r"format 17 \(IMA ADPCM\) .* is not supported"),
        (wav(16, b"\0\0", channels=0), "0 channels"),
        (wav(32, struct.pack("<f", float("nan")), 3), "not finite"),
        (wav(16, b"\0\0")[:50], "has no data"),
        (b"RIFF\0\0\0\0WAVEdata\2\0\0\0\0\0", "has its data before its format"),
    ],
)
def test_bad_wav(data, message):
    with pytest.raises(FormatError, match=message):
        parse_wav(data, where="file")


def chunk(name: bytes, body: bytes, claimed: int | None = None, *, padded: bool = True) -> bytes:
    size = len(body) if claimed is None else claimed
    return name + struct.pack("<I", size) + body + b"\0" * (len(body) % 2 if padded else 0)


def file_of(*chunks: bytes, riff: bytes = b"RIFF", claimed: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return riff + struct.pack("<I", len(body) if claimed is None else claimed) + body


def layout(channels: int = 1, bits: int = 16, rate: int = 16000) -> bytes:
    width = bits // 8 * channels
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * width, width, bits))


PLAIN = layout()
INFO = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf59.27.100\0")
BIG = 0xFFFFFFFF
DS64 = chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 160, 0))


@pytest.mark.parametrize(
    "data",
    [
        file_of(PLAIN, chunk(b"data", SOUND, 0x7FFFF000), claimed=0x7FFFF024),
        file_of(PLAIN, INFO, chunk(b"data", SOUND, BIG), claimed=BIG),
        file_of(PLAIN, chunk(b"data", SOUND, 0), claimed=0),
        file_of(PLAIN, chunk(b"data", SOUND, 0), claimed=36),
        file_of(PLAIN, chunk(b"data", SOUND, 0x80000000 - 44), claimed=0x80000000 - 8),
        file_of(PLAIN, chunk(b"data", SOUND, 0x7FFFFFFF)),
        file_of(PLAIN, chunk(b"data", SOUND, len(SOUND) + 1024), claimed=len(SOUND) + 1060),
        file_of(layout(), chunk(b"fact", b"\xa0\0\0\0"), chunk(b"data", SOUND, BIG - 3)),
        file_of(chunk(b"JUNK", bytes(28)), PLAIN, chunk(b"data", SOUND, BIG), claimed=0),
        file_of(PLAIN, chunk(b"LIST", b"INFOabc"), chunk(b"data", SOUND, BIG)),
        file_of(chunk(b"ds64", bytes(28)), PLAIN, chunk(b"data", SOUND, BIG), riff=b"RF64", claimed=BIG),
    ],
    ids=[
        *("sox to a pipe", "ffmpeg to a pipe", "sizes never filled in", "a recorder that lost power", "arecord"),
        *("gstreamer", "a download that was cut", "a fact chunk", "junk first", "an odd list", "64 bits never filled"),
    ],
)
def test_a_size_that_is_not_true_is_read_to_the_end_with_a_warning(data):
    heard = Heard()
    read = parse_wav(data, where="one.wav", progress=heard)
    assert read.values.ravel().tolist() == list(range(160))
    (warning,) = heard.warnings
    assert warning.startswith("one.wav: its header tells of ")
    assert "320 follow and are read" in warning


@pytest.mark.parametrize(
    "data",
    [
        file_of(PLAIN, chunk(b"data", SOUND)),
        file_of(PLAIN, chunk(b"data", SOUND), claimed=0),
        file_of(PLAIN, chunk(b"data", SOUND), claimed=BIG),
        file_of(PLAIN, INFO, chunk(b"data", SOUND), INFO, chunk(b"id3 ", b"ID3abc")),
        file_of(chunk(b"LIST", b"INFOabc", padded=False), PLAIN, chunk(b"data", SOUND)),
        file_of(DS64, PLAIN, chunk(b"data", SOUND, BIG), INFO, riff=b"RF64", claimed=BIG),
        file_of(DS64, PLAIN, chunk(b"data", SOUND, BIG), riff=b"BW64", claimed=BIG),
        file_of(PLAIN, chunk(b"data", SOUND)) + b"\0",
    ],
    ids=[
        *("plain", "no size of the file", "the largest size of the file", "lists on both sides", "a list unpadded"),
        *("RF64", "BW64", "a byte to fill it up"),
    ],
)
def test_a_size_that_is_true_is_kept_without_a_word(data):
    heard = Heard()
    assert parse_wav(data, where="x", progress=heard).values.ravel().tolist() == list(range(160))
    assert heard.warnings == []


@pytest.mark.parametrize(
    ("data", "values", "warning"),
    [
        (file_of(PLAIN, chunk(b"data", SOUND)) + b"TAG" + bytes(125), 160, "128 bytes after the sound"),
        (file_of(PLAIN, chunk(b"data", SOUND)) + bytes(512), 160, "512 bytes after the sound"),
        (file_of(PLAIN, chunk(b"data", SOUND + b"\1")), 160, "the last 1 bytes of the sound are no whole value"),
        (file_of(layout(2), chunk(b"data", SOUND + b"\1\1", BIG)), 160, "the last 2 are no whole value"),
        (file_of(PLAIN, chunk(b"data", SOUND)) + SOUND, 160, "320 bytes after the sound"),
    ],
    ids=["an ID3 tag", "filled up to a sector", "half a value", "half a frame", "recorded on after the header"],
)
def test_what_is_not_read_of_a_wav_is_said(data, values, warning):
    heard = Heard()
    assert parse_wav(data, where="x", progress=heard).values.size == values
    (line,) = heard.warnings
    assert warning in line


def test_an_empty_recording_is_refused_and_its_tags_are_no_sound():
    for rest in (b"", INFO, INFO + chunk(b"id3 ", b"ID3")):
        with pytest.raises(FormatError, match="holds no value"):
            parse_wav(file_of(PLAIN, chunk(b"data", b"", 0), rest), where="x")


def test_silence_is_sound():
    silence = np.zeros(200, np.int16).tobytes()
    read = parse_wav(file_of(PLAIN, chunk(b"data", silence, 0)), where="x", progress=Heard())
    assert read.values.size == 200
