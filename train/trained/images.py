"""The pictures that a command is given: files, folders, patterns, a stream of paths, a camera; and marked copies."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TextIO

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import write_file
from ei_compat.core.limits import DEFAULT_LIMITS
from ei_compat.core.words import counted
from ei_compat.dataset.dataset import IMAGE_SUFFIXES
from ei_compat.media.image_files import decode

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress

STREAM = "-"
LINE, MARGIN = 0.05, 0.3  # height of the text of a marked copy in its own, and the space around it in the text's
LEAST_LINE = 14  # pixels


@dataclass(frozen=True, slots=True)
class Named:
    """A picture.

    Attributes:
        name: as the user knows it.
        source: a file, or its bytes.
        below: where its marked copy goes, below the folder of copies and without a suffix.
    """

    name: str
    source: Path | bytes
    below: PurePath


def images_of(names: Iterable[str], lines: TextIO, progress: Progress) -> Iterator[Named]:
    """Every picture that is named, in order; folders and patterns in the order of their names.

    Args:
        names: files, folders, patterns such as `photos/*.jpg`, or `-` for paths from `lines`, one a line; blank lines
            are none.
        lines: read as they come.
        progress: warned of files of a folder that are no pictures.

    Raises:
        DataError: there is no such file, or no picture among what is named.
    """
    for name in names:
        if name == STREAM:
            yield from _in_stream(lines)
        elif Path(name).is_dir():
            yield from _in_folder(Path(name), progress)
        elif Path(name).exists():
            yield Named(name, Path(name), _below(Path(name)))
        elif glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - an absolute pattern, too
            found = [Path(path) for path in matches if Path(path).is_file()]
            if not found:
                raise DataError("no file fits this pattern", where=name, fix="check the path")
            yield from (Named(str(path), path, _below(path)) for path in found)
        else:
            raise DataError("there is no such file or folder", where=name, fix="check the path")


def _below(path: Path) -> PurePath:
    return PurePath(path.stem)


def _in_stream(lines: TextIO) -> Iterator[Named]:
    empty = True
    for path in (line.rstrip("\r\n") for line in lines if line.strip()):
        empty = False
        yield Named(path, Path(path), _below(Path(path)))
    if empty:
        raise DataError("names no picture", where="stdin", fix="write a path on each line")


def _in_folder(folder: Path, progress: Progress) -> Iterator[Named]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        what = f"none of its {counted(len(files), 'file')} is a picture" if files else "the folder is empty"
        raise DataError(what, where=folder, fix="name a folder of pictures")
    if len(found) < len(files):
        progress.warn(
            f"{folder}: {counted(len(files) - len(found), 'file is no picture', 'files are no pictures')} by name "
            "and left out"
        )
    yield from (Named(str(path), path, path.relative_to(folder).with_suffix("")) for path in found)


def frames_of(device: str, count: int | None) -> Iterator[Named]:
    """Pictures of a camera, as they come, through OpenCV.

    Args:
        device: its number, or its file such as `/dev/video0`.
        count: how many; None for no end.

    Raises:
        UsageError: OpenCV is not installed.
        DataError: there is no such camera, or it stops.
    """
    try:
        import cv2
    except ImportError:
        raise UsageError(
            "needs OpenCV, which is not installed", where="--camera", fix="pip install 'ei-train[camera]'"
        ) from None
    camera = cv2.VideoCapture(int(device) if device.isdigit() else device)
    with closing(_Released(camera)):
        if not camera.isOpened():
            raise DataError("no camera answers", where=device, fix="name another, such as 0 or /dev/video0")
        number = 0
        while count is None or number < count:
            there, frame = camera.read()
            if not there:
                raise DataError(f"the camera gives no picture after {number}", where=device, fix="check its cable")
            number += 1
            content = cv2.imencode(".bmp", frame)[1].tobytes()
            yield Named(f"frame {number}", content, PurePath(f"frame{number:06}"))


class _Released:
    """Lets a camera go."""

    def __init__(self, camera: Any) -> None:
        self._camera = camera

    def close(self) -> None:
        self._camera.release()


class Copies:
    """A folder of copies with the answer below each picture.

    Args:
        folder: a new or an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[PurePath] = set()

    def save(self, named: Named, words: str) -> Path:
        """Writes one, as JPEG; two pictures of one name get numbers."""
        from PIL import Image, ImageDraw, ImageFont

        image = decode(named.source, DEFAULT_LIMITS).convert("RGB")
        size = max(LEAST_LINE, round(LINE * image.height))
        space = round(MARGIN * size)
        marked = Image.new("RGB", (image.width, image.height + size + 2 * space), "black")
        marked.paste(image, (0, 0))
        draw = ImageDraw.Draw(marked)
        draw.text((space, image.height + space // 2), words, "white", ImageFont.load_default(size))
        path = self._folder / self._place(named.below).with_suffix(".jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        marked.save(buffer, "JPEG", quality=90)
        write_file(path, buffer.getvalue())
        return path

    def _place(self, wanted: PurePath) -> PurePath:
        place, number = wanted.with_name(wanted.name.replace(".", "_")), 1
        while place in self._taken:
            number += 1
            place = wanted.with_name(f"{wanted.name.replace('.', '_')}-{number}")
        self._taken.add(place)
        return place
