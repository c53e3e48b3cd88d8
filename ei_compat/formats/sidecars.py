"""Edge Impulse's label sidecars, beside the files they describe.

`bounding_boxes.labels`, `structured_labels.labels` (intervals) and `label_map.labels` (key-values), in one folder or in
`training/`, `testing/` and so on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import write_file
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import read_json, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.dataset.dataset import (
    UNLABELLED,
    Box,
    Category,
    Dataset,
    FilePayload,
    Interval,
    Intervals,
    KeyValues,
    Sample,
)
from ei_compat.dataset.label_files import (
    BOXES,
    INTERVALS,
    KEY_VALUES,
    LABEL_FILES,
    BoxFile,
    IntervalFile,
    KeyValueFile,
    LabelFiles,
)
from ei_compat.dataset.reading import Reading
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._layout import Layout, file_name_of, stem_of
from ei_compat.formats._tree import Tree, join, looks, stem_of_path
from ei_compat.media.box_check import BoxCheck, size_or_none


def recognise(tree: Tree) -> bool:
    """Whether a sidecar lies in the folder or in a category's folder, or the path is one."""
    return tree.only in LABEL_FILES if tree.only is not None else bool(_sidecars(tree))


def _sidecars(tree: Tree) -> list[str]:
    return [path for folder in ["", *tree.sets()] for name in LABEL_FILES if (path := join(folder, name)) in tree]


def read(tree: Tree) -> Dataset:
    """Reads the files of each folder with what the sidecars say of them; others are unlabelled.

    Raises:
        FormatError: naming the entry at fault.
        DataError: when a sidecar names a file that is missing.
    """
    root, samples, check = tree.root, list[Sample](), BoxCheck()
    places: dict[str, Category | None] = {f"{name}/": category for name, category in tree.sets().items()}
    for prefix, category in {"": None, **places}.items():
        found = {}
        for name in tree.samples_in(prefix.rstrip("/")):
            relative = tree.inside.file(prefix + name, where=str(root))
            payload = FilePayload(str(root), relative)
            found[name] = Sample(relative, stem_of_path(name), category, UNLABELLED, payload)
        samples.extend(_labelled(root / prefix, found, tree.limits, check))
    unlisted = tuple(s.id for s in samples if s.label == UNLABELLED and s.boxes is None)
    reading = Reading(tuple(_sidecars(tree)), unlisted=unlisted, remarks=check.remarks())
    return Dataset.of(samples, format=FORMAT.name, root=root, reading=reading)


def _labelled(folder: Path, samples: dict[str, Sample], limits: Limits, check: BoxCheck) -> Iterable[Sample]:
    """The samples of one folder with the labels of its sidecars."""

    def entry(wanted: str, sidecar: str) -> str:
        if wanted in samples:
            return wanted
        alike = [name for name in samples if looks(name) == looks(wanted)]
        if len(alike) != 1:
            raise DataError(f"file {wanted!r} is missing", where=folder / sidecar, fix="restore it or remove its entry")
        return alike[0]

    if (folder / BOXES).is_file():
        for wanted, boxes in read_boxes(folder / BOXES, limits, check).items():
            name = entry(wanted, BOXES)
            samples[name] = replace(samples[name], boxes=boxes)
    if (folder / INTERVALS).is_file():
        where = str(folder / INTERVALS)
        for wanted, rows in typed(IntervalFile, read_json(where, limits), where=where).structuredLabels.items():
            name = entry(wanted, INTERVALS)
            label = _gapless([row.interval for row in rows], where=f"{where}, {name}")
            from ei_compat.media.signals import check_intervals  # which most sets have none of

            check_intervals(label.intervals, samples[name].payload, limits, where=f"{where}, {name}")
            samples[name] = samples[name].with_label(label)
    if (folder / KEY_VALUES).is_file():
        where = str(folder / KEY_VALUES)
        for wanted, values in typed(KeyValueFile, read_json(where, limits), where=where).labels.items():
            if isinstance(values, list):
                raise FormatError("lists labels without keys, which is not supported", where=f"{where}, {wanted}")
            name = entry(wanted, KEY_VALUES)
            samples[name] = samples[name].with_label(KeyValues(values))
    return samples.values()


def read_boxes(path: Path, limits: Limits, check: BoxCheck) -> dict[str, tuple[Box, ...] | None]:
    """The boxes of a `bounding_boxes.labels` by file name, held against the pictures beside it.

    Raises:
        FormatError: naming the entry at fault.
    """
    where = str(path)
    listed = typed(BoxFile, read_json(where, limits), where=where).boundingBoxes
    return {
        name: check.listed(
            items,
            size_or_none(FilePayload(str(path.parent), name), limits) if items and "/" not in name else None,
            where=f"{where}, {name}",
        )
        for name, items in listed.items()
    }


def _gapless(intervals: Sequence[Interval], *, where: str) -> Intervals:
    """Intervals that start at 0 and follow each other, as Edge Impulse demands of this file."""
    expected = 0
    for each in intervals:
        if each.start != expected or each.end < each.start:
            what = f"interval {each.start} to {each.end} does not follow {expected - 1} without a gap"
            raise FormatError(what, where=where)
        expected = each.end + 1
    return Intervals(tuple(intervals))


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes files and sidecars, in a folder per category where the samples have one."""
    layout = Layout(target, options, progress, file_name_of)
    folders: defaultdict[str, LabelFiles] = defaultdict(LabelFiles)
    folders[""].entries(BOXES)  # so that a set without any label is still recognised
    with progress.task("write", len(dataset), "files") as task:
        for sample in dataset.samples:
            folder, _, name = layout.place(sample, sample.category or "", stem_of(sample)).rpartition("/")
            if isinstance(sample.label, Intervals):
                _gapless(sample.label.intervals, where="the sample's labels")
            folders[folder].add(name, sample.label, sample.boxes)
            task.advance()
    for folder, files in folders.items():
        for name, document in files.documents().items():
            write_file(target / folder / name, json.dumps(document, ensure_ascii=False).encode())
    return ()


FORMAT = Format(
    name="ei-labels",
    looks_for=" or ".join(LABEL_FILES),
    carries=frozenset(Carries) - {Carries.CLASS, Carries.METADATA, Carries.FEATURES},
    recognise=recognise,
    read=read,
    write=write,
)
