"""How good a trained model is on a data set, where it answers only if it is sure, and against another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from train.evaluate import predict
from train.result import Columns
from train.samples import Selected
from train.tasks.comparison import exact_test
from train.trained.model import KINDS

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.tasks import Scores, Task
    from train.trained.model import Model
    from train.trained.sets import Sets

SHOWN = 10  # pictures of each kind that a table names; JSON names them all
LEVEL = 0.05  # below which a difference is called more than chance


@dataclass(frozen=True, slots=True)
class Sure:
    """What is left where answers below a threshold are none.

    Attributes:
        answered: how many samples have an answer.
        right: how many of those answers are right.
        samples: how many there are.
    """

    answered: int
    right: int
    samples: int

    def as_json(self) -> dict[str, Any]:
        """With the shares: of samples that are answered, of answers that are right, of samples answered rightly."""
        of_answers = self.right / self.answered if self.answered else None
        shares = {"answered_share": self.answered / self.samples, "accuracy_of_answers": of_answers}
        return asdict(self) | shares | {"accuracy": self.right / self.samples}


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


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model on a data set.

    Attributes:
        model: that was measured.
        data: what the user named.
        sets: as they were read.
        metrics: scores by file (`float32`, `int8`) and set.
        threshold: below which an answer is none, or None.
        sure: what that leaves, by set, of the deployed file; empty without a threshold.
        against: the comparison with another model, or None.
    """

    model: Model
    data: Path
    sets: Sets
    metrics: Mapping[str, Mapping[str, Scores]]
    threshold: float | None
    sure: Mapping[str, Sure]
    against: Comparison | None

    def as_json(self) -> dict[str, Any]:
        """The whole result."""
        return {
            "model": str(self.model.source),
            "data": str(self.data),
            "format": self.sets.format,
            "own_data": self.sets.own,
            "task": self.model.task.name,
            "classes": list(self.model.task.labels),
            "samples": {name: len(names) for name, names in self.sets.names.items()},
            "broken": [list(each) for each in self.sets.broken],
            "metrics": {
                kind: {name: asdict(scores) for name, scores in by_set.items()}  # type: ignore[call-overload]
                for kind, by_set in self.metrics.items()
            },
            "threshold": self.threshold,
            "sure": {name: each.as_json() for name, each in self.sure.items()},
            "against": None if self.against is None else self.against.as_json(),
        }

    def as_tables(self) -> Sequence[Columns]:
        """The metric of each file on every set, what a threshold leaves, details of the last set, the comparison."""
        task, names = self.model.task, list(self.sets.names)
        metric = task.metric.replace("_", " ")
        rows = [
            [
                KINDS[kind] if self.model.source.is_dir() else self.model.source.name,
                *(f"{scores.metric:.3f}" for scores in by_set.values()),
                f"{len(self.model.files[kind]) / 1000:,.0f} kB",
            ]
            for kind, by_set in self.metrics.items()
        ]
        header = ["network", *(f"{name} {metric}" for name in names), "size"]
        tables = [Columns(f"{self.model.source} on {self.data}", header, rows, self._caption())]
        if self.sure:
            tables.append(self._sure_table())
        kind = self.model.deployed
        tables += self.metrics[kind][names[-1]].tables(f"{'INT8' if kind == 'int8' else 'float'} on {names[-1]}")
        return tables + ([] if self.against is None else self.against.as_tables(metric))

    def _caption(self) -> str:
        counts = ", ".join(f"{len(names)} {name}" for name, names in self.sets.names.items())
        skipped = f"; {len(self.sets.broken)} broken ones were skipped" if self.sets.broken else ""
        own = "the run's own data, held out from its training: " if self.sets.own else ""
        return f"{own}{counts} samples{skipped}"

    def _sure_table(self) -> Columns:
        rows = [
            [
                name,
                f"{each.answered / each.samples:.3f}",
                f"{each.right / each.answered:.3f}" if each.answered else "",
                f"{each.right / each.samples:.3f}",
                str(each.samples - each.answered),
            ]
            for name, each in self.sure.items()
        ]
        header = ["set", "answered", "right of those", "right of all", "unsure"]
        return Columns(f"Where the score is at least {self.threshold:g}", header, rows)


def evaluate(
    model: Model,
    data: Path,
    sets: Sets,
    progress: Progress,
    *,
    threshold: float | None = None,
    other: tuple[Model, Sets] | None = None,
) -> Evaluation:
    """Measures a model.

    Args:
        model: with each of its files.
        data: where the sets are from.
        sets: as `read_sets` gives them for this model.
        progress: counts samples.
        threshold: below which an answer of the deployed file is none.
        other: another model, and the same data as `read_sets` gives it for that one, the whole of it.

    Raises:
        UsageError: the task's outputs have no threshold, or the two models have different tasks.
        DataError: the two have no sample in common.
    """
    outputs = {kind: _answers(content, kind, sets, progress) for kind, content in model.files.items()}
    task = model.task
    return Evaluation(
        model=model,
        data=data,
        sets=sets,
        metrics={
            kind: {name: task.score(sets.samples[name].y, said) for name, said in by_set.items()}
            for kind, by_set in outputs.items()
        },
        threshold=threshold,
        sure={} if threshold is None else _sure(task, sets, outputs[model.deployed], threshold),
        against=None if other is None else _compared(model, sets, outputs[model.deployed], *other, progress),
    )


def _answers(tflite: bytes, kind: str, sets: Sets, progress: Progress) -> dict[str, np.ndarray]:
    return {
        name: predict(tflite, samples, name=f"{kind} {name}", progress=progress)
        for name, samples in sets.samples.items()
    }


def _sure(task: Task, sets: Sets, outputs: Mapping[str, np.ndarray], threshold: float) -> dict[str, Sure]:
    found = {}
    for name, said in outputs.items():
        confidence = task.confidence(said)
        if confidence is None:
            raise UsageError(f"a {task.name} has no scores", where="--threshold", fix="leave the option out")
        answered, right = confidence >= threshold, task.measure(sets.samples[name].y, said) > 0
        found[name] = Sure(int(answered.sum()), int((answered & right).sum()), len(said))
    return found


def _compared(
    model: Model, sets: Sets, outputs: Mapping[str, np.ndarray], other: Model, theirs: Sets, progress: Progress
) -> Comparison:
    """Both deployed files on the samples that both could read."""
    if other.task.name != model.task.name or set(other.task.labels) != set(model.task.labels):
        what = f"was trained for {other.task.name} of {', '.join(other.task.labels)}"
        raise UsageError(what, where=f"--against {other.source}", fix="compare models of the same labels")
    place = {name: (part, row) for part, names in theirs.names.items() for row, name in enumerate(names)}
    differences = {}
    for name, names in sets.names.items():
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
