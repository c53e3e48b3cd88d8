"""The data splitter: training, validation and testing by share, with nothing leaking from one into another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import DIGEST, file_digest, size_and_digest
from ei_compat.core.progress import SILENT, Progress
from ei_compat.core.words import counted, verb
from ei_compat.dataset.dataset import ArrayRow, Category, ClassLabel, Dataset, FilePayload, Sample, Signal, Unlabelled
from ei_compat.dataset.stratify import Group, assign

ONE_CLASS = "give every sample one class, nothing else is supported yet"
Copies: TypeAlias = tuple[tuple[str, ...], ...]  # ids of samples that have one content
SETS = (Category.TRAINING, Category.VALIDATION, Category.TESTING)


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the samples for each set; together 1.

    Attributes:
        train: share of the training set.
        validation: share of the validation set.
        test: share of the testing set.
    """

    train: float
    validation: float
    test: float

    def __post_init__(self) -> None:
        if min(self.values) < 0 or not abs(sum(self.values) - 1) < 1e-6:
            listed = " + ".join(f"{share:g}" for share in self.values)
            raise UsageError(f"shares {listed} are not positive numbers that make 1", fix="for example 0.64 0.16 0.20")
        if self.train == 0:
            raise UsageError("the training share is 0")

    @property
    def values(self) -> tuple[float, float, float]:
        """In the order of `SETS`."""
        return self.train, self.validation, self.test


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Counts of samples by set and class after a split.

    Attributes:
        classes: for each class the number of samples per set, in the order of `SETS`.
        groups: how many groups were kept together, single samples not counted.
        duplicates: how many samples are exact copies of an earlier one.
        conflicts: ids of exact copies that carry different labels, for a person to look at.
    """

    classes: Mapping[str, tuple[int, int, int]]
    groups: int
    duplicates: int
    conflicts: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """The whole result as JSON values."""
        names = [category.value for category in SETS]
        return {
            "classes": {label: dict(zip(names, counts, strict=True)) for label, counts in self.classes.items()},
            "total": dict(zip(names, self.totals, strict=True)),
            "groups": self.groups,
            "duplicates": self.duplicates,
            "conflicts": [list(pair) for pair in self.conflicts],
        }

    @property
    def totals(self) -> tuple[int, int, int]:
        """Samples per set."""
        train, validation, test = (sum(counts[i] for counts in self.classes.values()) for i in range(3))
        return train, validation, test


def labelled(dataset: Dataset) -> tuple[Dataset, str | None]:
    """The samples that carry one class each, and what to say of those that carry no label and are left out.

    Raises:
        DataError: when a sample has boxes or several labels.
    """
    kept = []
    for sample in dataset.samples:
        if sample.boxes or not isinstance(sample.label, ClassLabel | Unlabelled):
            source = ", ".join([dataset.format, *dataset.reading.label_files[:1]])
            raise DataError(f"has boxes or several labels (read as {source})", where=sample.id, fix=ONE_CLASS)
        if isinstance(sample.label, ClassLabel):
            kept.append(sample)
    if len(kept) == len(dataset):
        return dataset, None
    bare = len(dataset) - len(kept)
    without = verb(bare, "has no label and is", "have no label and are")
    left = f"{bare} of {counted(len(dataset), 'sample')} {without} left out"
    if not kept:
        raise DataError(left, where=dataset.root, fix="label them first")
    return replace(dataset, samples=tuple(kept)), left


def split_dataset(
    dataset: Dataset,
    shares: Shares,
    *,
    seed: int,
    group_by: re.Pattern[str] | None = None,
    copies: Copies | None = None,
    progress: Progress = SILENT,
) -> Dataset:
    """Gives every sample a category.

    Stratified per class and the same for the same ids, contents and seed, in whatever order the samples come.
    Samples that share a group's key or their exact content never part. Every class gets a sample in each set with a
    share, where it has groups enough; with fewer, training comes first and then the larger shares.

    Args:
        dataset: any; categories that it has are not looked at.
        shares: see `Shares`.
        seed: of the shuffle.
        group_by: searched in each sample's id (its relative path); its first group, or the whole match, is the key.
        copies: as `find_copies` gives them; the files are compared here where None.
        progress: counts the files that are compared.

    Raises:
        DataError: when a sample has no class, or all samples of a class must stay together but there are several sets.
        UsageError: when `group_by` matches nothing.
    """
    groups = _groups(dataset, group_by, find_copies(dataset.samples, progress) if copies is None else copies)
    sides = assign(groups, shares.values, seed)
    category_of = {identity: SETS[side] for group, side in zip(groups, sides, strict=True) for identity in group.ids}
    return replace(dataset, samples=tuple(sample.with_category(category_of[sample.id]) for sample in dataset.samples))


def count_split(
    dataset: Dataset, group_by: re.Pattern[str] | None = None, *, copies: Copies | None = None
) -> SplitCounts:
    """Counts a split dataset; see `split_dataset` for the arguments."""
    table = {label: [0, 0, 0] for label in sorted({class_of(sample) for sample in dataset.samples})}
    for sample in dataset.samples:
        if sample.category in SETS:
            table[class_of(sample)][SETS.index(sample.category)] += 1
    copies = find_copies(dataset.samples) if copies is None else copies
    keys = Counter(key for key in _keys(dataset.samples, group_by).values())
    by_id = {sample.id: sample for sample in dataset.samples}
    pairs = [(first, other) for first, *others in copies for other in others]
    return SplitCounts(
        classes={label: (counts[0], counts[1], counts[2]) for label, counts in table.items()},
        groups=sum(count > 1 for count in keys.values()),
        duplicates=len(pairs),
        conflicts=tuple(pair for pair in pairs if class_of(by_id[pair[0]]) != class_of(by_id[pair[1]])),
    )


def class_of(sample: Sample) -> str:
    """The class that a sample is stratified by.

    Raises:
        DataError: when it has none.
    """
    if isinstance(sample.label, ClassLabel):
        return sample.label.label
    raise DataError("has no class label to split by", where=sample.id, fix="split a set with one class per sample")


def _groups(dataset: Dataset, group_by: re.Pattern[str] | None, copies: Copies) -> list[Group]:
    samples = sorted(dataset.samples, key=lambda sample: sample.id)
    joined = _Joined(sample.id for sample in samples)
    first_of: dict[str, str] = {}
    for identity, key in _keys(samples, group_by).items():
        joined.join(first_of.setdefault(key, identity), identity)
    for first, *others in copies:
        for other in others:
            joined.join(first, other)
    members: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        members[joined.root(sample.id)].append(sample)
    return [_group(group) for group in members.values()]


def _group(samples: Sequence[Sample]) -> Group:
    if len(samples) == 1:  # as most are
        return Group((samples[0].id,), {class_of(samples[0]): 1})
    return Group(tuple(sample.id for sample in samples), Counter(map(class_of, samples)))


def _keys(samples: Iterable[Sample], group_by: re.Pattern[str] | None) -> dict[str, str]:
    """The group's key of every sample that has one."""
    if group_by is None:
        return {}
    found = {sample.id: match for sample in samples if (match := group_by.search(sample.id))}
    if not found:
        raise UsageError(f"--group-by {group_by.pattern!r} matches no path", fix="it is searched in paths like a/b.jpg")
    return {identity: (match[1] or "") if group_by.groups else match[0] for identity, match in found.items()}


