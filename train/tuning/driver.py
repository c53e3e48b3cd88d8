"""The search itself: asks for trials, tells those untrained that do not fit, trains the others rung by rung.

Every step can be repeated: a trial's folder answers for what is done, so a driver that comes after another one submits
all that was under way, and nothing is trained twice. Several drivers may work at one study at once: each trial, and
each of the last trainings with several seeds, is claimed by one of them; all wait for the end and its result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from ei_compat.core.errors import DataError, ExportError, TrainingError
from train.recipe import Recipe
from train.tuning.boards import Budget
from train.tuning.rungs import goes_on
from train.tuning.sketch import Cost, zeros_of
from train.tuning.study import Study, Trial, ranked
from train.tuning.trials import Outcome, Spec, finished

if TYPE_CHECKING:
    from train.tuning.costs import Costs
    from train.tuning.executors import Executor
    from train.tuning.subject import Subject

MOST_MISSES = 150  # networks in a row that do not fit, after which the search ends
MOST_FAILURES = 3  # trials that fail before one succeeds
SEEDS = 3  # of each of the best
FINAL = "final "  # and a digest: the claim and the note of one of the last trainings
NOT_BUILT = {"built": 1.0}  # the constraint of a recipe that no network can be made of


class Watch(Protocol):
    """Sees how a search goes."""

    def changed(self, trials: Callable[[], Sequence[Trial]], happened: str) -> None:
        """Something happened; `trials` gives all of them by now."""
        ...


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for.

    Attributes:
        base: the spec that every trial's is made of.
        subject: what the data are.
        budget: what a model may take.
        trials: how many are trained.
        rungs: efforts, the shortest first.
        top: how many of the best are trained with several seeds.
    """

    base: Spec
    subject: Subject
    budget: Budget
    trials: int
    rungs: tuple[str, ...]
    top: int

    def spec(self, values: Mapping[str, Any], effort: str, seed: int) -> Spec:
        """What trains these fields of the recipe."""
        return replace(self.base, values=tuple(sorted(values.items())), effort=effort, seed=seed)


