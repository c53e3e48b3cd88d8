"""The study of a search: what was asked and told and is under way, in Optuna's storage.

Only this, `train.tuning.sampler` and `train.tuning.database` import Optuna.

A trial that does not fit the budget is told untrained: its constraints say by how much, which is what the sampler
learns from. All else that has to outlive the process stands in the trial's attributes, each written once it is known.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, TrialState

from train.job import EFFORT
from train.tuning.claims import Alone, Claims
from train.tuning.sampler import Known, Tpe
from train.tuning.sketch import Cost
from train.tuning.space import Space
from train.tuning.trials import Outcome

NAME = "tune"
JOURNAL = "journal.log"
VALUES, PREDICTED, REASON, RUNG, STANDS = "values", "predicted", "reason", "rung ", "stands"
State = Literal["running", "trained", "stopped early", "infeasible", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as the study knows it.

    Attributes:
        number: from 0 on.
        state: where it stands; `stopped early` was trained, but not at the longest rung.
        values: fields of the recipe.
        predicted: its cost before training.
        reason: why it is infeasible, or failed.
        rungs: what came of it, by effort, in order.
        fits: whether it is within the budget, by the cost of the finished model where there is one.
        started, ended: seconds since 1970; None where it has not.
    """

    number: int
    state: State
    values: Mapping[str, Any]
    predicted: Cost | None
    reason: str | None
    rungs: Mapping[str, Outcome]
    fits: bool
    started: float | None = None
    ended: float | None = None

    @property
    def effort(self) -> str:
        """Of its longest run; empty where there is none."""
        return list(self.rungs)[-1] if self.rungs else ""

    @property
    def last(self) -> Outcome | None:
        """What came of its longest run."""
        return list(self.rungs.values())[-1] if self.rungs else None


def ranked(trials: Sequence[Trial], *, higher_is_better: bool) -> list[Trial]:
    """Those within the budget of which something came, the best by their longest runs first."""
    sign = -1 if higher_is_better else 1
    measured = [
        (sign * trial.last.metric, trial)
        for trial in trials
        if trial.fits and trial.last is not None and trial.last.metric is not None
    ]
    return [trial for _, trial in sorted(measured, key=lambda each: each[0])]


def journal_in(folder: Path) -> BaseStorage:
    """The storage in a folder, which nobody else works in."""
    file = folder / JOURNAL
    file.with_name(f"{JOURNAL}.lock").unlink(missing_ok=True)  # of a process that was killed
    if file.exists() and not (content := file.read_bytes()).endswith(b"\n"):
        file.write_bytes(content[: content.rfind(b"\n") + 1])  # and had not written its last line to the end
    return JournalStorage(JournalFileBackend(str(file)))


