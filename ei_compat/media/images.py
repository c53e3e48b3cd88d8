"""Pictures as Edge Impulse's Studio prepares them: crop, resize, channels.

A picture is cropped or padded to the target's aspect first and then resized with Pillow's LANCZOS filter; grayscale is
0.299 R + 0.587 G + 0.114 B. Transparency is dropped, 16 bits become 8, EXIF rotation is applied.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.progress import SILENT, Progress
from ei_compat.core.words import counted, verb
from ei_compat.dataset.dataset import ArrayRow
from ei_compat.media.image_files import ImageSource, decode, image_of_row, name_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

IN_FLIGHT = 4  # pictures per worker that are decoded but not yet stored


class ResizeMode(StrEnum):
    """Fitting of a picture of another aspect.

    `fit-short` crops what is too long, `fit-long` pads what is too short with black, `squash` distorts.
    """

    FIT_SHORT = "fit-short"
    FIT_LONG = "fit-long"
    SQUASH = "squash"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Size, channels and fitting of prepared pictures.

    Attributes:
        width: in pixels.
        height: in pixels.
        channels: 3 for RGB, 1 for grayscale.
        resize_mode: see `ResizeMode`.
    """

    width: int
    height: int
    channels: int = 3
    resize_mode: str = ResizeMode.FIT_SHORT

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 4096 and 1 <= self.height <= 4096):
            raise UsageError(f"picture size {self.width}x{self.height} is not within 1 and 4096")
        if self.channels not in {1, 3}:
            raise UsageError(f"{self.channels} channels", fix="use 3 for RGB or 1 for grayscale")
        if self.resize_mode not in set(ResizeMode):
            raise UsageError(f"no resize mode {self.resize_mode!r}", fix="use " + ", ".join(ResizeMode))

    @property
    def shape(self) -> tuple[int, int, int]:
        """[H, W, C] of one picture."""
        return self.height, self.width, self.channels


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Decoded and prepared pictures.

    Attributes:
        pixels: uint8 [N, H, W, C], of those that could be decoded.
        kept: for each row of `pixels`, its index in what was asked for.
        broken: name and reason of every picture that was left out.
    """

    pixels: NDArray[np.uint8]
    kept: NDArray[np.int64]
    broken: tuple[tuple[str, str], ...]


def load_image(source: ImageSource, spec: ImageSpec, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Decodes and prepares one picture.

    Args:
        source: a file, the bytes of one, or a sample's payload.
        spec: what to make of it.
        limits: `image_pixels` is checked against the header, before anything is decoded.

    Returns:
        uint8 [H, W, C].

    Raises:
        ImageError: when it cannot be decoded; names the file.
        LimitError: when it is too large.
    """
    import numpy as np

    if isinstance(source, ArrayRow):
        row = image_of_row(source, where=f"row {source.index}")
        if row.shape == spec.shape:
            return row
        from PIL import Image

        image = Image.fromarray(row[:, :, 0] if row.shape[2] == 1 else row)
    else:
        image = decode(source, limits)
    prepared = _resize(image, spec)
    wanted = "L" if spec.channels == 1 else "RGB"
    return np.asarray(prepared if prepared.mode == wanted else prepared.convert(wanted)).reshape(spec.shape)


