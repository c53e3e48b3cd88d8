"""Uploads: a dataset's samples as the ingestion service takes them, with a file name, content and labels."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ei_compat.core.errors import ImageError
from ei_compat.core.limits import DEFAULT_LIMITS
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, ArrayRow, Category, Dataset, FilePayload, Sample, Signal
from ei_compat.remote.credentials import Key
from ei_compat.upload.batches import MEDIA_TYPES, Upload, inspect

if TYPE_CHECKING:
    from PIL.Image import Image

_UNSENDABLE = re.compile(r"[/\x00-\x1f\x7f]")  # which a form has no name for
Signer = Callable[[], Key | None]


def unsigned() -> Key | None:
    """Signs nothing."""
    return None


def uploads_of(
    dataset: Dataset, *, category: str = "split", signer: Signer = unsigned, validation: bool = False
) -> Iterator[Upload]:
    """Every sample as something to upload, one at a time.

    Files of the types that the service takes go as they are, byte for byte. Other pictures, and pictures in arrays,
    become PNG; signals in memory become acquisition JSON, signed with the project's HMAC key where it has one.
    Validation samples go to the project's validation set where it keeps one, else to training, where Studio then takes
    its own validation set from.

    Args:
        dataset: as `open_dataset` gives it.
        category: for samples whose format does not say; `split` lets the project decide.
        signer: gives the HMAC key; asked once, when the first signal is made.
        validation: whether the project keeps a validation set of its own; see `Studio.keeps_validation_set`.
    """
    keys: list[Key | None] = []

    def key() -> Key | None:
        if not keys:
            keys.append(signer())
        return keys[0]

    for sample in dataset.samples:
        made = _made(sample, key)
        yield Upload(
            key=sample.id,
            name=_named(sample, made.suffix),
            content=made.content,
            category=_category(sample, category, validation=validation),
            label=sample.label,
            boxes=sample.boxes,
            metadata=sample.metadata,
            version=made.version,
            size=made.size,
        )


def _category(sample: Sample, otherwise: str, *, validation: bool) -> str:
    named = otherwise if sample.category is None else sample.category.value
    return Category.TRAINING.value if named == Category.VALIDATION and not validation else named


def journal_path(dataset: Path, project: int) -> Path:
    """Where an upload's journal is kept: hidden in the dataset's folder, so that it moves with it."""
    folder = dataset if dataset.is_dir() else dataset.parent
    return folder / f".ei-upload-{project}.journal"


@dataclass(frozen=True, slots=True)
class _Made:
    """A sample's file: its extension and content, and for content that is made its version and size."""

    suffix: str
    content: Path | Callable[[], bytes]
    version: str = ""
    size: int = 0


def _made(sample: Sample, key: Signer) -> _Made:
    match sample.payload:
        case FilePayload() as file if file.suffix in MEDIA_TYPES or file.suffix not in IMAGE_SUFFIXES:
            return _Made(file.suffix, file.path)
        case FilePayload() as file:
            item = inspect(Upload(sample.id, "any.png", file.path))
            version, size = ("", 0) if isinstance(item, str) else (item.fingerprint, item.size)
            return _Made(".png", partial(_converted, file), version, size)
        case ArrayRow() as row:
            content = row.read().tobytes()
            return _Made(".png", partial(_row, row, sample.id), f"{zlib.crc32(content):08x}", len(content))
        case Signal() as signal:
            content = signal.values.tobytes()
            return _Made(".json", partial(_signed, signal, key), f"{zlib.crc32(content):08x}", 2 * len(content))


def _named(sample: Sample, suffix: str) -> str:
    name = _UNSENDABLE.sub("_", sample.name.replace('"', "'"))
    return name if name.lower().endswith(suffix) else f"{name}{suffix}"


def _signed(signal: Signal, key: Signer) -> bytes:
    from ei_compat.media.acquisition import encode

    secret = key()
    return encode(signal, form="json", key=None if secret is None else secret.reveal())


def _row(row: ArrayRow, where: str) -> bytes:
    from PIL import Image

    from ei_compat.media.image_files import image_of_row

    pixels = image_of_row(row, where=where)
    return _png(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def _converted(file: FilePayload) -> bytes:
    """A picture of a type that the service does not take, upright, as PNG."""
    from PIL import Image, ImageOps

    from ei_compat.media.image_files import image_size

    image_size(file, DEFAULT_LIMITS)  # refuses what would not fit in memory
    try:
        with Image.open(file.path) as image:
            upright = ImageOps.exif_transpose(image)
            return _png(upright if upright.mode in {"L", "RGB", "RGBA"} else upright.convert("RGB"))
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot be decoded: {error}", where=file.path) from None


def _png(image: Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
