"""Layout of a written dataset: the folders and names that its files get."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

from ei_compat.core.errors import DataError
from ei_compat.core.files import LONGEST_NAME, composed, cut_name, link_or_copy, safe_file_name
from ei_compat.core.progress import Progress
from ei_compat.dataset.dataset import (
    SIGNAL_SUFFIXES,
    ArrayRow,
    ClassLabel,
    FilePayload,
    Sample,
    Signal,
)
from ei_compat.formats._format import WriteOptions
from ei_compat.formats._tree import SAMPLE_SUFFIXES
from ei_compat.media.image_files import image_of_row, write_png

USUAL_SIGNAL = "json"  # form of signals that are in no file
USUAL = {".jfif": ".jpg", ".jpe": ".jpg"}  # extensions that others, the official uploader among them, do not take
LABEL_SUFFIX = len(".xml")  # of a label file beside a picture; it has the picture's name otherwise


def file_label(name: str) -> str | None:
    """The label in `label.rest.ext`: what stands before the first dot, in Unicode's composed form.

    None where the name has only one dot, or what lies between is one more extension, as in `1.jpg.png`.
    """
    parts = name.split(".")
    if len(parts) < 3 or all(f".{part.lower()}" in SAMPLE_SUFFIXES for part in parts[1:-1]):
        return None
    return composed(parts[0]).strip() or None


def folded(path: str) -> str:
    """What two paths share that some file system takes for the same: capitals and Unicode's forms do not matter."""
    return composed(path.casefold())


class Layout:
    """Assignment of files below `target` to samples, under names that no two share.

    Args:
        target: an existing folder.
        options: whether to copy files, and what signals are stored as.
        progress: is warned of what was odd about a signal that is stored in another form.
        unique: what of a relative path no two files may share, where that is not the whole path.
    """

    def __init__(
        self, target: Path, options: WriteOptions, progress: Progress, unique: Callable[[str], str] = folded
    ) -> None:
        self.target, self.options, self.progress, self.unique = target, options, progress, unique
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}  # highest number given to a name that was wanted again
        self._folders: set[str] = set()
        self._place = os.path.abspath(target)  # noqa: PTH100 - text, for one of many

    def place(self, sample: Sample, folder: str, stem: str) -> str:
        """Writes the sample's data as `folder/stem` with its extension, cut to what a name may be.

        Returns:
            The relative path.
        """
        relative = self._free(f"{folder}/" if folder else "", stem, self._suffix(sample))
        if folder not in self._folders:
            (self.target / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self._write(sample, f"{self._place}/{relative}")
        return relative

    def _free(self, start: str, stem: str, suffix: str) -> str:
        """A path that is not taken yet, with a number where it has to be another."""
        room = LONGEST_NAME - max(len(suffix), LABEL_SUFFIX)
        relative = f"{start}{cut_name(stem, room)}{suffix}"
        wanted = key = self.unique(relative)
        while key in self._taken:
            self._last[wanted] = self._last.get(wanted, 1) + 1
            number = f".{self._last[wanted]}"
            relative = f"{start}{cut_name(stem, room - len(number))}{number}{suffix}"
            key = self.unique(relative)
        self._taken.add(key)
        return relative

    def _suffix(self, sample: Sample) -> str:
        if self._is_encoded(sample):
            return f".{self.options.signal_form or USUAL_SIGNAL}"
        suffix = sample.payload.suffix if isinstance(sample.payload, FilePayload) else ".png"
        return USUAL.get(suffix, suffix)

    def _is_encoded(self, sample: Sample) -> bool:
        """Whether the sample is a signal that is not simply a file to be linked."""
        if isinstance(sample.payload, FilePayload):
            form = self.options.signal_form
            return form is not None and sample.payload.suffix in SIGNAL_SUFFIXES - {f".{form}"}
        return isinstance(sample.payload, Signal)

    def _write(self, sample: Sample, path: str) -> None:
        if self._is_encoded(sample):
            from ei_compat.media.signals import SignalForm, encode_signal, read_signal  # which most sets have none of

            form = self.options.signal_form or SignalForm(USUAL_SIGNAL)
            signal = read_signal(sample.payload, self.options.limits, self.progress)
            try:
                data = encode_signal(signal, form)
            except DataError as error:  # which knows no file
                raise DataError(error.what, where=sample.id, fix=error.fix) from None
            Path(path).write_bytes(data)
        elif isinstance(sample.payload, ArrayRow):
            write_png(Path(path), image_of_row(sample.payload, where=sample.id))
        elif isinstance(sample.payload, FilePayload):
            try:
                link_or_copy(f"{sample.payload.root}/{sample.payload.relative}", path, copy=self.options.copy)
            except FileNotFoundError:
                raise DataError("is missing", where=sample.payload.path, fix="restore the file") from None


def file_name_of(path: str) -> str:
    """What identifies a picture in a table without folders."""
    return folded(path.rpartition("/")[2])


def name_without_extension(path: str) -> str:
    """What identifies a picture in a table without folders or extensions, and what it shares with its label file."""
    return folded(path.rpartition("/")[2].rpartition(".")[0])


def stem_of(sample: Sample) -> str:
    """A file name for a sample, without label and extension, that is safe on any system."""
    return safe_file_name(sample.name, most=LONGEST_NAME)


def labelled_stem(sample: Sample) -> str:
    """`label.name`, as Edge Impulse names the files of an export; a file already named so keeps its name."""
    label = sample.label.label if isinstance(sample.label, ClassLabel) else None
    if isinstance(sample.payload, FilePayload):
        name = composed(sample.payload.relative.rpartition("/")[2])
        if (label is None and not sample.boxes) or (label is not None and name.startswith(f"{label}.")):
            return name.rpartition(".")[0] or name
    stem = stem_of(sample)
    return stem if label is None else f"{_safe_label(label)}.{stem}"


@functools.lru_cache(maxsize=4096)
def _safe_label(label: str) -> str:
    return safe_file_name(label)