def fit(size: tuple[int, int], spec: ImageSpec) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Where a picture's pixels come from and go to.

    Args:
        size: width and height of the picture.
        spec: what it is turned into.

    Returns:
        The part that is kept, and the part of the target that it fills, each left, top, width, height.
    """
    width, height = size
    if spec.resize_mode == ResizeMode.FIT_SHORT:
        across = min(width, max(1, round(height * spec.width / spec.height)))
        down = min(height, max(1, round(width * spec.height / spec.width)))
        return ((width - across) // 2, (height - down) // 2, across, down), (0, 0, spec.width, spec.height)
    if spec.resize_mode == ResizeMode.FIT_LONG:
        scale = min(spec.width / width, spec.height / height)
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        return (0, 0, width, height), ((spec.width - across) // 2, (spec.height - down) // 2, across, down)
    return (0, 0, width, height), (0, 0, spec.width, spec.height)


def _resize(image: Image.Image, spec: ImageSpec) -> Image.Image:
    from PIL import Image

    (left, top, across, down), (x, y, *inner) = fit(image.size, spec)
    kept = image if (across, down) == image.size else image.crop((left, top, left + across, top + down))
    resized = _lanczos(kept, (inner[0], inner[1]))
    if resized.size == (spec.width, spec.height):
        return resized
    padded = Image.new(image.mode, (spec.width, spec.height))
    padded.paste(resized, (x, y))
    return padded


def _lanczos(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    from PIL import Image

    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def load_images(
    payloads: Sequence[ImageSource],
    spec: ImageSpec,
    *,
    out: NDArray[np.uint8] | None = None,
    max_broken: float = 0.01,
    limits: Limits = DEFAULT_LIMITS,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Prepared:
    """Decodes and prepares many pictures in parallel; memory beside the result stays bounded.

    Args:
        payloads: what to decode, N of them.
        spec: what to make of each.
        out: uint8 [N, H, W, C] to fill, such as a memory-mapped file; allocated where None.
        max_broken: share of pictures that may be left out, 0 to 1.
        limits: see `load_image`.
        workers: threads; one per core where None. Pillow decodes and resizes without Python's lock.
        progress: counts pictures.

    Raises:
        DataError: when more than `max_broken` of them are broken; names the first few.
    """
    import numpy as np

    count = len(payloads)
    pixels = np.empty((count, *spec.shape), np.uint8) if out is None else out
    if pixels.shape != (count, *spec.shape) or pixels.dtype != np.uint8:
        raise UsageError(f"'out' is {pixels.dtype} {pixels.shape}, not uint8 {(count, *spec.shape)}")
    kept: list[int] = []
    broken: list[tuple[str, str]] = []
    images = each_image(
        payloads, spec, broken, max_broken=max_broken, limits=limits, workers=workers, progress=progress
    )
    for index, image in images:
        pixels[len(kept)] = image
        kept.append(index)
    return Prepared(pixels[: len(kept)], np.array(kept, np.int64), tuple(broken))


def each_image(
    payloads: Sequence[ImageSource],
    spec: ImageSpec,
    broken: list[tuple[str, str]],
    *,
    max_broken: float = 0.01,
    limits: Limits = DEFAULT_LIMITS,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The pictures one at a time, in order, decoded and prepared in parallel; see `load_images`.

    Name and reason of every picture that is left out are added to `broken`.

    Yields:
        The index in `payloads` and uint8 [H, W, C] of every picture that can be decoded.

    Raises:
        DataError: at the end, when more than `max_broken` of them are broken.
    """
    import warnings

    from PIL import Image

    count = len(payloads)
    with progress.task("pictures", count, "pictures") as task, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about odd metadata, which nobody can act on
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # it becomes a line of ours
        for index, result in enumerate(_in_order(payloads, spec, limits, workers or os.cpu_count() or 1)):
            if isinstance(result, DataError):
                broken.append((name_of(payloads[index]), result.what))
            else:
                yield index, result
            task.advance()
    if len(broken) > max_broken * count:
        few = ", ".join(f"{name} ({reason})" for name, reason in broken[:3])
        are = f"{len(broken)} of {counted(count, 'picture')} {verb(len(broken))} broken"
        share = f"{are}, more than {max_broken:.1%}: {few}"
        raise DataError(share, fix="repair or remove them, or raise --max-broken")


def _in_order(
    payloads: Sequence[ImageSource], spec: ImageSpec, limits: Limits, workers: int
) -> Iterator[NDArray[np.uint8] | DataError]:
    """Each picture or its error, in order, with at most a few per worker decoded ahead."""
    from concurrent.futures import Future, ThreadPoolExecutor

    def load(source: ImageSource) -> NDArray[np.uint8] | DataError:
        try:
            return load_image(source, spec, limits)
        except DataError as error:
            return error

    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        ahead: deque[Future[NDArray[np.uint8] | DataError]] = deque()
        try:
            for source in payloads:
                ahead.append(pool.submit(load, source))
                if len(ahead) >= workers * IN_FLIGHT:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
