"""Walking a dataset's folders, and laying files into one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path, PurePosixPath

from ei_compat.dataset import (
    PICTURE_SUFFIXES,
    SIGNAL_SUFFIXES,
    ArrayRow,
    Category,
    ClassLabel,
    FilePayload,
    Sample,
    Signal,
)
from ei_compat.datasets._format import WriteOptions
from ei_compat.errors import DataError, FormatError, LimitError
from ei_compat.files import (
    CHUNK,
    LONGEST_NAME,
    Inside,
    composed,
    cut_name,
    encodable,
    link_or_copy,
    safe_file_name,
)
from ei_compat.limits import Limits
from ei_compat.picture_files import picture_of_row, write_png
from ei_compat.progress import Progress
from ei_compat.signals import SignalForm, encode_signal, read_signal

VIDEO_SUFFIXES = frozenset({".mp4", ".avi"})
SAMPLE_SUFFIXES = PICTURE_SUFFIXES | SIGNAL_SUFFIXES | VIDEO_SUFFIXES
CATEGORY_FOLDERS = {
    "train": Category.TRAINING,
    "training": Category.TRAINING,
    "val": Category.VALIDATION,
    "valid": Category.VALIDATION,
    "validation": Category.VALIDATION,
    "test": Category.TESTING,
    "testing": Category.TESTING,
    "post-processing": Category.POST_PROCESSING,
    "split": Category.SPLIT,
}
MOST_LABEL_FILES = 16
LABEL_SUFFIX = len(".xml")  # of a label file beside a picture; it has the picture's name otherwise
DEEPEST = 16  # folders below a dataset's root


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not _hidden(entry.name)), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name == "Thumbs.db"


def folders_of(folder: Path) -> list[str]:
    """Names of the folders directly below, sorted, hidden ones left out."""
    return [entry.name for entry in _entries(folder) if entry.is_dir()]


def files_of(folder: Path) -> list[str]:
    """Names of the files directly below, sorted, hidden ones left out."""
    return [entry.name for entry in _entries(folder) if entry.is_file()]


def sample_files_of(folder: Path) -> list[str]:
    """Names of pictures, signals and videos directly below, sorted."""
    return [name for name in files_of(folder) if PurePosixPath(name).suffix.lower() in SAMPLE_SUFFIXES]


def is_sample_file(name: str) -> bool:
    """Whether a file's extension is one of a picture, signal or video."""
    return PurePosixPath(name).suffix.lower() in SAMPLE_SUFFIXES


def walk(root: Path, below: str, limits: Limits, inside: Inside) -> Iterator[str]:
    """Relative paths of the sample files at any depth under `root/below`, sorted; see `walk_files`."""
    return walk_files(root, below, limits, SAMPLE_SUFFIXES, inside)


def walk_files(
    root: Path, below: str, limits: Limits, suffixes: Set[str], inside: Inside | None = None
) -> Iterator[str]:
    """Relative paths of the files with one of these extensions at any depth under `root/below`, sorted.

    Raises:
        FormatError: when a linked folder or a link out of the dataset is met.
        LimitError: when there are more than `limits.samples`.
    """
    inside, found = inside or Inside(root), 0
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        if folder.count("/") > DEEPEST:
            raise LimitError(f"folders are nested deeper than {DEEPEST}", where=root / folder)
        deeper = []
        for entry in _entries(root / folder):
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir():
                if entry.is_symlink():
                    raise FormatError("is a link to a folder", where=root / relative, fix="copy the folder here")
                deeper.append(relative)
            elif PurePosixPath(entry.name).suffix.lower() in suffixes:
                found += 1
                if not encodable(entry.name):
                    raise FormatError(f"name {entry.name!r} is not UTF-8", where=root / folder, fix="rename the file")
                if found > limits.samples:
                    raise LimitError(f"more than {limits.samples:,} files", where=root, fix="raise Limits.samples")
                yield inside.file(relative, where=str(root)) if entry.is_symlink() else relative
        waiting.extend(reversed(deeper))


def files_holding(path: Path, suffix: str, marks: Sequence[bytes]) -> list[str]:
    """Label files that contain every mark: relative paths at the top, in `annotations/` and in sets' folders.

    A folder with more than a few such files is not looked into, since they are then data. `path` may be the label file
    itself.
    """
    if path.is_file():
        return [path.name] if path.suffix.lower() == suffix and _holds(path, marks) else []
    label_folders = {"annotations", "images", *CATEGORY_FOLDERS}
    found = []
    for place in ["", *(name for name in folders_of(path) if name.lower() in label_folders)]:
        names = [name for name in files_of(path / place) if name.lower().endswith(suffix)]
        candidates = [f"{place}/{name}" if place else name for name in names[: MOST_LABEL_FILES + 1]]
        if len(candidates) <= MOST_LABEL_FILES:
            found += [relative for relative in candidates if _holds(path / relative, marks)]
    return found


def _holds(path: Path, marks: Sequence[bytes]) -> bool:
    missing, tail = set(marks), b""
    with path.open("rb") as stream:
        while missing and (piece := stream.read(CHUNK)):
            missing -= {mark for mark in missing if mark in tail + piece}
            tail = piece[-64:]
    return not missing


def category_folders(root: Path) -> dict[str, Category]:
    """The folders directly below that are named after a category, with it, in the order of their names."""
    return {name: CATEGORY_FOLDERS[name.lower()] for name in folders_of(root) if name.lower() in CATEGORY_FOLDERS}


def file_label(name: str) -> str | None:
    """The label in `label.rest.ext`: what stands before the first dot; None where the name has only one."""
    parts = name.split(".")
    return parts[0].strip() or None if len(parts) >= 3 else None


def folded(path: str) -> str:
    """What two paths share that some file system takes for the same: capitals and Unicode's forms do not matter."""
    return composed(path.casefold())


class Layout:
    """Gives every sample a file below `target`, under names that no two share.

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

    def place(self, sample: Sample, folder: str, stem: str) -> str:
        """Writes the sample's data as `folder/stem` with its extension, cut to what a name may be.

        Returns:
            The relative path.
        """
        relative = self._free(f"{folder}/" if folder else "", stem, self._suffix(sample))
        if folder not in self._folders:
            (self.target / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self._write(sample, f"{self.target}/{relative}")
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
            return f".{self.options.signal_form or SignalForm.JSON}"
        return sample.payload.suffix if isinstance(sample.payload, FilePayload) else ".png"

    def _is_encoded(self, sample: Sample) -> bool:
        """Whether the sample is a signal that is not simply a file to be linked."""
        if isinstance(sample.payload, FilePayload):
            form = self.options.signal_form
            return form is not None and sample.payload.suffix in SIGNAL_SUFFIXES - {f".{form}"}
        return isinstance(sample.payload, Signal)

    def _write(self, sample: Sample, path: str) -> None:
        if self._is_encoded(sample):
            form = self.options.signal_form or SignalForm.JSON
            signal = read_signal(sample.payload, self.options.limits, self.progress)
            Path(path).write_bytes(encode_signal(signal, form))
        elif isinstance(sample.payload, ArrayRow):
            write_png(Path(path), picture_of_row(sample.payload, where=sample.id))
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
    return stem if label is None else f"{safe_file_name(label)}.{stem}"
