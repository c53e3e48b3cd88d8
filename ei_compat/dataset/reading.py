"""Account of what a reader made of every file in a folder, which each dataset carries with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

LISTED = 1000  # files that JSON names; the rest is counted
SHOWN = 2  # names of each kind that a line gives
KINDS_SHOWN = 6  # kinds of files that a line names one by one


class Kind(StrEnum):
    """Kind of a file that was not read, by its looks."""

    IMAGE = "loose pictures"
    SIGNAL = "loose signals"
    LABELS = "label files"
    OTHER = "other files"


@dataclass(frozen=True, slots=True)
class NotRead:
    """A file that is neither a sample, nor a label file that was used, nor known to be harmless.

    Attributes:
        path: below the folder that was named, with forward slashes.
        kind: what it looks like.
    """

    path: str
    kind: Kind

    @property
    def group(self) -> str:
        """What it is counted under: its kind, or its extension where it is just some file."""
        if self.kind is not Kind.OTHER:
            return self.kind.value
        return PurePosixPath(self.path).suffix.lower() or "without an extension"


@dataclass(frozen=True, slots=True)
class Reading:
    """The account of a folder: samples, label files, harmless files and those that were not read make all its files.

    Attributes:
        label_files: relative paths of the files that labels came from.
        files: how many files there are, those of systems and editors (`harmless`) included.
        harmless: how many files were left alone as known to be harmless, such as a README.
        not_read: every other file that is no sample.
        unlisted: ids of the samples that no label file speaks of, and that are unlabelled for that.
        remarks: one line for everything else that was decided while reading, such as a folder that was entered.
    """

    label_files: tuple[str, ...] = ()
    files: int = 0
    harmless: int = 0
    not_read: tuple[NotRead, ...] = ()
    unlisted: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """What a person has to be told, a line each: the remarks, and what was not read with counts and first names."""
        lines = list(self.remarks)
        if self.unlisted:
            are = "1 sample is" if len(self.unlisted) == 1 else f"{len(self.unlisted)} samples are"
            lines.append(f"{are} in no label file and unlabelled: {_first(self.unlisted)}")
        if self.not_read:
            lines.append(summary(self.not_read))
        return tuple(lines)

    def as_json(self) -> dict[str, Any]:
        """The account as JSON values; at most `LISTED` names."""
        return {
            "files": self.files,
            "label_files": len(self.label_files),
            "harmless": self.harmless,
            "not_read": len(self.not_read),
            "not_read_by_kind": dict(Counter(each.group for each in self.not_read).most_common()),
            "not_read_first": [each.path for each in self.not_read[:LISTED]],
            "unlisted": len(self.unlisted),
            "unlisted_first": list(self.unlisted[:LISTED]),
            "remarks": list(self.remarks),
        }


NOTHING_READ = Reading()


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])


def summary(files: tuple[NotRead, ...]) -> str:
    """Such as `12 files were not read: 10 .avif (a.avif, …), 2 loose pictures (b.jpg, c.jpg)`."""
    groups = Counter(each.group for each in files).most_common()
    parts = []
    for group, count in groups[:KINDS_SHOWN]:
        names = [each.path for each in files if each.group == group]
        word = group.removesuffix("s") if count == 1 and group.startswith(("loose", "label")) else group
        parts.append(f"{count} {word} ({_first(names)})")
    if len(groups) > KINDS_SHOWN:
        parts.append(f"{sum(count for _, count in groups[KINDS_SHOWN:])} of other kinds")
    return f"{'1 file was' if len(files) == 1 else f'{len(files)} files were'} not read: {', '.join(parts)}"
