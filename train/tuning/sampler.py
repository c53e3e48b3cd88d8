"""The sampler of a search, and what is kept from one trial's to the next one's.

Optuna's estimator reads every trial for each new one, which takes longer the more there are. It tells the best, 25 at
most, from all others, and of the others it needs how they are spread: past `MOST` trials it is shown those best ones,
and as many of the others, drawn by chance, as make up the number.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from typing import cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import default_gamma
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

RANDOM_TRIALS = 8  # before the sampler has something to go by
MOST = 500  # trials that an estimator is made of
Rank = tuple[int, float, float]


class Known:
    """What is known of a study's trials, which each sampler would find anew, from all of them."""

    def __init__(self) -> None:
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._ranked: set[int] = set()  # numbers
        self._best: list[tuple[Rank, int, FrozenTrial]] = []

    def space(self, study: optuna.Study) -> dict[str, BaseDistribution]:
        """What the trials have in common, and is drawn for all of it at once."""
        return {name: each for name, each in self._common.calculate(study, use_cache=True).items() if not each.single()}

    def shown(self, study: optuna.Study, seed: int) -> Sequence[FrozenTrial]:
        """The trials that an estimator is made of, those under way among them, in their order; `seed` draws them."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        trials = study._get_trials(deepcopy=False, states=states, use_cache=True)  # as just read for the space
        told = [trial for trial in trials if trial.state != TrialState.RUNNING]
        fresh = [trial for trial in told if trial.number not in self._ranked]
        self._ranked.update(trial.number for trial in fresh)
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        ranks = [(_rank(trial, sign), trial.number, trial) for trial in fresh]
        self._best = heapq.nsmallest(default_gamma(MOST), self._best + ranks, key=lambda each: each[:2])
        if len(told) <= MOST:
            return trials
        best = {number for _, number, _ in self._best}
        others = [trial.number for trial in told if trial.number not in best]
        shown = best.union(random.Random(seed).sample(others, MOST - len(best)))
        return [trial for trial in trials if trial.state == TrialState.RUNNING or trial.number in shown]


def _rank(trial: FrozenTrial, sign: int) -> Rank:
    """Below another one's where Optuna's estimator takes it for better: what fits, and got on furthest, comes first."""
    excess = sum(share for share in trial.constraints.values() if share > 0)
    if excess > 0:
        return (3, excess, 0.0)
    if trial.state == TrialState.COMPLETE:
        return (0, sign * (trial.value or 0.0), 0.0)
    if not trial.intermediate_values:
        return (2, 0.0, 0.0)
    step, metric = max(trial.intermediate_values.items())
    return (1, -float(step), sign * metric)


class Tpe(TPESampler):
    """The tree-structured Parzen estimator, which heeds constraints (Watanabe & Hutter 2023).

    Args:
        seed: of this trial.
        known: of the study, the same for each of its samplers.
    """

    def __init__(self, seed: int, known: Known) -> None:
        super().__init__(seed=seed, n_startup_trials=RANDOM_TRIALS)
        self._drawn_by, self._known = seed, known

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """See `optuna.samplers.BaseSampler`."""
        return self._known.space(study)

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, float]:
        part = cast(optuna.Study, _Part(study, self._known.shown(study, self._drawn_by)))
        found: dict[str, float] = super()._sample(part, trial, search_space)
        return found


class _Part:
    """A study of which some trials are shown."""

    def __init__(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
        self._study, self._trials = study, trials

    def __getattr__(self, name: str) -> object:
        return getattr(self._study, name)

    def _get_trials(self, *, states: Sequence[TrialState], **_: object) -> list[FrozenTrial]:
        return [trial for trial in self._trials if trial.state in states]
