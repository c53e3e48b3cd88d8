"""A dataset's folder, listed once: the only place that walks one."""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from urllib.parse import unquote

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.files import CHUNK, Inside, composed, encodable
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, SIGNAL_SUFFIXES, Category
from ei_compat.formats._folder_names import set_named
from ei_compat.formats._harmless import is_document, is_system_file, is_system_folder
from ei_compat.formats._side_files import is_row, is_signal

VIDEO_SUFFIXES = frozenset({".mp4", ".avi"})
TABLE_SUFFIXES = frozenset({".parquet"})  # only the ingestion service reads these
SAMPLE_SUFFIXES = IMAGE_SUFFIXES | SIGNAL_SUFFIXES | VIDEO_SUFFIXES | TABLE_SUFFIXES
TEXT_SIGNALS = frozenset({".json", ".csv"})  # which may as well be something else
MOST_LABEL_FILES = 16
DEEPEST = 16  # folders below a dataset's root
SPARE = 1000  # files beside the samples that a folder may always hold


class Tree:
    """Every file below a folder, in the order in which they are read: a folder's own, then those of its folders.

    Args:
        path: the folder, or a label file in it that the user named.
        limits: how many samples, and about as many other files, are listed at most.
        sure: see below.

    Attributes:
        root: the folder.
        only: the name of the label file that the user named, or None.
        files: relative paths with forward slashes; the files of systems and editors are only counted.
        system: how many of those there are, those in their folders included.
        prefix: the folder's path below the one that the user named; empty where it is that one.
        sure: whether the user named the format, so that nothing has to be guessed.
        inside: checks paths that label files name.

    Raises:
        LimitError: when there are far more files than samples are allowed.
    """

    def __init__(self, path: Path, limits: Limits = DEFAULT_LIMITS, *, sure: bool = False) -> None:
        self.only = path.name if path.is_file() else None
        self.root = path if self.only is None else path.parent
        self.limits = limits
        self.inside = Inside(self.root)
        self.system = 0
        self._names: dict[str, list[str]] = {}  # of files, by folder
        self._folders: dict[str, list[str]] = {}
        self._barred: dict[str, DataError] = {}  # folders that are not entered, and what is said when they are needed
        self._special: list[str] = []  # neither files nor folders
        self._links: set[str] = set()
        self.files = tuple(self._listed())
        self._known = frozenset(self.files)
        self._by_look: dict[str, list[str]] | None = None  # made when it is needed
        self.sure = sure
        self.prefix = ""

    def _listed(self) -> Iterator[str]:
        found, most = 0, 4 * self.limits.samples + SPARE
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            names, folders = self._scan(folder)
            self._names[folder], self._folders[folder] = names, folders
            found += len(names)
            if found > most:
                raise LimitError(f"more than {most:,} files", where=self.root, fix="raise Limits.samples")
            yield from (join(folder, name) for name in names)
            below = [join(folder, name) for name in folders]
            waiting.extend(path for path in reversed(below) if path not in self._barred)

    def _scan(self, folder: str) -> tuple[list[str], list[str]]:
        names, folders = [], []
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    if is_system_folder(entry.name):
                        self.system += 0 if entry.is_symlink() else _count(entry.path)
                        continue
                    folders.append(entry.name)
                    self._bar(join(folder, entry.name), is_link=entry.is_symlink())
                elif is_system_file(entry.name):
                    self.system += 1
                elif not (entry.is_file() or entry.is_symlink()):
                    self._special.append(join(folder, entry.name))
                else:
                    names.append(entry.name)
                    if entry.is_symlink():
                        self._links.add(join(folder, entry.name))
        return sorted(names), sorted(folders)

    def _bar(self, folder: str, *, is_link: bool) -> None:
        where = self.root / folder
        if is_link:
            self._barred[folder] = FormatError("is a link to a folder", where=where, fix="copy the folder here")
        elif folder.count("/") >= DEEPEST:
            self._barred[folder] = LimitError(f"folders are nested deeper than {DEEPEST}", where=where)

    def __contains__(self, relative: str) -> bool:
        return relative in self._known

    def names(self, folder: str = "") -> list[str]:
        """Names of the files directly in a folder, sorted."""
        return self._names.get(folder, [])

    def looking_like(self, path: str) -> list[str]:
        """The files whose path differs from this one in percent-encoding, Unicode form and capitals only."""
        if self._by_look is None:
            self._by_look = {}
            for known in self.files:
                self._by_look.setdefault(looks(known), []).append(known)
        return self._by_look.get(looks(path), [])

    def folders(self, folder: str = "") -> list[str]:
        """Names of the folders directly in a folder, sorted."""
        return self._folders.get(folder, [])

    def barred(self) -> list[str]:
        """What was not looked into: links to folders, folders that lie too deep, pipes, sockets and devices."""
        return [*self._barred, *self._special]

    def sets(self) -> dict[str, Category]:
        """The folders at the top that are named after a set, with it, in the order of their names."""
        return {name: category for name in self.folders() if (category := set_named(name)) is not None}

    def is_wrapper(self) -> bool:
        """Whether there is nothing but one folder, and documents beside it."""
        filled = [name for name in self.folders() if any(path.startswith(f"{name}/") for path in self.files)]
        return len(filled) == 1 and all(map(is_document, self.names()))

    def inner(self) -> Tree | None:
        """The single folder in this one, where no sample and no other folder with one lies beside it; not a set's."""
        top = self.filled("")
        if len(top) != 1 or self.has_samples() or set_named(top[0]) is not None or top[0] in self._barred:
            return None
        start = f"{top[0]}/"
        tree = copy.copy(self)
        tree.root, tree.prefix = self.root / top[0], join(self.prefix, top[0])
        tree.inside = Inside(tree.root)
        tree.files = tuple(path.removeprefix(start) for path in self.files if path.startswith(start))
        for part in ("_names", "_folders", "_barred"):
            known = getattr(self, part)
            setattr(
                tree,
                part,
                {f"{k}/".removeprefix(start).rstrip("/"): v for k, v in known.items() if f"{k}/".startswith(start)},
            )
        for part in ("_known", "_links"):
            setattr(tree, part, frozenset(k.removeprefix(start) for k in getattr(self, part) if k.startswith(start)))
        for cached in ("samples", "_direct", "_filled", "_by_suffix"):
            vars(tree).pop(cached, None)
        return tree

    @functools.cached_property
    def _by_suffix(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(suffix_of(path), []).append(path)
        return found

    def _with(self, suffixes: Set[str]) -> list[str]:
        return [path for suffix, paths in self._by_suffix.items() if suffix in suffixes for path in paths]

    @functools.cached_property
    def samples(self) -> frozenset[str]:
        """Every file that is a sample by its extension; JSON and CSV where it also looks like a signal.

        A JSON or CSV file that bears a picture's name is that picture's, whatever it holds. A single row of numbers
        may be anybody's notes: it is a sample only where there are no others.
        """
        certain = self._with(SAMPLE_SUFFIXES - TEXT_SIGNALS)
        texts = self._with(TEXT_SIGNALS)
        images = {stem for path in self._with(IMAGE_SUFFIXES) for stem in (path, stem_of(path))} if texts else set()
        texts = [path for path in texts if stem_of(path) not in images]
        found = frozenset([*certain, *(path for path in texts if is_signal(self.root / path))])
        found = found or frozenset([path for path in texts if is_row(self.root / path)])
        if len(found) > self.limits.samples:
            raise LimitError(f"more than {self.limits.samples:,} files", where=self.root, fix="raise Limits.samples")
        return found

    @functools.cached_property
    def _direct(self) -> frozenset[str]:
        """Every folder with a sample directly in it."""
        return frozenset([path.rpartition("/")[0] for path in self.samples])

    @functools.cached_property
    def _filled(self) -> frozenset[str]:
        """Every folder with a sample in it at any depth, or with a folder that is not entered."""
        found: set[str] = set()
        for start in (*self._direct, *self._barred):
            folder = start
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    def has_samples(self, folder: str = "") -> bool:
        """Whether a picture, signal or video lies directly in a folder."""
        return folder in self._direct

    def filled(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder that hold a sample at any depth, sorted."""
        return [name for name in self.folders(folder) if join(folder, name) in self._filled]

    def samples_in(self, folder: str = "") -> list[str]:
        """Names of pictures, signals and videos directly in a folder, sorted."""
        return [name for name in self.names(folder) if join(folder, name) in self.samples]

    def samples_below(self, folder: str) -> Iterator[str]:
        """Relative paths of pictures, signals and videos at any depth; see `below`."""
        return self._walk(folder, self.samples.__contains__)

    def below(self, folder: str, suffixes: Set[str]) -> Iterator[str]:
        """Relative paths of the files with one of these extensions at any depth.

        Raises:
            FormatError: when a linked folder or a link out of the dataset is met.
            LimitError: when there are more than `limits.samples`, or folders lie too deep.
        """
        return self._walk(folder, frozenset(self._with(suffixes)).__contains__)

    def _walk(self, folder: str, wanted: Callable[[str], bool]) -> Iterator[str]:
        found, waiting = 0, [folder]
        while waiting:
            place = waiting.pop()
            if place in self._barred:
                raise self._barred[place]
            for name in self.names(place):
                relative = f"{place}/{name}" if place else name
                if wanted(relative):
                    found += 1
                    if found > self.limits.samples:
                        what = f"more than {self.limits.samples:,} files"
                        raise LimitError(what, where=self.root, fix="raise Limits.samples")
                    yield relative if name.isascii() and relative not in self._links else self._checked(place, name)
            waiting.extend(join(place, name) for name in reversed(self.folders(place)))

    def _checked(self, folder: str, name: str) -> str:
        if not encodable(name):
            raise FormatError(f"name {name!r} is not UTF-8", where=self.root / folder, fix="rename the file")
        relative = join(folder, name)
        return self.inside.file(relative, where=str(self.root)) if relative in self._links else relative

    def holding(self, suffix: str, marks: Sequence[bytes]) -> list[str]:
        """Label files that contain every mark, wherever they lie.

        A folder with more than a few such files is not looked into, since they are then data, as signals are. Where
        the user named a file, it is that one or none.
        """
        if self.only is not None:
            return [self.only] if suffix_of(self.only) == suffix and self._holds(self.only, marks) else []
        by_folder: dict[str, list[str]] = {}
        for path in self._by_suffix.get(suffix, ()):
            if path not in self.samples:
                by_folder.setdefault(path.rpartition("/")[0], []).append(path)
        few = (paths for paths in by_folder.values() if len(paths) <= MOST_LABEL_FILES)
        return [path for paths in few for path in paths if self._holds(path, marks)]

    def _holds(self, relative: str, marks: Sequence[bytes]) -> bool:
        path, missing, tail = self.root / relative, set(marks), b""
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            while missing and (piece := stream.read(CHUNK)):
                missing -= {mark for mark in missing if mark in tail + piece}
                tail = piece[-64:]
        return not missing


def _count(folder: str) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def looks(name: str) -> str:
    """What names share that differ in percent-encoding, Unicode form and capitals only."""
    return composed(unquote(composed(name))).casefold()


def join(folder: str, name: str) -> str:
    """A relative path."""
    return f"{folder}/{name}" if folder else name


def stem_of(path: str) -> str:
    """A path without its extension."""
    return path[: len(path) - len(suffix_of(path))]


def stem_of_path(path: str) -> str:
    """The name at the end of a path without its extension, as `PurePath.stem` has it."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


@functools.lru_cache(maxsize=1 << 15)  # every format asks it of every file
def suffix_of(name: str) -> str:
    """The extension of a file's name or path in lower case, with its dot; empty where it has none."""
    name = name.rpartition("/")[2]
    at = name.rfind(".")
    return name[at:].lower() if at > 0 else ""
