"""How sound the data are: the same sample in two sets or under two labels, and labels that look wrong."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from train.samples import Samples
    from train.tasks import Task

GROUPS = 50  # of equal samples that are named
DOUBTS = 60  # labels that are named
FOLDS = 5
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A sample: its set, and its row in it."""

    set: str
    row: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that looks wrong.

    Attributes:
        set, row, file: the sample.
        truth: its label.
        said: what the linear model says that was fitted on the other samples.
        sure: how sure it is, in the task's words, such as `97 %`.
    """

    set: str
    row: int
    file: str
    truth: str
    said: str
    sure: str


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the data.

    Attributes:
        balance: for each set how many samples each class, or each part of the targets' range, has.
        copies: how many held-out samples are also in training, to the last bit of what the network sees.
        repeated: how many samples are the same as an earlier one of any set.
        contradictory: how many samples have an equal one with another label.
        copied: the first groups of equal samples, as names with their sets.
        doubted: how many labels look wrong; None where that was not looked for.
        doubts: the first of them, the clearest first.
        why_not: why labels were not looked at, or empty.
    """

    balance: Mapping[str, Mapping[str, int]]
    copies: int
    repeated: int
    contradictory: int
    copied: tuple[tuple[tuple[str, str], ...], ...]
    doubted: int | None
    doubts: tuple[Doubt, ...]
    why_not: str = ""


def read_health(document: Mapping[str, Any]) -> Health:
    """The health of a `report.json`."""
    return Health(
        **dict(document)
        | {
            "copied": tuple(tuple((name, file) for name, file in group) for group in document["copied"]),
            "doubts": tuple(Doubt(**doubt) for doubt in document["doubts"]),
        }
    )


def health_of(task: Task, sets: Mapping[str, Samples], features: np.ndarray | None, why_not: str, seed: int) -> Health:
    """Looks at all samples.

    Args:
        task: of the labels.
        sets: by name.
        features: of all samples [N, D] in the order of the sets, from a network that has never seen their labels.
        why_not: what there are none for, in that case.
        seed: of the folds.
    """
    groups, every = _equal(sets), np.concatenate([samples.y for samples in sets.values()])
    truths = {name: task.truths(samples.y) for name, samples in sets.items()}
    across = [group for group in groups if len({place.set for place in group}) > 1]
    held = [place for group in across if any(p.set == "training" for p in group) for place in group]
    labels = [{truths[place.set][place.row] for place in group} for group in groups]
    first = [*across, *(group for group in groups if group not in across)][:GROUPS]
    found = [] if features is None else _doubts(task, sets, features, seed)
    return Health(
        balance={name: _counted(*task.groups(samples.y, every)) for name, samples in sets.items()},
        copies=sum(place.set != "training" for place in held),
        repeated=sum(len(group) - 1 for group in groups),
        contradictory=sum(len(group) for group, said in zip(groups, labels, strict=True) if len(said) > 1),
        copied=tuple(tuple((place.set, sets[place.set].names[place.row]) for place in group) for group in first),
        doubted=None if features is None else len(found),
        doubts=tuple(found[:DOUBTS]),
        why_not=why_not,
    )


def _counted(names: Sequence[str], numbers: np.ndarray) -> dict[str, int]:
    return dict(zip(names, np.bincount(numbers, minlength=len(names)).tolist(), strict=True))


def _equal(sets: Mapping[str, Samples]) -> list[list[Place]]:
    """Groups of samples whose inputs are the same."""
    seen: dict[bytes, list[Place]] = defaultdict(list)
    for name, samples in sets.items():
        for first in range(0, len(samples), CHUNK):
            rows = samples.x[np.arange(first, min(first + CHUNK, len(samples)))]
            for offset, row in enumerate(rows):
                digest = hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest()
                seen[digest].append(Place(name, first + offset))
    return [group for group in seen.values() if len(group) > 1]


def _doubts(task: Task, sets: Mapping[str, Samples], features: np.ndarray, seed: int) -> list[Doubt]:
    """Confident disagreements of a linear model, each sample judged by one that was fitted without it."""
    y = np.concatenate([samples.y for samples in sets.values()])
    places = [Place(name, row) for name, samples in sets.items() for row in range(len(samples))]
    if len(y) < 2 * FOLDS:
        return []
    fold = np.random.default_rng(seed).permutation(len(y)) % FOLDS
    order = [np.flatnonzero(fold == number) for number in range(FOLDS)]
    parts = []
    for held in order:
        rest = np.flatnonzero(fold != fold[held[0]])
        probe = task.fit_probe(features[rest], y[rest], features[held], y[held])
        parts.append(probe.predict(features[held]))
    outputs = np.concatenate(parts)[np.argsort(np.concatenate(order))]
    truths = task.truths(y)
    return [
        Doubt(places[row].set, places[row].row, sets[places[row].set].names[places[row].row], truths[row], said, sure)
        for row, said, sure in task.doubts(y, outputs)
    ]
