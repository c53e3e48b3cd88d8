"""What a dataset's samples are on their way to the ingestion service: a file name, content, and what is known of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ei_compat.batches import MEDIA_TYPES, Upload
from ei_compat.credentials import Key
from ei_compat.dataset import PICTURE_SUFFIXES, ArrayRow, Dataset, FilePayload, Sample, Signal
from ei_compat.errors import PictureError

if TYPE_CHECKING:
    from PIL.Image import Image

Signer = Callable[[], Key | None]


def unsigned() -> Key | None:
    """Signs nothing."""
    return None


def uploads_of(dataset: Dataset, *, category: str = "split", signer: Signer = unsigned) -> Iterator[Upload]:
    """Every sample as something to upload, one at a time.

    Files of the types that the service takes go as they are, byte for byte. Other pictures, and pictures in arrays,
    become PNG; signals in memory become acquisition JSON, signed with the project's HMAC key where it has one.

    Args:
        dataset: as `open_dataset` gives it.
        category: for samples whose format does not say; `split` lets the project decide.
        signer: gives the HMAC key; asked once, when the first signal is made.
    """
    boxed = any(sample.boxes for sample in dataset.samples)
    keys: list[Key | None] = []

    def key() -> Key | None:
        if not keys:
            keys.append(signer())
        return keys[0]

    for sample in dataset.samples:
        name, content = _content(sample, key)
        yield Upload(
            key=sample.id,
            name=name,
            content=content,
            category=category if sample.category is None else sample.category.value,
            label=sample.label,
            boxes=sample.boxes if boxed else None,
            metadata=sample.metadata,
        )


def journal_path(dataset: Path, project: int) -> Path:
    """Where an upload's journal is kept: hidden in the dataset's folder, so that it moves with it."""
    folder = dataset if dataset.is_dir() else dataset.parent
    return folder / f".ei-upload-{project}.journal"


def _content(sample: Sample, key: Signer) -> tuple[str, Path | Callable[[], bytes]]:
    """The name under which a sample is sent, and its bytes."""
    match sample.payload:
        case FilePayload() as file if file.suffix in MEDIA_TYPES or file.suffix not in PICTURE_SUFFIXES:
            return _named(sample, file.suffix), file.path
        case FilePayload() as file:
            return _named(sample, ".png"), partial(_converted, file.path)
        case ArrayRow() as row:
            return _named(sample, ".png"), partial(_row, row, sample.id)
        case Signal() as signal:
            return _named(sample, ".json"), partial(_signed, signal, key)


def _named(sample: Sample, suffix: str) -> str:
    name = sample.name.replace("/", "_")
    return name if name.lower().endswith(suffix) else f"{name}{suffix}"


def _signed(signal: Signal, key: Signer) -> bytes:
    from ei_compat.acquisition import encode

    secret = key()
    return encode(signal, form="json", key=None if secret is None else secret.reveal())


def _row(row: ArrayRow, where: str) -> bytes:
    from PIL import Image

    from ei_compat.images import picture_of_row

    pixels = picture_of_row(row, where=where)
    return _png(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def _converted(path: Path) -> bytes:
    """A picture of a type that the service does not take, upright, as PNG."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            return _png(upright if upright.mode in {"L", "RGB", "RGBA"} else upright.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(f"cannot be decoded: {error}", where=path) from None


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
