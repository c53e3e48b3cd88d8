"""Stratified assignment of groups of samples to sets, so that every class gets its share in each."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ei_compat.core.errors import DataError
from ei_compat.core.numbers import is_number


@dataclass(frozen=True, slots=True)
class Group:
    """Samples that stay together.

    Attributes:
        ids: the samples.
        classes: how many of them are of which class.
    """

    ids: tuple[str, ...]
    classes: Mapping[str, int]


def apportion(count: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Divides `count` by shares that make 1: largest remainder, but at least one each where there is enough.

    With too few for one each, the first share has precedence and then the larger ones.
    """
    used = sorted((i for i in range(len(shares)) if shares[i] > 0), key=lambda i: (i > 0, -shares[i]))
    if count <= len(used):
        return tuple(int(index in used[:count]) for index in range(len(shares)))
    exact = [count * share for share in shares]
    whole = [int(value + 1e-9) for value in exact]
    for index in sorted(range(len(shares)), key=lambda i: whole[i] - exact[i])[: count - sum(whole)]:
        whole[index] += 1
    for index in used:
        if whole[index] == 0:
            whole[max(range(len(whole)), key=lambda i: whole[i])] -= 1  # at least two, or all would have one
            whole[index] = 1
    return tuple(whole)


def assign(groups: Sequence[Group], shares: Sequence[float], seed: int) -> list[int]:
    """The set of every group.

    First each class gives its smallest groups to every set, rarest class first; then the larger groups go where most is
    missing; at last groups move where a class is still missing from a set. Training always has every class.

    Args:
        groups: in an order that depends on nothing but their content.
        shares: of the sets; the first is for training.
        seed: of the shuffle among groups of one size.

    Returns:
        An index into `shares` for every group.

    Raises:
        DataError: when a class is in a single group but has to be in several sets.
    """
    placement = _Placement(groups, _wanted(groups, shares))
    order = list(range(len(groups)))
    random.Random(seed).shuffle(order)
    order.sort(key=lambda index: len(groups[index].ids))  # stable: groups of one size stay shuffled
    sides = sorted((side for side, share in enumerate(shares) if share > 0), key=lambda side: -shares[side])
    of_class: defaultdict[str, list[int]] = defaultdict(list)
    for index in order:
        for label in groups[index].classes:
            of_class[label].append(index)
    for label in sorted(of_class, key=lambda label: (len(of_class[label]), label)):
        for side in sides:
            free = next((index for index in of_class[label] if index not in placement.side), None)
            if free is not None and placement.misses(side, label):
                placement.put(free, side)
    for index in reversed(order):
        if index not in placement.side:
            placement.put(index, placement.roomiest(index, sides))
    _repair(placement, of_class)
    return [placement.side[index] for index in range(len(groups))]


def _wanted(groups: Sequence[Group], shares: Sequence[float]) -> dict[tuple[int, str], int]:
    """How many samples of each class each set should get."""
    sets = sum(share > 0 for share in shares)
    samples: Counter[str] = Counter()
    holding: Counter[str] = Counter()
    for group in groups:
        for label, count in group.classes.items():
            samples[label] += count
            holding[label] += 1
    wanted = {}
    for label in sorted(samples):
        if sets > 1 and holding[label] == 1:
            what = "a single sample" if samples[label] == 1 else f"{samples[label]} samples in a single group"
            numbers = "; of numbers to learn, --task regression splits ranges" if is_number(label) else ""
            fix = f"add samples or drop it{numbers}"
            raise DataError(f"the class has {what}, which cannot be split", where=label, fix=fix)
        for side, count in enumerate(apportion(samples[label], shares)):
            wanted[side, label] = count
    return wanted


class _Placement:
    """Where groups are, and how much of each class every set has.

    Args:
        groups: all of them.
        wanted: samples by set and class.
    """

    def __init__(self, groups: Sequence[Group], wanted: Mapping[tuple[int, str], int]) -> None:
        self.groups, self.wanted = groups, wanted
        self.side: dict[int, int] = {}
        self._filled: Counter[tuple[int, str]] = Counter()
        sets = 1 + max((side for side, _ in wanted), default=-1)
        self._lack = {label: [0.0] * sets for _, label in wanted}
        for side, label in wanted:
            self._add(side, label, 0)

    def put(self, index: int, side: int) -> None:
        """Places a group, or moves it."""
        before = self.side.get(index)
        for label, count in self.groups[index].classes.items():
            if before is not None:
                self._add(before, label, -count)
            self._add(side, label, count)
        self.side[index] = side

    def _add(self, side: int, label: str, count: int) -> None:
        """Counts samples, and what part of those that a set should have it lacks; negative where it has too many."""
        wanted, filled = self.wanted[side, label], self._filled[side, label] + count
        self._filled[side, label] = filled
        self._lack[label][side] = (wanted - filled) / wanted if wanted else -math.inf

    def misses(self, side: int, label: str) -> bool:
        """Whether a set should have a class but has none of it."""
        return self.wanted[side, label] > 0 and self._filled[side, label] == 0

    def missing(self) -> list[tuple[int, str]]:
        """Every set and class of which that is true, training first."""
        return [key for key in sorted(self.wanted) if self.misses(*key)]

    def harm(self) -> int:
        """How bad the missing ones are; a class that cannot be trained on is worse than any number of others."""
        return sum(len(self.wanted) if side == 0 else 1 for side, _ in self.missing())

    def roomiest(self, index: int, sides: Sequence[int]) -> int:
        """The set that a group fits best, the first of equal ones."""
        classes = self.groups[index].classes
        if len(classes) == 1:  # as most groups are; the same as below
            (label,) = classes
            return max(sides, key=self._lack[label].__getitem__)
        return max(sides, key=lambda side: self._room(classes, side))

    def _room(self, classes: Mapping[str, int], side: int) -> float:
        """How well these samples fit what a set still lacks; negative where they overfill it."""
        if not any(self.wanted[side, label] for label in classes):
            return -math.inf
        lacking = {label: self.wanted[side, label] - self._filled[side, label] for label in classes}
        return sum(classes[label] * lacking[label] / max(1, self.wanted[side, label]) for label in classes)


def _repair(placement: _Placement, of_class: Mapping[str, Sequence[int]]) -> None:
    """Moves, or exchanges, groups until no class is missing from a set, or nothing helps."""
    harm = placement.harm() + 1
    while placement.harm() < harm:
        harm = placement.harm()
        for side, label in placement.missing():
            for index in of_class[label]:
                if placement.misses(side, label):
                    _try_to_move(placement, index, side)


def _try_to_move(placement: _Placement, index: int, side: int) -> None:
    """Puts a group into another set, alone or in exchange for one of that set, if that does less harm."""
    home, before = placement.side[index], placement.harm()
    placement.put(index, side)
    if placement.harm() < before:
        return
    for other in [number for number, place in placement.side.items() if place == side and number != index]:
        placement.put(other, home)
        if placement.harm() < before:
            return
        placement.put(other, side)
    placement.put(index, home)
