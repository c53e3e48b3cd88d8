"""Boxes of a `bounding_boxes.labels` beside an `info.labels`, which has the last word on the files beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ei_compat.dataset.dataset import Box, Sample
from ei_compat.dataset.label_files import BOXES
from ei_compat.formats._tree import Tree, join
from ei_compat.formats.sidecars import read_boxes
from ei_compat.media.box_check import BoxCheck

NAMED = 2  # files that a remark names


def boxes_beside(samples: Sequence[Sample], tree: Tree, check: BoxCheck) -> tuple[list[Sample], list[str], list[str]]:
    """The samples with the boxes of the files beside them, as the official uploader has it.

    Args:
        samples: of files; ids are their relative paths.
        tree: their folder.
        check: counts what is done to boxes.

    Returns:
        The samples, the label files that were used, and remarks: which boxes gave way, what no sample belongs to.

    Raises:
        FormatError: such a file is damaged.
    """
    folders = dict.fromkeys(str(PurePosixPath(sample.id).parent) for sample in samples)
    found: dict[str, tuple[Box, ...] | None] = {}
    used: list[str] = []
    for folder in folders:
        near = "" if folder == "." else folder
        if (path := join(near, BOXES)) in tree:
            used.append(path)
            listed = read_boxes(tree.root / path, tree.limits, check)
            found |= {join(near, name): boxes for name, boxes in listed.items()}
    if not found:
        return list(samples), used, []
    changed = [replace(each, boxes=found[each.id]) if each.id in found else each for each in samples]
    return changed, used, list(_remarks(samples, found))


def _remarks(samples: Sequence[Sample], found: dict[str, tuple[Box, ...] | None]) -> Iterator[str]:
    overruled = [each.id for each in samples if each.boxes and found.get(each.id, each.boxes) != each.boxes]
    if overruled:
        yield f"{BOXES} beside it overrules the boxes of {_counted(overruled)} in info.labels"
    unknown = sorted(found.keys() - {each.id for each in samples})
    if unknown:
        yield f"{BOXES} speaks of {_counted(unknown)} that info.labels does not list"


def _counted(names: Sequence[str]) -> str:
    more = ", …" if len(names) > NAMED else ""
    return f"{len(names)} file{'s' * (len(names) > 1)} ({', '.join(names[:NAMED])}{more})"
