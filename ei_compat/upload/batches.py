"""Batches, the content of one ingestion request: files that share category, label and metadata, and their label files.

The service takes the label and the metadata of a request's files from its headers, so only files that agree in them
travel together. Boxes and labels over time differ from file to file: they travel in a sidecar, by file name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ei_compat.core.errors import DataError
from ei_compat.dataset.dataset import (
    UNLABELLED,
    Box,
    ClassLabel,
    Intervals,
    KeyValues,
    Label,
    Unlabelled,
    no_metadata,
)
from ei_compat.dataset.label_files import LabelFiles
from ei_compat.remote.multipart import Multipart, Part, PartError

FILES_LIMIT = 1000  # in one request, by the service's rule
FILE_LIMIT = 100 * 2**20  # bytes of one file, by the service's rule
OPEN_LIMIT = 4096  # files held back while their batches fill
CATEGORIES = frozenset({"training", "validation", "testing", "split", "post-processing"})
MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".cbor": "application/cbor",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".mp4": "video/mp4",
    ".avi": "video/avi",
    ".parquet": "application/vnd.apache.parquet",
}
_UNRESERVED = "-_.!~*'()"  # what encodeURIComponent leaves alone, beside letters and digits


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to upload.

    Attributes:
        key: what the journal knows it by, the same on every run; the path in the dataset as a rule.
        name: the file name that the project shows, with its extension.
        content: the file, or what makes its bytes when it is sent.
        category: one of `CATEGORIES`.
        label: of the whole file.
        boxes: objects in a picture; None says nothing, an empty tuple says that there are none.
        metadata: free text by key.
        version: of content that is made, what changes when it does; a file has its size and time for that.
        size: of content that is made, about how many bytes it has.
    """

    key: str
    name: str
    content: Path | Callable[[], bytes]
    category: str = "split"
    label: Label = UNLABELLED
    boxes: tuple[Box, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=no_metadata)
    version: str = ""
    size: int = 0

    @property
    def shown_label(self) -> str:
        """The label, or in brackets what stands in its place."""
        match self.label:
            case ClassLabel(label):
                return label
            case Intervals():
                return "(labels over time)"
            case KeyValues():
                return "(key-values)"
        return "(boxes)" if self.boxes else "(no label)"


@dataclass(frozen=True, slots=True)
class Item:
    """A file to upload with what its disk says.

    Attributes:
        upload: the file.
        fingerprint: changes when the file does.
        size: bytes.
    """

    upload: Upload
    fingerprint: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Files of one request; their names differ, and category, label and metadata are the same.

    Attributes:
        items: in the order of the form.
    """

    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes of content."""
        return sum(item.size for item in self.items)

    @property
    def category(self) -> str:
        """Of all of its files."""
        return self.items[0].upload.category

    def without(self, index: int) -> Batch:
        """The batch less one file."""
        return Batch(self.items[:index] + self.items[index + 1 :])

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches of half the files each."""
        middle = len(self.items) // 2
        return Batch(self.items[:middle]), Batch(self.items[middle:])

    def headers(self) -> dict[str, str]:
        """What the request says of all of its files."""
        first = self.items[0].upload
        headers = {}
        match first.label:
            case ClassLabel(label):
                headers["x-label"] = quote(label, safe=_UNRESERVED)
            case Unlabelled():
                headers |= {"x-label": "", "x-no-label": "1"}
        if first.metadata:
            headers["x-metadata"] = json.dumps(dict(first.metadata))
        return headers

    def form(self) -> Multipart:
        """The request's body.

        Raises:
            PartError: a file cannot be read; its index is the file's in `items`.
        """
        files = [_part(index, item.upload) for index, item in enumerate(self.items)]
        labels = [
            Part("data", json.dumps(document).encode(), name, "application/json")
            for name, document in self.label_files().items()
        ]
        return Multipart(files + labels)

    def label_files(self) -> dict[str, dict[str, Any]]:
        """The label files that travel with the batch, by name."""
        files = LabelFiles()
        for upload in (item.upload for item in self.items):
            files.add(upload.name, upload.label, upload.boxes)
        return files.documents()


def suffix(upload: Upload) -> str:
    """The extension of the name that is sent, lower case."""
    return PurePosixPath(upload.name).suffix.lower()


def inspect(upload: Upload) -> Item | str:
    """The file with what its disk says, or why it cannot be uploaded."""
    if suffix(upload) not in MEDIA_TYPES:
        return f"the service does not take {suffix(upload) or 'files without an extension'}"
    if any(box.width <= 0 or box.height <= 0 for box in upload.boxes or ()):
        return "has a box of no size, which the service refuses"
    if upload.category not in CATEGORIES:
        return f"the service knows no category {upload.category!r}"
    if not isinstance(upload.content, Path):
        return Item(upload, upload.version, upload.size)
    try:
        status = upload.content.stat()
    except OSError as error:
        return f"cannot be read: {(error.strerror or 'unknown').lower()}"
    if status.st_size == 0:
        return "is empty"
    if status.st_size > FILE_LIMIT:
        return f"is {status.st_size / 2**20:.0f} MiB, the service takes {FILE_LIMIT / 2**20:.0f} MiB"
    return Item(upload, f"{status.st_size}:{status.st_mtime_ns}", status.st_size)


class _Open:
    """A batch that is still filling."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.names: set[str] = set()
        self.size = 0

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.names.add(item.upload.name)
        self.size += item.size

    def closed(self) -> Batch:
        return Batch(tuple(self.items))


def gather(items: Iterable[Item], *, files: int, size: int) -> Iterator[Batch]:
    """Batches of at most so many `files` and, unless one file is larger by itself, `size` bytes.

    Files keep their order within a category, label and metadata. At most `OPEN_LIMIT` files are held back.
    """
    filling: dict[tuple[Any, ...], _Open] = {}
    held = 0
    for item in items:
        group = _group(item.upload)
        batch = filling.setdefault(group, _Open())
        full = len(batch.items) >= files or batch.size + item.size > size or item.upload.name in batch.names
        if batch.items and full:
            yield batch.closed()
            held -= len(batch.items)
            batch = filling[group] = _Open()
        batch.add(item)
        held += 1
        if held >= OPEN_LIMIT:
            yield from (batch.closed() for batch in filling.values())
            filling.clear()
            held = 0
    yield from (batch.closed() for batch in filling.values())


def _group(upload: Upload) -> tuple[Any, ...]:
    """What the files of one request must agree in."""
    match upload.label:
        case ClassLabel(label):
            shared = ("class", label)
        case Unlabelled():
            shared = ("none", "")
        case _:
            shared = ("sidecar", "")
    return upload.category, shared, tuple(sorted(upload.metadata.items()))


def _part(index: int, upload: Upload) -> Part:
    """A file's part of the form; content that is made when it is sent is made here."""
    content = upload.content if isinstance(upload.content, Path) else _made(index, upload.content)
    return Part("data", content, upload.name, MEDIA_TYPES[suffix(upload)])


def _made(index: int, make: Callable[[], bytes]) -> bytes:
    try:
        content = make()
    except DataError as error:
        raise PartError(index, str(error)) from None
    if len(content) > FILE_LIMIT:
        raise PartError(index, f"becomes {len(content) / 2**20:.0f} MiB, the service takes {FILE_LIMIT / 2**20:.0f}")
    return content
