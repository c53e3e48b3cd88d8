"""Edge Impulse's own export: `info.labels` (version 1, JSON or NDJSON) beside the files that it names."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, Literal

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.files import replaced_file
from ei_compat.core.parsing import ObjectWithItems, parse_json, read_text, typed
from ei_compat.core.progress import SILENT, Progress
from ei_compat.core.words import counted
from ei_compat.dataset.dataset import (
    NO_METADATA,
    UNLABELLED,
    Box,
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
)
from ei_compat.dataset.label_files import IntervalEntry
from ei_compat.dataset.reading import Reading
from ei_compat.formats._boxes_beside import boxes_beside
from ei_compat.formats._format import DEFAULT_OPTIONS, Carries, Format, LeftOut, WriteOptions
from ei_compat.formats._layout import Layout, labelled_stem
from ei_compat.formats._tree import Tree, join, stem_of_path
from ei_compat.media.box_check import BoxCheck, size_or_none

INFO = "info.labels"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
VERSION = 1


# How one entry of `files` looks in the document; names are the document's.


@dataclass(frozen=True, slots=True)
class _Label:
    type: Literal["unlabeled", "label", "multi-label", "keyvalue-labels"]
    label: str | None = None
    labels: list[IntervalEntry] | dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    category: Category
    label: _Label
    name: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None
    boundingBoxes: list[Box] | None = field(default=None)  # noqa: N815


_MEMBERS = {each.name for each in fields(_File)}
EMPTY: tuple[Any, ...] = (None, "", [], {})  # values of a member that say nothing; false says something


def recognise(tree: Tree) -> bool:
    """Whether there is an `info.labels`, at the top or in any folder below, or the path is one."""
    return bool(_infos(tree))


def _infos(tree: Tree) -> list[str]:
    """Every `info.labels`; the documentation allows one in each folder, for the files in it."""
    if tree.only is not None:
        return [INFO] if tree.only == INFO else []
    return [path for path in tree.files if path == INFO or path.endswith(f"/{INFO}")]


def read(tree: Tree) -> Dataset:
    """Reads an export, with the `info.labels` of its folders; ids are the files' relative paths.

    Raises:
        FormatError: with the entry at fault; also for a path that leaves the folder.
        DataError: when a file that an entry names is missing, or two label files disagree about one.
    """
    read, infos = _Export(tree), _infos(tree)
    for info in infos:
        read.add(info)
    samples, beside, remarks = boxes_beside(list(read.samples.values()), tree, read.check)
    remarks += [
        f"{INFO}: {name} not carried, of {counted(count, 'sample')}" for name, count in sorted(read.dropped.items())
    ]
    remarks += read.check.remarks()
    reading = Reading(label_files=(*infos, *beside), remarks=tuple(remarks))
    return Dataset.of(samples, format=FORMAT.name, root=tree.root, reading=reading)


class _Export:
    """The samples of an export, as its label files are read.

    Attributes:
        samples: by relative path.
        dropped: how many samples had something that is not carried, by its name.
        check: what was done to boxes.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.samples: dict[str, Sample] = {}
        self.dropped: Counter[str] = Counter()
        self.check = BoxCheck()
        self._from: dict[str, str] = {}  # the label file of every sample
        self._labels = _Labels()

    def add(self, info: str) -> None:
        """Reads one label file; paths in it are relative to its folder."""
        path, most = self.tree.root / info, self.tree.limits.samples
        for number, entry in enumerate(_entries(read_text(path, self.tree.limits), where=str(path))):
            where = f"{path}, files[{number}]"
            if number >= most:
                raise LimitError(f"more than {most:,} entries", where=path, fix="raise Limits.samples")
            sample = self._sample(typed(_File, entry, where=where), info.rpartition("/")[0], where=where)
            other = self._from.setdefault(sample.id, info)
            if other == info and sample.id in self.samples:
                raise DataError(f"lists {sample.id!r} twice", where=where, fix="list each sample once")
            if other != info and replace(sample, name=self.samples[sample.id].name) != self.samples[sample.id]:
                what = f"says something else of {sample.id!r} than {other}"
                raise DataError(what, where=where, fix="remove the one that is wrong")
            self.samples.setdefault(sample.id, sample)
            self.dropped.update(name for name in entry.keys() - _MEMBERS if entry[name] not in EMPTY)

    def _sample(self, entry: _File, folder: str, *, where: str) -> Sample:
        relative = self._located(entry.path, folder, where=where)
        payload, listed = FilePayload(str(self.tree.root), relative), entry.boundingBoxes
        if listed:
            payload = replace(payload, size=size_or_none(payload, self.tree.limits))
        label = _label(entry.label, self._labels, where=f"{where}.label")
        if isinstance(label, Intervals):
            from ei_compat.media.signals import check_intervals  # which most sets have none of

            check_intervals(label.intervals, payload, self.tree.limits, where=f"{where}.label")
        return Sample(
            id=relative,
            name=entry.name if entry.name is not None else stem_of_path(relative),
            category=entry.category,
            label=label,
            payload=payload,
            boxes=None if listed is None else self.check.listed(listed, payload.size, where=where),
            metadata={key: _text(value) for key, value in entry.metadata.items()} if entry.metadata else NO_METADATA,
        )

    def _located(self, path: str, folder: str, *, where: str) -> str:
        """The file that an entry means: below the label file's folder, or else below the whole set's."""
        nearest = join(folder, path)
        for place in (nearest, path):
            if place in self.tree:
                return self.tree.inside.file(place, where=where)
        alike = self.tree.looking_like(nearest.replace("\\", "/"))
        return self.tree.inside.file(alike[0] if len(alike) == 1 else nearest, where=where)


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
    """Shared class labels: a large dataset has many equal ones."""

    def __init__(self) -> None:
        self._known: dict[str, ClassLabel] = {}

    def of_class(self, label: str) -> ClassLabel:
        return self._known.setdefault(label, ClassLabel(label))


