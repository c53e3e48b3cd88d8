"""Two trained models on the same samples: on which one is better, and whether that is more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from train.evaluate import predict
from train.result import Columns
from train.samples import Selected

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.trained.model import Model
    from train.trained.sets import Sets

SHOWN = 10  # samples of each kind that a table names; JSON names them all
LEVEL = 0.05  # below which a difference is called more than chance


def exact_test(better: int, worse: int) -> float:
    """How likely at least so unequal counts are where neither of two models is the better one: McNemar's exact test.

    Only samples count that the two judge differently, and each is then as likely better as worse (McNemar 1947,
    https://doi.org/10.1007/BF02295996): the smaller count has a binomial distribution. Two-sided. For errors instead of
    right and wrong it is the sign test.

    Args:
        better: samples on which the one model is better.
        worse: samples on which it is worse.
    """
    total = better + worse
    chances = sum(math.comb(total, count) for count in range(min(better, worse) + 1))
    return min(1.0, chances / (1 << total) * 2)  # of whole numbers, so exact however many there are


@dataclass(frozen=True, slots=True)
class Difference:
    """One set, sample by sample, against another model.

    Attributes:
        metric, other_metric: of the two on these samples.
        better, worse: names of the samples on which this model is better, or worse, than the other.
        samples: how many were compared.
        learned: how many of them the other model's run trained on.
    """

    metric: float
    other_metric: float
    better: tuple[str, ...]
    worse: tuple[str, ...]
    samples: int
    learned: int

    @property
    def chance(self) -> float:
        """See `exact_test`."""
        return exact_test(len(self.better), len(self.worse))

    @property
    def verdict(self) -> str:
        """In words."""
        if self.chance >= LEVEL:
            return "may be chance"
        return "better" if len(self.better) > len(self.worse) else "worse"


@dataclass(frozen=True, slots=True)
class Comparison:
    """This model's deployed file against another's.

    Attributes:
        other: what the user named.
        sets: the difference on each.
    """

    other: Path
    sets: Mapping[str, Difference]

    def as_json(self) -> dict[str, Any]:
        """The whole comparison, with the names of all samples that differ."""
        return {
            "model": str(self.other),
            "sets": {
                name: asdict(each) | {"chance": each.chance, "verdict": each.verdict}
                for name, each in self.sets.items()
            },
        }

    def as_tables(self, metric: str) -> list[Columns]:
        """One row per set, and the first samples that differ."""
        rows = [
            [
                name,
                f"{each.metric:.3f}",
                f"{each.other_metric:.3f}",
                str(len(each.better)),
                str(len(each.worse)),
                f"{each.chance:.2g}",
                each.verdict,
            ]
            for name, each in self.sets.items()
        ]
        header = ["set", metric, "other's", "better", "worse", "p", "verdict"]
        caption = "Better and worse count samples; p is McNemar's exact test: how likely chance alone is."
        named = [
            [name, kind, sample]
            for name, each in self.sets.items()
            for kind, samples in (("worse", each.worse), ("better", each.better))
            for sample in samples[:SHOWN]
        ]
        tables = [Columns(f"Against {self.other}", header, rows, caption)]
        if named:
            tables.append(Columns("Samples that differ", ["set", "", "sample"], named, texts=3))
        return tables


def compared(
    model: Model, sets: Sets, outputs: Mapping[str, np.ndarray], other: Model, theirs: Sets, progress: Progress
) -> Comparison:
    """Compares the deployed files of two models on the samples that both could read.

    Args:
        model: the one.
        sets: that it is measured on.
        outputs: what it says of them.
        other: the other.
        theirs: the same data for the other, the whole of it.
        progress: counts samples.

    Raises:
        UsageError: the two have different tasks.
        DataError: they have no sample in common.
    """
    if other.task.name != model.task.name or set(other.task.labels) != set(model.task.labels):
        what = f"was trained for {other.task.name} of {', '.join(other.task.labels)}"
        raise UsageError(what, where=f"--against {other.source}", fix="compare models of the same labels")
    place = {name: (part, row) for part, each in theirs.samples.items() for row, name in enumerate(each.names)}
    differences = {}
    for name, names in ((name, each.names) for name, each in sets.samples.items()):
        rows = [row for row, sample in enumerate(names) if sample in place]
        if not rows:
            raise DataError(f"no sample of the {name} set can be read for both models", where=other.source)
        differences[name] = _difference(
            [names[row] for row in rows],
            model.task.measure(sets.samples[name].y, outputs[name])[rows],
            _measured_there(other, theirs, [place[names[row]] for row in rows], f"other {name}", progress),
            theirs.learned,
            higher_is_better=model.task.higher_is_better,
        )
    return Comparison(other.source, differences)


def _measured_there(
    other: Model, theirs: Sets, places: Sequence[tuple[str, int]], name: str, progress: Progress
) -> np.ndarray:
    """The other model's figure for each of these samples, in order."""
    measured = np.empty(len(places))
    for part, samples in theirs.samples.items():
        wanted = [index for index, (of, _) in enumerate(places) if of == part]
        if wanted:
            rows = np.array([places[index][1] for index in wanted])
            said = predict(other.files[other.deployed], Selected(samples, rows), name=name, progress=progress)
            measured[wanted] = other.task.measure(samples.y[rows], said)
    return measured


def _difference(
    names: Sequence[str], ours: np.ndarray, theirs: np.ndarray, learned: frozenset[str], *, higher_is_better: bool
) -> Difference:
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    gain = ours - theirs if higher_is_better else theirs - ours
    return Difference(
        metric=float(ours.mean()),
        other_metric=float(theirs.mean()),
        better=tuple(name for name, each in zip(names, gain, strict=True) if each > 0),
        worse=tuple(name for name, each in zip(names, gain, strict=True) if each < 0),
        samples=len(names),
        learned=len(learned.intersection(names)),
    )