@dataclass(slots=True)
class Driver:
    """One process's part of a search.

    Attributes:
        search: what is searched for.
        study: where it is kept.
        costs: that are asked before anything is trained.
        executor: that trains.
        watch: that is told.
    """

    search: Search
    study: Study
    costs: Costs
    executor: Executor
    watch: Watch
    _running: dict[Future[Outcome], tuple[int, dict[str, Any], int]] = field(default_factory=dict)
    _misses: int = 0
    _looked: float = float("-inf")  # when trials without a driver were last looked for

    def run(self) -> list[tuple[Trial, list[Outcome]]]:
        """Searches; the best trials with what came of them for each seed, the winner first.

        Raises:
            ExportError: nothing fits the budget.
            DataError: `train` refuses the data.
            TrainingError: nothing could be trained.
        """
        waits = False
        while True:
            self._take_over()
            while len(self._running) < self.executor.slots and (asked := self.study.ask(self._wanted)) is not None:
                self._begin(*asked)
            if self._running:
                self._collect()
            elif not self._goes_on(self.study.trials()):
                return self._finals()
            else:
                if not waits:
                    self._tell("waits for the trials of other drivers")
                waits = True
                time.sleep(self.study.claims.patience or 0)

    def _take_over(self) -> None:
        """Goes on with trials whose drivers are gone."""
        free, patience = self.executor.slots - len(self._running), self.study.claims.patience or 0
        if not free or time.monotonic() < self._looked + patience:
            return
        self._looked = time.monotonic()
        for number, values, rung in self.study.abandoned(free):
            if rung is None:
                self._begin(number, values)
            else:
                self._submit(number, values, rung)

    def _goes_on(self, trials: Sequence[Trial]) -> bool:
        """Whether a trial is under way somewhere, or yet to be begun."""
        return any(trial.state == "running" for trial in trials) or self._wanted(trials)

    def _wanted(self, trials: Sequence[Trial]) -> bool:
        """Whether another trial is to be begun, given all there are."""
        if self._misses >= MOST_MISSES:
            if any(trial.rungs or trial.state == "running" for trial in trials):
                return False
            raise ExportError(
                f"none of {self._misses} networks fits: {self._nearest()}",
                where="the budget",
                fix="allow more, or widen the space with --space; `ei-train plan` shows what there is",
            )
        counted = sum(trial.state not in {"infeasible", "failed"} for trial in trials)
        return counted < self.search.trials

    def _nearest(self) -> str:
        costs = [trial.predicted for trial in self.study.trials() if trial.predicted is not None]
        if not costs:
            return "none of them can be built"
        least = min(costs, key=lambda cost: max(self.search.budget.excess(cost).values(), default=0.0))
        return f"the nearest takes {', '.join(self.search.budget.misses(least))}"

    def _begin(self, number: int, values: dict[str, Any]) -> None:
        """Looks at what a trial costs and trains it if it fits."""
        cost = self._cost(values)
        if isinstance(cost, str):
            excess, reason = NOT_BUILT, cost
        else:
            self.study.predicted(number, cost)
            excess, reason = self.search.budget.excess(cost), ", ".join(self.search.budget.misses(cost))
        if not reason:
            self._misses = 0
            self._submit(number, values, 0)
            self._tell(f"trial {number} begins: {described(values)}")
            return
        self.study.infeasible(number, excess, reason)
        self._misses += 1
        self._tell(f"trial {number} does not fit: {reason}; {described(values)}")

    def _cost(self, values: Mapping[str, Any]) -> Cost | str:
        try:
            recipe = Recipe.model_validate(values)
        except ValidationError as error:
            return error.errors()[0]["msg"].removeprefix("Value error, ")
        return self.costs.of(self.search.subject.sketch(recipe), zeros_of(recipe))

    def _submit(self, number: int, values: dict[str, Any], rung: int) -> None:
        self.study.stands(number, rung)
        spec = self.search.spec(values, self.search.rungs[rung], self.search.base.seed)
        self._running[self.executor.submit(spec)] = number, values, rung

    def _collect(self) -> None:
        """Waits for some trial's rung to end, and decides on it; looks up at times where there are other drivers."""
        ended, _ = wait(self._running, self.study.claims.patience, FIRST_COMPLETED)
        for future in ended:
            number, values, rung = self._running.pop(future)
            outcome = future.result()
            if not self.study.keeps(number):
                self._tell(f"trial {number} was taken over by another driver")
                continue
            if outcome.metric is None or outcome.cost is None:
                self._fail(number, outcome)
                continue
            effort = self.search.rungs[rung]
            self.study.reached(number, effort, rung, outcome)
            self._decide(number, values, rung, outcome)
            self._tell(f"trial {number}: {self.search.subject.metric} {outcome.metric:.4f} at {effort}")

    def _fail(self, number: int, outcome: Outcome) -> None:
        if outcome.code in {2, 3}:
            raise DataError(f"a trial was refused: {outcome.error}", where=self.search.base.data)
        self.study.failed(number, outcome.error or f"exit code {outcome.code}")
        self._tell(f"trial {number} failed: {outcome.error}")
        trials = self.study.trials()
        failures = [trial for trial in trials if trial.state == "failed"]
        if len(failures) >= MOST_FAILURES and not any(trial.rungs for trial in trials):
            log = self.search.base.root / f"{outcome.digest}.log"
            raise TrainingError(f"{len(failures)} trials failed and none succeeded: {outcome.error}", where=log)

    def _decide(self, number: int, values: dict[str, Any], rung: int, outcome: Outcome) -> None:
        """Trains longer, or tells."""
        assert outcome.metric is not None and outcome.cost is not None  # noqa: S101, PT018 - for the type checker
        rungs, excess = self.search.rungs, self.search.budget.excess(outcome.cost)
        if rung + 1 == len(rungs):
            self.study.done(number, excess, outcome.metric)
            return
        others = [
            reached.metric
            for trial in self.study.trials()
            if trial.number != number
            and (reached := trial.rungs.get(rungs[rung])) is not None
            and reached.metric is not None
        ]
        better = self.search.subject.higher_is_better
        if goes_on(outcome.metric, others, rungs[rung], rungs[rung + 1], higher_is_better=better):
            self._submit(number, values, rung + 1)
        else:
            self.study.done(number, excess, None)

    def _finals(self) -> list[tuple[Trial, list[Outcome]]]:
        """Trains the best with several seeds; the one whose mean is the best comes first."""
        sign = 1 if self.search.subject.higher_is_better else -1
        to_the_end = [trial for trial in self.study.trials() if trial.state == "trained"]
        able = ranked(to_the_end, higher_is_better=self.search.subject.higher_is_better)[: self.search.top]
        first, effort = self.search.base.seed, self.search.rungs[-1]
        specs = {
            (trial.number, seed): self.search.spec(trial.values, effort, seed)
            for trial in able
            for seed in range(first, first + SEEDS)
        }
        reached = self._trained(specs)
        found = {trial.number: [reached[trial.number, seed] for seed in range(first, first + SEEDS)] for trial in able}
        whole = [(trial, found[trial.number]) for trial in able if self._fit(found[trial.number])]
        return sorted(whole, key=lambda each: -sign * mean(each[1]))

    def _trained(self, specs: Mapping[tuple[int, int], Spec]) -> dict[tuple[int, int], Outcome]:
        """What came of these trials and seeds, each trained by the driver that claims it, and noted for the others."""
        claims, patience = self.study.claims, self.study.claims.patience
        asked: dict[Future[Outcome], tuple[int, int]] = {}
        waiting, reached = dict(specs), dict[tuple[int, int], Outcome]()
        while waiting or asked:
            for each, spec in list(waiting.items()):
                name = FINAL + spec.digest
                free = len(asked) < self.executor.slots
                claimed = (noted := self._noted(spec)) is None and free and claims.claim(name)
                if claimed and (noted := self._noted(spec)) is not None:  # another driver ended it meanwhile
                    claims.release(name)
                if noted is not None:
                    reached[each] = noted
                elif claimed:
                    asked[self.executor.submit(spec)] = each
                else:
                    continue
                del waiting[each]
            if not asked:
                time.sleep((patience or 0) if waiting else 0)
                continue
            ended, _ = wait(asked, patience, FIRST_COMPLETED)
            for future in ended:
                number, seed = each = asked.pop(future)
                outcome = reached[each] = future.result()
                name = FINAL + outcome.digest
                if outcome.metric is not None:
                    self.study.note(name, outcome.as_json())
                claims.release(name)
                self._tell(f"trial {number} with seed {seed}: {_metric(outcome):.4f}")
        return reached

    def _noted(self, spec: Spec) -> Outcome | None:
        """What came of one of the last trainings, where a driver has ended it and its files are there still."""
        note = self.study.notes.get(FINAL + spec.digest)
        return None if note is None or finished(spec) is None else Outcome.of_json(note)

    def _fit(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether every seed gave a model within the budget."""
        return all(
            each.metric is not None and each.cost is not None and not self.search.budget.misses(each.cost)
            for each in outcomes
        )

    def _tell(self, happened: str) -> None:
        self.watch.changed(self.study.trials, happened)


def _metric(outcome: Outcome | None) -> float:
    return float("nan") if outcome is None or outcome.metric is None else outcome.metric


def mean(outcomes: Sequence[Outcome]) -> float:
    """Of their metrics."""
    return sum(map(_metric, outcomes)) / len(outcomes)


def described(values: Mapping[str, Any]) -> str:
    """Fields of the recipe and what they are, in words."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