def _text(value: str | int | float | bool | None) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _label(label: _Label, labels: _Labels, *, where: str) -> Label:
    match label:
        case _Label(type="unlabeled") | _Label(type="label", label=""):
            return UNLABELLED
        case _Label(type="label", label=str() as name):
            return labels.of_class(name)
        case _Label(type="multi-label", labels=list() as intervals):
            return Intervals(tuple(_interval(each, where=where) for each in intervals))
        case _Label(type="keyvalue-labels", labels=dict() as values):
            return KeyValues(values)
        case _:
            raise FormatError(f"has type {label.type!r} but not its value", where=where)


def _interval(entry: IntervalEntry, *, where: str) -> Interval:
    interval = entry.interval
    if not 0 <= interval.start <= interval.end:
        raise FormatError(f"interval {interval.start} to {interval.end} cannot be", where=where)
    return interval


def write(
    dataset: Dataset, target: Path, *, options: WriteOptions = DEFAULT_OPTIONS, progress: Progress = SILENT
) -> LeftOut:
    """Writes an export into the empty folder `target`; a sample without a category is left to the project to split."""
    layout = Layout(target, options, progress)
    with progress.task("write", len(dataset), "files") as task, replaced_file(target / INFO) as stream:
        stream.write(b'{"version":1,"files":[')
        for number, sample in enumerate(dataset.samples):
            category = sample.category or Category.SPLIT
            line = _line(sample, layout.place(sample, category, labelled_stem(sample)), category)
            stream.write(f",\n{line}".encode() if number else f"\n{line}".encode())
            task.advance()
        stream.write(b"\n]}\n")
    return ()


def _line(sample: Sample, path: str, category: Category) -> str:
    """An entry as JSON, put together from its members: encoding it whole takes a third of the time of a large split."""
    members = [
        f'"path":{encode_basestring(path)}',
        f'"name":{encode_basestring(sample.name)}',
        f'"category":"{category.value}"',
        f'"label":{_class_text(sample.label) if isinstance(sample.label, ClassLabel) else _label_text(sample.label)}',
        f'"metadata":{_ENCODER.encode(dict(sample.metadata)) if sample.metadata else "{}"}',
    ]
    if sample.boxes is not None:
        members.append(f'"boundingBoxes":{_ENCODER.encode([box.as_json() for box in sample.boxes])}')
    return f"{{{','.join(members)}}}"


def _label_text(label: Label) -> str:
    return _ENCODER.encode(label_as_json(label))


_class_text = functools.lru_cache(maxsize=4096)(_label_text)  # many samples share a class, which is hashable


def label_as_json(label: Label) -> dict[str, Any]:
    """The `label` object of an entry."""
    match label:
        case Unlabelled():
            return {"type": "unlabeled"}
        case ClassLabel(name):
            return {"type": "label", "label": name}
        case Intervals(intervals):
            return {"type": "multi-label", "labels": [interval.as_json() for interval in intervals]}
        case KeyValues(values):
            return {"type": "keyvalue-labels", "labels": dict(values)}


FORMAT = Format(
    name="ei-export",
    looks_for="a file info.labels",
    carries=frozenset(Carries) - {Carries.FEATURES},
    recognise=recognise,
    read=read,
    write=write,
)
