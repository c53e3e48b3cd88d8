"""Pictures in files, bytes and rows of arrays: opened within limits, decoded to 8 bits, and written."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ei_compat.core.errors import DataError, ImageError, LimitError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.dataset.dataset import ArrayRow, FilePayload, Payload, Sample
from ei_compat.media.image_headers import FIRST_BYTES, JPEG, PNG, plain_size
from ei_compat.media.pixels import unscale_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | Payload

# Decoders that are tried whatever the extension says; what they read begins with a mark of its own.
CODECS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "DIB", "AVIF", "JPEG2000", "QOI")
# Decoders of rarer files, tried for their extensions only. Pillow has more, some of which start other programs.
CODEC_OF = {
    **dict.fromkeys((".tga", ".icb", ".vda", ".vst"), "TGA"),
    **dict.fromkeys((".sgi", ".rgb", ".rgba", ".bw"), "SGI"),
    **dict.fromkeys((".fli", ".flc"), "FLI"),
    **dict.fromkeys((".ftc", ".ftu"), "FTEX"),
    **{f".{name.lower()}": name for name in ("ICO", "CUR", "ICNS", "PCX", "DCX", "DDS", "PSD", "XBM", "XPM")},
    **{f".{name.lower()}": name for name in ("MSP", "BLP", "GBR", "PCD")},
    ".ras": "SUN",
    ".pxr": "PIXAR",
}
ORIENTATION, SIDEWAYS = 0x0112, range(5, 9)  # EXIF tag, and its values for pictures on their side


def name_of(source: ImageSource) -> str:
    """What to call a picture in messages."""
    match source:
        case bytes():
            return "<bytes>"
        case FilePayload():
            return str(source.path)
        case str() | os.PathLike():
            return os.fspath(source)
        case ArrayRow():
            return f"row {source.index}"
        case _:
            return type(source).__name__


def image_size(source: ImageSource, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """Width and height as shown, after any EXIF rotation; only the header of a file is read.

    Raises:
        ImageError: when there is no header of a known kind.
        LimitError: when it is too large.
    """
    if isinstance(source, ArrayRow):
        height, width = image_of_row(source, where=name_of(source)).shape[:2]
        return width, height
    if isinstance(source, FilePayload) and (size := source.size or _plain_size(source)) is not None:
        if size[0] * size[1] > limits.image_pixels:
            raise _too_large(f"{size[0]}x{size[1]} is", name_of(source), limits)
        return size
    with _opened(source, limits) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in SIDEWAYS else (width, height)


def foreign(samples: Iterable[Sample]) -> Iterator[tuple[str, str]]:
    """Ids of samples whose files have a picture's name and are none, by their first bytes, each with what is wrong."""
    for sample in samples:
        payload = sample.payload
        if not isinstance(payload, FilePayload) or not payload.is_image or payload.size is not None:
            continue
        if not _first_bytes(payload, len(PNG)).startswith((JPEG, PNG)):  # as most do; of the others Pillow knows
            try:
                image_size(payload)
            except DataError as error:
                yield sample.id, error.what


def _plain_size(source: FilePayload) -> tuple[int, int] | None:
    return plain_size(_first_bytes(source, FIRST_BYTES))


def _first_bytes(source: FilePayload, count: int) -> bytes:
    """At most so many; none where they can't be read, of which Pillow's opening says why."""
    try:
        handle = os.open(f"{source.root}/{source.relative}", os.O_RDONLY | os.O_NONBLOCK)  # which waits for no pipe
    except (OSError, ValueError):
        return b""
    try:
        return os.read(handle, count)
    except OSError:
        return b""
    finally:
        os.close(handle)


def decode(source: ImageSource, limits: Limits) -> Image.Image:
    """The whole picture, upright, as 8-bit L or RGB."""
    with _opened(source, limits) as image:
        return _upright(_eight_bit(image, name_of(source)), _orientation(image))


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; upright where the EXIF data are broken, which says nothing of the pixels."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow's parser raises many kinds
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    from PIL import Image

    turns = ["FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90"]
    return image.transpose(Image.Transpose[turns[orientation - 2]]) if 2 <= orientation <= 8 else image


@contextmanager
def _opened(source: ImageSource, limits: Limits) -> Iterator[Image.Image]:
    """An open picture whose header was checked; what goes wrong while it is used becomes a ImageError."""
    from PIL import Image, UnidentifiedImageError

    name = name_of(source)
    match source:
        case bytes():
            stream: Any = io.BytesIO(source)
        case FilePayload():
            stream = source.path
        case str() | os.PathLike():
            stream = Path(source)
        case _:
            raise ImageError("is not a picture", where=name)
    if limits.image_pixels > (Image.MAX_IMAGE_PIXELS or limits.image_pixels):
        Image.MAX_IMAGE_PIXELS = limits.image_pixels  # Pillow has a limit of its own, which the caller means to lift
    try:
        with Image.open(stream, formats=_codecs(name)) as image:
            width, height = image.size
            if width * height > limits.image_pixels:
                raise _too_large(f"{width}x{height} is", name, limits)
            yield image
    except FileNotFoundError:
        raise ImageError("no such file", where=name) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("claims", name, limits) from None
    except DataError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever a broken file makes them trip over
        reason = "not a picture of a known kind" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImageError(f"cannot be decoded: {reason or type(error).__name__}", where=name) from None


def _codecs(name: str) -> tuple[str, ...]:
    """The decoders for a file of this name that this Pillow has."""
    from PIL import Image

    Image.init()
    wanted = (*CODECS, CODEC_OF.get(os.path.splitext(name)[1].lower(), ""))  # noqa: PTH122 - called for every picture
    return tuple(codec for codec in wanted if codec in Image.OPEN)


def _too_large(what: str, name: str, limits: Limits) -> LimitError:
    what = f"{what} more than the {limits.image_pixels:,} pixels allowed"
    return LimitError(what, where=name, fix="raise Limits.image_pixels or shrink the picture")


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Any mode as L or RGB."""
    mode = image.mode
    if mode in {"L", "RGB"}:
        image.load()
        return image
    if mode.startswith("I;16"):
        import numpy as np
        from PIL import Image

        return Image.fromarray(np.rint(np.asarray(image).astype(np.float32) / 257).astype(np.uint8))
    if mode in {"I", "F"}:
        raise ImageError("has 32-bit pixels of unknown range", where=name, fix="store it with 8 or 16 bits")
    if mode in {"1", "LA", "La"}:
        return image.convert("LA").convert("L") if mode == "La" else image.convert("L")
    if mode in {"P", "PA"}:  # straight to RGB, Pillow warns about palettes with transparency
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def image_of_row(row: ArrayRow, *, where: str) -> NDArray[np.uint8]:
    """A row of an image array as uint8 [H, W, C]; float rows are taken to be 0..1.

    Raises:
        DataError: when the row is not [H, W, 1 or 3], or holds values outside 0..1.
    """
    import numpy as np

    values = np.asarray(row.read())
    if values.ndim != 3 or values.shape[2] not in {1, 3}:
        raise DataError(f"shape {values.shape} is not a picture's", where=where)
    if values.dtype == np.uint8:
        return values
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise DataError("holds pixels outside 0..1", where=where)
    return unscale_pixels(values)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Writes uint8 [H, W, 1 or 3] as PNG, which keeps every pixel."""
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(path, format="PNG", compress_level=1)
