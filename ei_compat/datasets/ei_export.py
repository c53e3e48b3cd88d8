"""Edge Impulse's own export: `info.labels` (version 1, JSON or NDJSON) beside the files that it names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ei_compat.dataset import (
    NO_METADATA,
    UNLABELLED,
    Category,
    ClassLabel,
    Dataset,
    FilePayload,
    Interval,
    Intervals,
    KeyValues,
    Label,
    Sample,
    Unlabelled,
    checked_box,
)
from ei_compat.datasets._beside import boxes_beside
from ei_compat.datasets._folders import Layout, labelled_stem
from ei_compat.datasets._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.datasets._tree import Tree
from ei_compat.errors import FormatError, LimitError
from ei_compat.files import Inside, replaced_file
from ei_compat.parsing import ObjectWithItems, parse_json, read_text, typed
from ei_compat.progress import SILENT, Progress
from ei_compat.reading import Reading

INFO = "info.labels"
VERSION = 1


# How one entry of `files` looks in the document; names are the document's.


@dataclass(frozen=True, slots=True)
class _Box:
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Interval:
    startIndex: int  # noqa: N815 - the document's name, as below
    endIndex: int  # noqa: N815
    label: str
    labelMap: dict[str, str] | None = None  # noqa: N815


@dataclass(frozen=True, slots=True)
class _Label:
    type: Literal["unlabeled", "label", "multi-label", "keyvalue-labels"]
    label: str | None = None
    labels: list[_Interval] | dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    category: Category
    label: _Label
    name: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None
    boundingBoxes: list[_Box] | None = field(default=None)  # noqa: N815


_MEMBERS = {each.name for each in fields(_File)}


def recognise(tree: Tree) -> bool:
    """Whether the folder holds an `info.labels`, or the path is one."""
    return INFO in tree if tree.only is None else tree.only == INFO


def read(tree: Tree) -> Dataset:
    """Reads an export; ids are the files' relative paths.

    Raises:
        FormatError: with the entry at fault; also for a path that leaves the folder.
        DataError: when a file that an entry names is missing.
    """
    root, labels = tree.root, _Labels()
    info = root / INFO
    listed, dropped = [], Counter[str]()
    for number, entry in enumerate(_entries(read_text(info, tree.limits), where=str(info))):
        where = f"{info}, files[{number}]"
        if number >= tree.limits.samples:
            raise LimitError(f"more than {tree.limits.samples:,} entries", where=info, fix="raise Limits.samples")
        listed.append(_sample(typed(_File, entry, where=where), root, tree.inside, labels, where=where))
        dropped.update(name for name in entry.keys() - _MEMBERS if entry[name])
    samples, beside, remarks = boxes_beside(listed, tree)
    remarks += [f"{INFO}: {name} not carried, of {count} samples" for name, count in sorted(dropped.items())]
    reading = Reading(label_files=(INFO, *beside), remarks=tuple(remarks))
    return Dataset.of(samples, format=FORMAT.name, root=root, reading=reading)


def _entries(text: str, *, where: str) -> Iterator[Any]:
    """The items of `files`, one at a time."""
    first, _, rest = text.partition("\n")
    if '"__ndjson"' in first:
        yield from _ndjson_entries(first, rest, where=where)
        return
    document = ObjectWithItems(text, "files", where=where)
    for _, entry in document:
        yield entry
    _check_version(document.members, where=where)
    if not document.found:
        raise FormatError("has no list 'files'", where=where)


def _ndjson_entries(first: str, rest: str, *, where: str) -> Iterator[Any]:
    header = parse_json(first, where=f"{where}, line 1")
    _check_version(header, where=where)
    for number, line in enumerate(rest.split("\n"), start=2):
        if not line.strip():
            continue
        item = parse_json(line, where=f"{where}, line {number}")
        if not isinstance(item, dict) or "__key" not in item or "__item" not in item:
            raise FormatError("has no '__key' and '__item'", where=f"{where}, line {number}")
        if item["__key"] == "files":
            yield item["__item"]


def _check_version(header: Any, *, where: str) -> None:
    version = header.get("version", VERSION) if isinstance(header, dict) else None
    if version != VERSION:  # a document without a version is of version 1, as the first exports were
        raise FormatError(f"has version {version!r}, not {VERSION}", where=where)


class _Labels:
    """Shares equal class labels, of which a large dataset has many."""

    def __init__(self) -> None:
        self._known: dict[str, ClassLabel] = {}

    def of_class(self, label: str) -> ClassLabel:
        return self._known.setdefault(label, ClassLabel(label))


def _sample(entry: _File, root: Path, inside: Inside, labels: _Labels, *, where: str) -> Sample:
    relative = inside.file(entry.path, where=where)
    listed = entry.boundingBoxes
    boxes = (
        None
        if listed is None
        else tuple(checked_box(box.label, box.x, box.y, box.width, box.height, where=where) for box in listed)
    )
    return Sample(
        id=relative,
        name=entry.name if entry.name is not None else PurePosixPath(relative).stem,
        category=entry.category,
        label=_label(entry.label, labels, where=f"{where}.label"),
        payload=FilePayload(str(root), relative),
        boxes=boxes,
        metadata={key: _text(value) for key, value in entry.metadata.items()} if entry.metadata else NO_METADATA,
    )


def _text(value: str | int | float | bool | None) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _label(label: _Label, labels: _Labels, *, where: str) -> Label:
    match label:
        case _Label(type="unlabeled"):
            return UNLABELLED
        case _Label(type="label", label=str() as name):
            return labels.of_class(name)
        case _Label(type="multi-label", labels=list() as intervals):
            return Intervals(tuple(_interval(interval, where=where) for interval in intervals))
        case _Label(type="keyvalue-labels", labels=dict() as values):
            return KeyValues(values)
        case _:
            raise FormatError(f"has type {label.type!r} but not its value", where=where)


def _interval(interval: _Interval, *, where: str) -> Interval:
    if not 0 <= interval.startIndex <= interval.endIndex:
        raise FormatError(f"interval {interval.startIndex} to {interval.endIndex} cannot be", where=where)
    return Interval(interval.startIndex, interval.endIndex, interval.label, interval.labelMap or NO_METADATA)


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes an export into the empty folder `target`; a sample without a category is left to the project to split."""
    layout = Layout(target, options, progress)
    with progress.task("write", len(dataset), "files") as task, replaced_file(target / INFO) as stream:
        stream.write(b'{"version":1,"files":[')
        for number, sample in enumerate(dataset.samples):
            category = sample.category or Category.SPLIT
            entry = _entry(sample, layout.place(sample, category, labelled_stem(sample)), category)
            line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
            stream.write((",\n" if number else "\n").encode() + line.encode())
            task.advance()
        stream.write(b"\n]}\n")
    return ()


