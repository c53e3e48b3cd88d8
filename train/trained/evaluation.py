"""How good a trained model is on a data set, and what is left where it answers only if it is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ei_compat.block.run_folder import MODEL_FILES
from ei_compat.core.errors import UsageError
from ei_compat.core.words import counted
from train.evaluate import predict_sets
from train.result import Columns
from train.trained.comparison import Comparison, compared

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.samples import Samples
    from train.tasks import Scores, Task
    from train.trained.model import Model
    from train.trained.sets import Sets


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
class Evaluation:
    """A model on a data set.

    Attributes:
        model: that was measured.
        data: what the user named.
        sets: as they were read.
        outputs: what each file (`float32`, `int8`) says of every set, float32 [N, K].
        metrics: scores by file and set.
        threshold: below which an answer is none, or None.
        sure: what that leaves, by set, of the deployed file; empty without a threshold.
        against: the comparison with another model, or None.
        page: where its page was written, or None.
    """

    schema: ClassVar[str] = "evaluation/1"
    model: Model
    data: Path
    sets: Sets
    outputs: Mapping[str, Mapping[str, np.ndarray]]
    metrics: Mapping[str, Mapping[str, Scores]]
    threshold: float | None
    sure: Mapping[str, Sure]
    against: Comparison | None
    page: Path | None = None

    @property
    def as_trained(self) -> dict[str, Samples]:
        """The samples as training is given them, of which pictures can be made again."""
        scaling = self.model.scaling
        return {name: replace(each, x=scaling.for_training(each.x)) for name, each in self.sets.samples.items()}

    def as_json(self) -> dict[str, Any]:
        """The whole result."""
        return {
            "model": str(self.model.source),
            "data": str(self.data),
            "format": self.sets.format,
            "own_data": self.sets.own,
            "task": self.model.task.name,
            "classes": list(self.model.task.labels),
            "samples": {name: len(each) for name, each in self.sets.samples.items()},
            "broken": [list(each) for each in self.sets.broken],
            "metrics": {
                kind: {name: asdict(scores) for name, scores in by_set.items()}  # type: ignore[call-overload]
                for kind, by_set in self.metrics.items()
            },
            "threshold": self.threshold,
            "sure": {name: each.as_json() for name, each in self.sure.items()},
            "against": None if self.against is None else self.against.as_json(),
            "report": None if self.page is None else str(self.page),
        }

    def as_tables(self) -> Sequence[Columns]:
        """The metric of each file on every set, what a threshold leaves, details of the last set, the comparison."""
        task, names = self.model.task, list(self.sets.samples)
        metric = task.metric.replace("_", " ")
        rows = [
            [
                MODEL_FILES[kind] if self.model.source.is_dir() else self.model.source.name,
                *(f"{scores.metric:.3f}" for scores in by_set.values()),
                f"{len(self.model.files[kind]) / 1000:,.0f} kB",
            ]
            for kind, by_set in self.metrics.items()
        ]
        header = ["network", *(f"{name} {metric}" for name in names), "size"]
        page = "" if self.page is None else f"; with the pictures: {self.page}"
        tables = [Columns(f"{self.model.source} on {self.data}", header, rows, self.caption + page)]
        if self.sure:
            tables.append(self.sure_table())
        kind = self.model.deployed
        tables += self.metrics[kind][names[-1]].tables(f"{'INT8' if kind == 'int8' else 'float'} on {names[-1]}")
        return tables + ([] if self.against is None else self.against.as_tables(metric))

    @property
    def caption(self) -> str:
        """What was measured on, in words."""
        counts = ", ".join(f"{len(each)} {name}" for name, each in self.sets.samples.items())
        broken = len(self.sets.broken)
        skipped = f"; {counted(broken, 'broken one was', 'broken ones were')} skipped" if broken else ""
        own = "the run's own data, held out from its training: " if self.sets.own else ""
        samples = "sample" if [len(each) for each in self.sets.samples.values()] == [1] else "samples"
        return f"{own}{counts} {samples}{skipped}"

    def sure_table(self) -> Columns:
        """What a threshold leaves, a row per set."""
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
    outputs = {kind: predict_sets(content, kind, sets.samples, progress) for kind, content in model.files.items()}
    task = model.task
    return Evaluation(
        model=model,
        data=data,
        sets=sets,
        outputs=outputs,
        metrics={
            kind: {name: task.score(sets.samples[name].y, said) for name, said in by_set.items()}
            for kind, by_set in outputs.items()
        },
        threshold=threshold,
        sure={} if threshold is None else _sure(task, sets, outputs[model.deployed], threshold),
        against=None if other is None else compared(model, sets, outputs[model.deployed], *other, progress),
    )


def _sure(task: Task, sets: Sets, outputs: Mapping[str, np.ndarray], threshold: float) -> dict[str, Sure]:
    found = {}
    for name, said in outputs.items():
        confidence = task.confidence(said)
        if confidence is None:
            raise UsageError(f"a {task.name} has no scores", where="--threshold", fix="leave the option out")
        answered, right = confidence >= threshold, task.measure(sets.samples[name].y, said) > 0
        found[name] = Sure(int(answered.sum()), int((answered & right).sum()), len(said))
    return found