def find_copies(samples: Iterable[Sample], progress: Progress = SILENT) -> Copies:
    """Ids of samples with the same content, each group in order.

    Every file is read once at most: a small one when it is opened for its size, others where two have the same size.

    Raises:
        DataError: when a file is missing.
    """
    ordered = sorted(samples, key=lambda sample: sample.id)
    by_size: defaultdict[int, list[tuple[Sample, bytes | None]]] = defaultdict(list)
    by_content: defaultdict[tuple[int, bytes], list[str]] = defaultdict(list)
    with progress.task("compare", len(ordered), "files") as task:
        for sample in ordered:
            size, digest = _size(sample)
            by_size[size].append((sample, digest))
            if digest is not None:
                task.advance()
        for size, group in by_size.items():
            for sample, digest in group:
                if len(group) > 1:
                    by_content[size, digest or _digest(sample)].append(sample.id)
                if digest is None:
                    task.advance()
    return tuple(tuple(ids) for ids in by_content.values() if len(ids) > 1)


def _size(sample: Sample) -> tuple[int, bytes | None]:
    """Bytes of a sample's data, and their digest where it costs no more than that."""
    match sample.payload:
        case FilePayload():
            try:
                return size_and_digest(_path_of(sample.payload))
            except FileNotFoundError:
                raise DataError("is missing", where=sample.payload.path, fix="restore the file") from None
        case ArrayRow():
            return int(sample.payload.array[:1].nbytes), None
        case Signal():
            return int(sample.payload.values.nbytes), None


def _digest(sample: Sample) -> bytes:
    import hashlib

    match sample.payload:
        case FilePayload():
            return file_digest(_path_of(sample.payload))
        case ArrayRow():
            return hashlib.blake2b(sample.payload.read().tobytes(), digest_size=DIGEST).digest()
        case Signal():
            return hashlib.blake2b(sample.payload.values.tobytes(), digest_size=DIGEST).digest()


def _path_of(payload: FilePayload) -> str:
    return f"{payload.root}/{payload.relative}"


class _Joined:
    """Disjoint sets with path halving."""

    def __init__(self, items: Iterable[str]) -> None:
        self._parent = {item: item for item in items}

    def root(self, item: str) -> str:
        while self._parent[item] != item:
            self._parent[item] = item = self._parent[self._parent[item]]
        return item

    def join(self, one: str, other: str) -> None:
        self._parent[self.root(other)] = self.root(one)