def _entry(sample: Sample, path: str, category: Category) -> Mapping[str, Any]:
    entry: dict[str, Any] = {
        "path": path,
        "name": sample.name,
        "category": category.value,
        "label": label_as_json(sample.label),
        "metadata": dict(sample.metadata),
    }
    if sample.boxes is not None:
        entry["boundingBoxes"] = [box.as_json() for box in sample.boxes]
    return entry


def label_as_json(label: Label) -> dict[str, Any]:
    """The `label` object of an entry."""
    match label:
        case Unlabelled():
            return {"type": "unlabeled"}
        case ClassLabel(name):
            return {"type": "label", "label": name}
        case Intervals(intervals):
            return {"type": "multi-label", "labels": [interval_as_json(interval) for interval in intervals]}
        case KeyValues(values):
            return {"type": "keyvalue-labels", "labels": dict(values)}


def interval_as_json(interval: Interval) -> dict[str, Any]:
    """One item of `labels` of a multi-label entry."""
    item: dict[str, Any] = {"startIndex": interval.start, "endIndex": interval.end, "label": interval.label}
    return item | ({"labelMap": dict(interval.label_map)} if interval.label_map else {})


FORMAT = Format(
    name="ei-export",
    looks_for="a file info.labels",
    carries=frozenset(Carries) - {Carries.FEATURES},
    recognise=recognise,
    read=read,
    write=write,
)
