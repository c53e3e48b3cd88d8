"""The INT8 check fails on what the pictures show, warns of what they do not, and looks at every class."""

from __future__ import annotations

import numpy as np
import pytest

from train.checks import warnings_of
from train.recipe import Recipe
from train.sparsity import Sparsity, sparsity_checks
from train.tasks import Drop
from train.tasks.classification_checks import Pair, chance_of_loss, int8_checks, largest_share, training_checks


def pair(*classes: tuple[int, int, int]) -> Pair:
    """For each class: pictures, those that INT8 loses, and those that it gains; float has all others right."""
    parts = []
    for index, (count, lost, gained) in enumerate(classes):
        truth = np.full(count, index)
        wrong = (index + 1) % max(len(classes), 2)
        seen_float, seen_int8 = truth.copy(), truth.copy()
        seen_int8[:lost] = wrong
        seen_float[lost : lost + gained] = wrong
        parts.append((truth, seen_float, seen_int8))
    return Pair(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def judged(*classes: tuple[int, int, int], **recipe: float) -> tuple[bool, int]:
    """Whether every check is met, and the number of warnings."""
    checks = int8_checks(Recipe(**recipe), pair(*classes), [f"c{i}" for i in range(len(classes))])
    return all(check.met for check in checks), len(warnings_of(checks))


@pytest.mark.parametrize(
    ("classes", "kept", "warns"),
    [
        pytest.param([(8, 0, 0), (8, 0, 0)], True, False, id="nothing lost"),
        pytest.param([(8, 1, 0), (8, 0, 0)], True, True, id="one of sixteen"),
        pytest.param([(4, 1, 0)] + [(4, 0, 0)] * 3, True, True, id="one of sixteen in four classes"),
        pytest.param([(20, 1, 0), (20, 1, 0)], True, True, id="two of forty"),
        pytest.param([(1, 1, 0), (1, 0, 0)], True, True, id="one of two"),
        pytest.param([(100, 2, 0), (100, 2, 0)], True, False, id="as much as is allowed"),
        pytest.param([(500, 30, 0), (500, 30, 0)], False, False, id="six percent of a thousand"),
        pytest.param([(500, 90, 80), (500, 80, 70)], True, False, id="much changes, little is lost"),
        pytest.param([(100, 0, 9), (100, 0, 9)], True, False, id="gained"),
        pytest.param([(8, 6, 0), (8, 5, 0)], False, False, id="most of sixteen"),
        pytest.param([(196, 0, 0), (4, 4, 0)], False, False, id="a rare class lost whole"),
        pytest.param([(16, 0, 0), (4, 4, 0)], False, True, id="a rare class of few pictures"),
        pytest.param([(100, 0, 0), (97, 0, 0), (3, 3, 0)], False, False, id="three of three"),
        pytest.param([(100, 0, 0), (99, 0, 0), (1, 1, 0)], True, True, id="one of one shows nothing"),
        pytest.param([(950, 0, 10), (50, 25, 0)], False, False, id="half of a class, the mean keeps up"),
    ],
)
def test_verdicts(classes: list[tuple[int, int, int]], kept: bool, warns: bool) -> None:
    ok, warnings = judged(*classes)
    assert (ok, warnings > 0) == (kept, warns)


def test_everything_may_be_lost_where_that_is_allowed() -> None:
    assert judged((50, 50, 0), (50, 50, 0), max_int8_drop=1.0) == (True, 0)


def test_the_warning_names_the_class_and_the_images() -> None:
    checks = int8_checks(Recipe(), pair((199, 0, 0), (1, 1, 0)), ["cat", "dog"])

    assert warnings_of(checks)[0].startswith(
        "INT8's loss of recall in class dog at most 0.100, measured 1.000; 1 picture is too few to tell"
    )


@pytest.mark.parametrize(("count", "lost", "gained"), [(16, 0.02, 0.0), (50, 0.07, 0.05), (200, 0.04, 0.02)])
def test_a_model_that_keeps_its_limit_seldom_fails(count: int, lost: float, gained: float) -> None:
    """At exactly the limit, the worst case, at most 5 % of the samples may fail."""
    random = np.random.default_rng(1)
    drawn = random.multinomial(count, [lost, gained, 1 - lost - gained], 2000)
    verdicts = {}
    for more, less in {(int(a), int(b)) for a, b, _ in drawn}:
        most = largest_share(count, less, 0.005)
        verdicts[more, less] = more - less > 0.02 * count and chance_of_loss(count, more - less, 0.02, most) < 0.045

    assert np.mean([verdicts[int(a), int(b)] for a, b, _ in drawn]) <= 0.05


def test_the_distribution_is_the_binomial_where_nothing_is_gained() -> None:
    """P(at least 2 of 3) at 0.1 is 3 * 0.01 * 0.9 + 0.001."""
    assert chance_of_loss(3, 2, 0.1, 0.0) == pytest.approx(0.028)
    assert largest_share(4, 0, 0.05) == pytest.approx(1 - 0.05**0.25)


def test_what_pruning_may_lose() -> None:
    limit, nothing = Recipe().max_prune_drop, Drop(0.0, 0.0)

    assert [check.met for check in training_checks(Recipe(), nothing, Drop(0.5, limit + 0.01))] == [True, False]
    assert [check.met for check in training_checks(Recipe(), nothing, Drop(0.5, limit))] == [True, True]
    assert [check.met for check in training_checks(Recipe(), Drop(0.5, 0.4), None)] == [False]


def test_zeros_that_were_asked_for() -> None:
    zeros = Sparsity(0.8, 0.7, 0.79, {"a": 0.79, "b": 0.81})
    uniform = Recipe(final_sparsity=0.8, sparsity_allocation="uniform")

    assert [check.met for check in sparsity_checks(Recipe(final_sparsity=0.8), zeros)] == [True, False]
    assert [check.met for check in sparsity_checks(uniform, zeros)] == [False, False]
    assert sparsity_checks(Recipe(prune=False), zeros) == []
