"""Pictures as Studio prepares them, from every kind of file, within limits."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from ei_compat.core.errors import DataError, ImageError, LimitError, UsageError
from ei_compat.core.limits import Limits
from ei_compat.dataset.dataset import ArrayRow, FilePayload
from ei_compat.media import images
from ei_compat.media.image_files import image_size
from ei_compat.media.images import ImageSpec, load_image, load_images
from ei_compat.media.pixels import InputScaling, scale_pixels, unscale_pixels, value_range
from tests.ei_compat.made import draw


def stored(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.RandomState(seed).randint(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height))


def test_fit_short_crops_the_centre_and_resizes_with_lanczos():
    wide = noise(50, 20)
    got = load_image(stored(wide), ImageSpec(10, 10))
    expected = wide.crop((15, 0, 35, 20)).resize((10, 10), Image.Resampling.LANCZOS)
    assert np.array_equal(got, np.asarray(expected))


def test_fit_short_to_another_aspect():
    got = load_image(stored(noise(30, 30)), ImageSpec(20, 10))
    expected = noise(30, 30).crop((0, 7, 30, 22)).resize((20, 10), Image.Resampling.LANCZOS)
    assert np.array_equal(got, np.asarray(expected))


def test_fit_long_pads_with_black():
    got = load_image(stored(noise(40, 20)), ImageSpec(20, 20, resize_mode="fit-long"))
    assert not got[:5].any()
    assert not got[15:].any()
    assert np.array_equal(got[5:15], np.asarray(noise(40, 20).resize((20, 10), Image.Resampling.LANCZOS)))


def test_squash_distorts():
    got = load_image(stored(noise(40, 20)), ImageSpec(16, 16, resize_mode="squash"))
    assert np.array_equal(got, np.asarray(noise(40, 20).resize((16, 16), Image.Resampling.LANCZOS)))


def test_grayscale_weights():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    got = load_image(stored(Image.fromarray(pixels)), ImageSpec(4, 1, 1))
    assert got.shape == (1, 4, 1)
    expected = (pixels[0] * [0.299, 0.587, 0.114]).sum(axis=1)
    assert np.abs(got[0, :, 0] - expected).max() <= 0.51


def test_a_image_of_the_right_size_is_not_touched():
    assert np.array_equal(load_image(stored(noise(9, 7)), ImageSpec(9, 7)), np.asarray(noise(9, 7)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(orientation):
    upright = noise(12, 8)
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = stored(image, exif=exif.tobytes())
    assert np.array_equal(load_image(data, ImageSpec(12, 8)), np.asarray(upright))
    assert image_size(data) == (12, 8)


def test_broken_exif_data_do_not_cost_the_image():
    data = stored(noise(12, 8), "JPEG", quality=100, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert load_images([data], ImageSpec(12, 8)).pixels.shape == (1, 8, 12, 3)
    with warnings.catch_warnings(action="ignore"):
        assert image_size(data) == (12, 8)


GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def modes() -> list[tuple[str, bytes, np.ndarray]]:
    rgb = np.repeat(GRAY[:, :, None], 3, axis=2)
    with_alpha = np.concatenate([rgb, np.full((8, 8, 1), 7, np.uint8)], axis=2)
    wide = (GRAY.astype(np.uint16) * 257).astype("<u2")
    return [
        ("RGB", stored(Image.fromarray(rgb)), rgb),
        ("RGBA, named jpg or not", stored(Image.fromarray(with_alpha)), rgb),
        ("gray", stored(Image.fromarray(GRAY)), rgb),
        ("gray with alpha", stored(Image.fromarray(with_alpha[:, :, [0, 3]])), rgb),
        ("palette", stored(Image.fromarray(GRAY).convert("P")), rgb),
        ("palette with transparency", stored(Image.fromarray(GRAY).convert("P"), transparency=b"\0\1\2"), rgb),
        ("GIF", stored(Image.fromarray(GRAY), "GIF"), rgb),
        ("16 bit", stored(Image.fromarray(wide)), rgb),
        ("16 bit TIFF", stored(Image.fromarray(wide), "TIFF"), rgb),
        ("one bit", stored(Image.fromarray(GRAY > 99)), (rgb > 99) * np.uint8(255)),
        ("CMYK", stored(Image.fromarray(rgb).convert("CMYK"), "TIFF"), rgb),
        ("BMP", stored(Image.fromarray(rgb), "BMP"), rgb),
        ("WebP", stored(Image.fromarray(rgb), "WEBP", lossless=True), rgb),
    ]


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in modes()], ids=[row[0] for row in modes()])
def test_every_mode_becomes_eight_bits(data, expected):
    assert np.array_equal(load_image(data, ImageSpec(8, 8)), expected)
    assert np.array_equal(load_image(data, ImageSpec(8, 8, 1))[:, :, 0], expected[:, :, 0])


def test_a_cmyk_jpeg_has_its_colours():
    got = load_image(stored(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), ImageSpec(8, 8))
    assert np.abs(got.astype(int) - [255, 0, 0]).max() <= 3


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a huge picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (bomb(60_000, 60_000), LimitError, "more than the 89,478,485 pixels allowed"),
        (bomb(9_500, 9_500), LimitError, "more than the 89,478,485 pixels allowed"),
        (bomb(100, 100), ImageError, "cannot be decoded"),
        (stored(noise(64, 64), "JPEG")[:900], ImageError, "cannot be decoded"),
        (b"", ImageError, "not a picture of a known kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", ImageError, "not a picture of a known kind"),
        (stored(Image.new("F", (4, 4)), "TIFF"), ImageError, "32-bit pixels of unknown range"),
    ],
    ids=["3.6 gigapixels", "above the limit", "shorter than it claims", "cut JPEG", "empty", "PostScript", "float"],
)
def test_what_is_no_image(data, error, message, tmp_path):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(error, match=message) as caught:
        load_image(FilePayload(str(tmp_path), "x.png"), ImageSpec(8, 8))
    assert caught.value.where == str(tmp_path / "x.png")


def test_the_limit_can_be_set():
    with pytest.raises(LimitError, match="20x20 is more than the 399 pixels"):
        load_image(stored(noise(20, 20)), ImageSpec(8, 8), Limits(image_pixels=399))


def test_rows_of_arrays_are_images():
    array = np.random.RandomState(1).randint(0, 256, (2, 6, 6, 3), np.uint8)
    assert np.array_equal(load_image(ArrayRow(array, 1), ImageSpec(6, 6)), array[1])
    scaled = ArrayRow(scale_pixels(array), 1)
    assert np.array_equal(load_image(scaled, ImageSpec(6, 6)), array[1])
    assert load_image(scaled, ImageSpec(3, 3, 1)).shape == (3, 3, 1)
    with pytest.raises(DataError, match="pixels outside 0"):
        load_image(ArrayRow(array * 1.5, 0), ImageSpec(6, 6))


@pytest.mark.parametrize(
    "arguments", [(0, 5), (5, 5000), (5, 5, 2), (5, 5, 3, "stretch")], ids=["empty", "huge", "channels", "mode"]
)
def test_impossible_specs(arguments):
    with pytest.raises(UsageError):
        ImageSpec(*arguments)


# Many pictures


def test_broken_images_are_left_out_and_named(tmp_path):
    paths = [draw(tmp_path / f"{i}.png", i) for i in range(20)]
    paths[3].write_bytes(b"junk")
    out = np.zeros((20, 8, 8, 3), np.uint8)
    prepared = load_images(paths, ImageSpec(8, 8), out=out, max_broken=0.05)
    assert prepared.kept.tolist() == [i for i in range(20) if i != 3]
    assert prepared.broken == ((str(paths[3]), "cannot be decoded: not a picture of a known kind"),)
    assert np.array_equal(prepared.pixels[5], load_image(paths[6], ImageSpec(8, 8)))
    assert np.shares_memory(prepared.pixels, out)
    with pytest.raises(DataError, match=r"1 of 20 pictures is broken, more than 1\.0%: .*3\.png"):
        load_images(paths, ImageSpec(8, 8))


def test_the_order_is_kept_with_any_number_of_workers(tmp_path):
    paths = [draw(tmp_path / f"{i}.png", i, (10 + i * 7, 12)) for i in range(30)]
    one = load_images(paths, ImageSpec(8, 8), workers=1)
    many = load_images(paths, ImageSpec(8, 8), workers=7)
    assert np.array_equal(one.pixels, many.pixels)


def test_memory_beside_the_result_is_bounded(monkeypatch):
    """No more than a few decoded pictures exist at a time, however slowly they are stored."""
    alive = peak = 0

    def counted(*_):
        nonlocal alive, peak
        alive += 1
        peak = max(peak, alive)
        return np.zeros((4, 4, 3), np.uint8)

    class Store(np.ndarray):
        def __setitem__(self, index, value):
            nonlocal alive
            alive -= 1
            super().__setitem__(index, value)

    monkeypatch.setattr(images, "load_image", counted)
    out = np.zeros((100, 4, 4, 3), np.uint8).view(Store)
    load_images(["x"] * 100, ImageSpec(4, 4), out=out, workers=2)
    assert peak <= 2 * images.IN_FLIGHT


def test_an_array_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'out' is float64"):
        load_images([], ImageSpec(4, 4), out=np.zeros((0, 4, 4, 3)))


# Scaling


@pytest.mark.parametrize("scaling", list(InputScaling))
def test_every_pixel_comes_back(scaling):
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    values = scale_pixels(pixels, scaling)
    assert values.dtype == np.float32
    assert np.array_equal(unscale_pixels(values, scaling), pixels)
    low, high = value_range(scaling)
    assert (values.min(), values.max()) == (np.float32(low), np.float32(high))


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("0..1", [1.0, 0.0, 0.2]),
        ("-1..1", [1.0, -1.0, -0.6]),
        ("-128..127", [127.0, -128.0, -77.0]),
        ("0..255", [255.0, 0.0, 51.0]),
        ("torch", [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]),
        ("bgr-subtract-imagenet-mean", [51 - 103.939, -116.779, 255 - 123.68]),
    ],
)
def test_scaling_of_one_pixel(scaling, expected):
    assert scale_pixels(np.array([255, 0, 51], np.uint8), scaling) == pytest.approx(expected, abs=1e-5)


def test_scaling_that_cannot_be():
    with pytest.raises(UsageError, match="needs 3 channels, not 1"):
        scale_pixels(np.zeros((2, 1), np.uint8), "torch")
    with pytest.raises(UsageError, match="no image input scaling 'half'; use one of 0"):
        scale_pixels(np.zeros((2, 3), np.uint8), "half")
