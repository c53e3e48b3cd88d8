"""Past a number of trials the estimator is shown the best by Optuna's own order, and a draw of the others."""

from __future__ import annotations

import random

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState, create_trial

from train.tuning import sampler
from train.tuning.sampler import Known, Tpe

MOST, TOLD = 40, 200
SIDE = {"side": FloatDistribution(0, 1)}


def told(by: random.Random, kind: str) -> FrozenTrial:
    """A trial that was trained, stopped early or found not to fit."""
    metric, params = round(by.random(), 1), {"side": by.random()}  # many alike
    excess = {"ram": by.random() if kind == "infeasible" else -0.1, "flash": by.choice((-0.5, 0.5 * (kind[0] == "i")))}
    if kind == "trained":
        return create_trial(value=metric, params=params, distributions=SIDE, constraints=excess)
    reached = {by.randrange(2): metric} if kind == "stopped early" else {}
    state = TrialState.PRUNED
    return create_trial(state=state, params=params, distributions=SIDE, intermediate_values=reached, constraints=excess)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "MOST", MOST)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("trained", [TOLD, 2, 0], ids=["all are trained", "few are", "none is"])
def test_the_best_are_shown_and_a_draw_of_the_others(direction: str, trained: int) -> None:
    by, known = random.Random(trained), Known()
    study = optuna.create_study(direction=direction)
    kinds = ["trained"] * min(trained, 60) + ["stopped early"] * min(trained, 2) + ["infeasible"] * TOLD
    by.shuffle(kinds)
    for half in (kinds[: TOLD // 2], kinds[TOLD // 2 : TOLD]):  # what is known is kept from one time to the next
        study.add_trials([told(by, kind) for kind in half])
        running = study.ask()
        trials = study.get_trials(deepcopy=False)
        shown = [{trial.number for trial in known.shown(study, seed)} for seed in (1, 2)]
        best, _ = _split_trials(study, [each for each in trials if each.state.is_finished()], default_gamma(MOST))
        assert shown[0] & shown[1] >= {trial.number for trial in best} | {running.number}
        assert shown[0] != shown[1]
        finished = [{number for number in each if trials[number].state.is_finished()} for each in shown]
        assert list(map(len, finished)) == [MOST, MOST]


def test_estimators_are_made_of_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    usual = Tpe._build_parzen_estimator

    def counted(self: Tpe, study: optuna.Study, space: object, trials: list[FrozenTrial], **rest: bool) -> object:
        made.append(len(trials))
        return usual(self, study, space, trials, **rest)

    monkeypatch.setattr(Tpe, "_build_parzen_estimator", counted)
    by, study = random.Random(1), optuna.create_study(sampler=Tpe(1, Known()))
    study.add_trials([told(by, "trained") for _ in range(TOLD)])
    assert 0 <= study.ask().suggest_float("side", 0, 1) <= 1
    assert made == [default_gamma(MOST), MOST - default_gamma(MOST)]


def test_up_to_that_number_it_is_the_usual_estimator() -> None:
    drawn = []
    for each in (Tpe(7, Known()), optuna.samplers.TPESampler(seed=7)):
        by, study = random.Random(1), optuna.create_study(sampler=each)
        study.add_trials(
            [told(by, kind) for kind in ("trained", "infeasible", "stopped early") for _ in range(MOST // 3)]
        )
        drawn.append(study.ask().suggest_float("side", 0, 1))
    assert drawn[0] == drawn[1]