class Study:
    """Asks for trials and is told of them.

    Args:
        storage: see `journal_in` and `train.tuning.database`; None for the memory.
        space: that trials are drawn from.
        seed: of the sampler.
        higher_is_better: of the metric.
        claims: that say which driver works at what.
        sampler: makes the sampler of a seed, in place of the usual one.

    Attributes:
        claims: as given.
    """

    def __init__(
        self,
        storage: BaseStorage | None,
        space: Space,
        *,
        seed: int,
        higher_is_better: bool,
        claims: Claims | None = None,
        sampler: Callable[[int], BaseSampler] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._seed, self.claims = space, seed, claims or Alone()
        known = Known()
        self._sampler = sampler or (lambda seed: Tpe(seed, known))
        with self.claims.exclusive():
            self._study = optuna.create_study(
                storage=storage,
                study_name=NAME,
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )
        self._live: dict[int, optuna.Trial] = {}
        self._taken: dict[int, FrozenTrial] = {}  # as they were when they were taken over
        self._finished: dict[int, Trial] = {}

    @property
    def notes(self) -> Mapping[str, Any]:
        """What stands beside the trials."""
        noted: Mapping[str, Any] = self._study.user_attrs
        return noted

    def note(self, key: str, value: Any) -> None:
        """Writes something beside the trials, as a JSON value."""
        self._study.set_user_attr(key, value)

    def ask(self, wanted: Callable[[Sequence[Trial]], bool] = lambda _: True) -> tuple[int, dict[str, Any]] | None:
        """A new trial: its number and what fields of the recipe are in it; None where none is wanted, given the others.

        No other driver asks at the same time, so that there are never more than are wanted.
        """
        with self.claims.exclusive():
            found = self._study.get_trials(deepcopy=False)
            earlier = [self._as_trial(trial) for trial in found]
            if not wanted(earlier):
                return None
            usual = self._space.defaults()
            if len(earlier) < len(usual) and all(trial.state == "infeasible" for trial in earlier):
                self._study.enqueue_trial(usual[len(earlier)])  # until one of the defaults fits
                trial = self._study.ask()
            else:
                trial = self._asked(found)
            self.claims.claim(_claimed(trial.number))
        return trial.number, self._drawn(trial)

    def _asked(self, found: list[FrozenTrial]) -> optuna.Trial:
        """What `optuna.Study.ask` gives, which reads all trials to see whether one waits, and the sampler again."""
        if any(trial.state == TrialState.WAITING for trial in found):  # of a driver that was killed before it asked
            return self._study.ask()
        self._study._thread_local.cached_all_trials = found
        return optuna.Trial(self._study, self._study._storage.create_new_trial(self._study._study_id))

    def _drawn(self, trial: optuna.Trial) -> dict[str, Any]:
        self._study.sampler = self._sampler(self._seed * 1_000_003 + trial.number)
        values = self._space.draw(trial)
        trial.set_user_attr(VALUES, values)
        self._live[trial.number] = trial
        return values

    def abandoned(self, most: int) -> list[tuple[int, dict[str, Any], int | None]]:
        """Takes over trials that are under way with nobody at work, and says at which rung each is."""
        if not self._without_driver():
            return []
        with self.claims.exclusive():  # so that no trial is looked at which was asked for, but not claimed yet
            taken = [each for each in self._without_driver()[:most] if self.claims.claim(_claimed(each.number))]
        by_now, found = self._study.get_trials(deepcopy=False), []
        for each in taken:
            trial = by_now[each.number]
            if trial.state == TrialState.RUNNING:
                values = self._drawn(optuna.Trial(self._study, trial._trial_id))
                self._taken[trial.number] = trial
                found.append((trial.number, values, trial.user_attrs.get(STANDS)))
            else:  # it was told before it was claimed
                self.claims.release(_claimed(trial.number))
        return found

    def _without_driver(self) -> list[FrozenTrial]:
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        others = [trial for trial in running if trial.number not in self._live]
        held = self.claims.held() if others else ()
        return [trial for trial in others if _claimed(trial.number) not in held]

    def keeps(self, number: int) -> bool:
        """Whether a trial is this driver's still; another one has it where this one was not heard of for too long."""
        kept = self.claims.holds(_claimed(number))
        if not kept:
            del self._live[number]
        return kept

    def predicted(self, number: int, cost: Cost) -> None:
        """Notes what a trial will cost."""
        self._live[number].set_user_attr(PREDICTED, asdict(cost))

    def stands(self, number: int, rung: int) -> None:
        """Notes at which rung a trial is trained, so that whoever goes on with it decides nothing anew."""
        self._live[number].set_user_attr(STANDS, rung)

    def reached(self, number: int, effort: str, step: int, outcome: Outcome) -> None:
        """Notes what came of a rung."""
        trial = self._live[number]
        trial.set_user_attr(RUNG + effort, outcome.as_json())
        taken = self._taken.get(number)
        if outcome.metric is not None and (taken is None or step not in taken.intermediate_values):
            trial.report(outcome.metric, step)

    def infeasible(self, number: int, excess: Mapping[str, float], reason: str) -> None:
        """Tells that a trial does not fit, untrained, and by how much: above 0 is too much."""
        self._constrain(number, excess)
        self._live[number].set_user_attr(REASON, reason)
        self._tell(number, state=TrialState.PRUNED)

    def failed(self, number: int, reason: str) -> None:
        """Tells that nothing came of a trial."""
        self._live[number].set_user_attr(REASON, reason)
        self._tell(number, state=TrialState.FAIL)

    def done(self, number: int, excess: Mapping[str, float], metric: float | None) -> None:
        """Tells that a trial was trained; a metric is that of the longest rung, None for one that was stopped early."""
        self._constrain(number, excess)
        if metric is None:
            self._tell(number, state=TrialState.PRUNED)
        else:
            self._tell(number, metric)

    def _constrain(self, number: int, excess: Mapping[str, float]) -> None:
        trial = self._live[number]
        for name, share in excess.items():  # as `Trial.set_constraint` does, which reads the whole trial each time
            trial.storage.set_trial_system_attr(trial._trial_id, f"{_CONSTRAINTS_KEY}:{name}", share)

    def _tell(self, number: int, metric: float | None = None, *, state: TrialState | None = None) -> None:
        self._study.tell(number, metric, state=state)
        del self._live[number]
        self.claims.release(_claimed(number))

    def trials(self) -> list[Trial]:
        """All of them, in the order in which they were asked for."""
        return [self._as_trial(trial) for trial in self._study.get_trials(deepcopy=False)]

    def _as_trial(self, trial: FrozenTrial) -> Trial:
        if not trial.state.is_finished():
            return _read(trial)
        if trial.number not in self._finished:  # nothing of it changes any more
            self._finished[trial.number] = _read(trial)
        return self._finished[trial.number]

    def importance(self) -> dict[str, float]:
        """The share of each knob in how good the trials were; empty where too few tell."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found: dict[str, float] = optuna.importance.get_param_importances(self._study)
            except (ValueError, RuntimeError):
                return {}
        return found


def _claimed(number: int) -> str:
    """The name of a trial's claim."""
    return f"trial {number}"


def _read(trial: FrozenTrial) -> Trial:
    noted = trial.user_attrs
    return Trial(
        number=trial.number,
        state=_state(trial),
        values=noted.get(VALUES, {}),
        predicted=Cost(**noted[PREDICTED]) if PREDICTED in noted else None,
        reason=noted.get(REASON),
        rungs={effort: Outcome.of_json(noted[RUNG + effort]) for effort in EFFORT if RUNG + effort in noted},
        fits=all(share <= 0 for share in trial.constraints.values()),
        started=None if trial.datetime_start is None else trial.datetime_start.timestamp(),
        ended=None if trial.datetime_complete is None else trial.datetime_complete.timestamp(),
    )  # fmt: skip


def _state(trial: FrozenTrial) -> State:
    match trial.state:
        case TrialState.COMPLETE:
            return "trained"
        case TrialState.PRUNED:
            return "stopped early" if any(key.startswith(RUNG) for key in trial.user_attrs) else "infeasible"
        case TrialState.FAIL:
            return "failed"
        case _:
            return "running"
