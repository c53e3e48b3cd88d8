"""The recipe's defaults are the one that users know, and it refuses what cannot be."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from tests.train.networks import classification
from train.backbones import FROM_SCRATCH
from train.backbones.keras_applications import OPEN_HEAD
from train.backbones.mobilenet_v2 import MOBILENET_V2
from train.job import Job, adapted
from train.recipe import Recipe
from train.scaling import Scaling


def data_of(images: int) -> SimpleNamespace:
    return SimpleNamespace(
        task=classification(2), shape=(96, 96, 3), scaling=Scaling.of("0..1", 3), training=range(images)
    )


def test_defaults_are_the_recipe_that_users_know() -> None:
    recipe = Recipe()

    assert (recipe.alpha, recipe.image_size, recipe.channels) == (0.35, 160, 3)
    assert (recipe.head_units, recipe.head_dropout) == ((128, 64), (0.4, 0.3))
    assert (recipe.batch_size, recipe.epochs, recipe.learning_rate) == (32, 5, 0.001)
    assert (recipe.fine_tune_epochs, recipe.fine_tune_share, recipe.fine_tune_learning_rate) == (10, 0.7, 0.0005)
    assert (recipe.prune, recipe.initial_sparsity, recipe.final_sparsity) == (True, 0.5, 0.8)
    assert (recipe.augment, recipe.class_weights, recipe.max_int8_drop) == (False, False, 0.02)


def test_lists_may_be_written_as_text() -> None:
    recipe = Recipe(head_units="32,16,8", head_dropout="0.1, 0.2, 0")

    assert (recipe.head_units, recipe.head_dropout) == ((32, 16, 8), (0.1, 0.2, 0.0))
    assert Recipe(head_units="", head_dropout="").head_units == ()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"image_size": 16}, id="smaller than the network's stride"),
        pytest.param({"alpha": 1.3}, id="alpha without weights"),
        pytest.param({"channels": 2}, id="two channels"),
        pytest.param({"final_sparsity": 1.0}, id="nothing left"),
        pytest.param({"learning_rate": float("nan")}, id="not a number"),
        pytest.param({"head_units": (0,), "head_dropout": (0.1,)}, id="no units"),
        pytest.param({"head_dropout": (0.4, 1.0)}, id="everything dropped"),
        pytest.param({"unheard_of": 1}, id="unknown field"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe(**wrong)


def test_from_scratch_it_trains_longer_unless_told_otherwise() -> None:
    told = Job(Path("d"), Path("o"), Recipe(epochs=3), given=frozenset({"epochs"}))

    scratch = adapted(told, data_of(2000), MOBILENET_V2.defaults(pretrained=False))
    pretrained = adapted(told, data_of(2000), MOBILENET_V2.defaults(pretrained=True))

    assert (scratch.epochs, scratch.fine_tune_epochs) == (3, FROM_SCRATCH["fine_tune_epochs"])
    assert scratch.head_dropout == OPEN_HEAD["head_dropout"]
    assert (pretrained.epochs, pretrained.fine_tune_epochs, pretrained.image_size) == (3, 10, 96)
    assert pretrained.head_dropout == Recipe().head_dropout


def test_effort_changes_how_long_unless_it_was_said() -> None:
    def asked(effort: str, **given: object) -> Recipe:
        job = Job(Path("d"), Path("o"), Recipe(effort=effort, **given), given=frozenset({"effort", *given}))
        return adapted(job, data_of(2000), {})

    assert [asked(effort).fine_tune_epochs for effort in ("quick", "default", "thorough")] == [4, 10, 30]
    assert asked("thorough").min_steps == 3 * Recipe().min_steps
    assert asked("thorough", fine_tune_epochs=7).fine_tune_epochs == 7


def test_few_images_lean_on_what_was_known_before() -> None:
    def of(images: int, **given: object) -> Recipe:
        job = Job(Path("d"), Path("o"), Recipe(**given), given=frozenset(given))
        return adapted(job, data_of(images), {})

    assert of(1600).soft_answers == Recipe().soft_answers
    assert of(200).soft_answers > Recipe().soft_answers
    assert of(200, soft_answers=0.1).soft_answers == 0.1


def test_a_pruned_network_with_published_weights_recovers_at_a_high_rate_where_it_is_quick_to_train() -> None:
    def of(images: int, *, pretrained: bool = True, **given: object) -> Recipe:
        job = Job(Path("d"), Path("o"), Recipe(**given), given=frozenset(given))
        return adapted(job, data_of(images), {}, pretrained=pretrained)

    few, dense, fresh = of(200), of(200, prune=False), of(200, pretrained=False)
    assert few.closer_looks == dense.closer_looks > of(200, closer_looks=1).closer_looks == 1
    assert fresh.closer_looks == of(1600).closer_looks == 0
    sizes = data_of(200)
    sizes.task = SimpleNamespace(name="regression")  # of things that look larger from closer by
    assert adapted(Job(Path("d"), Path("o"), Recipe()), sizes, {}, pretrained=True).closer_looks == 0
    assert few.fine_tune_learning_rate > dense.fine_tune_learning_rate == fresh.fine_tune_learning_rate
    assert few.end_share < fresh.end_share == Recipe().end_share
    assert of(200, fine_tune_learning_rate=0.0002).fine_tune_learning_rate == 0.0002


def test_very_few_images_are_given_all_zeros_at_once_and_fewer_steps() -> None:
    def of(images: int, **given: object) -> Recipe:
        job = Job(Path("d"), Path("o"), Recipe(**given), given=frozenset(given))
        return adapted(job, data_of(images), {}, pretrained=True)

    few, very_few = of(300), of(200)
    assert (few.initial_sparsity, few.min_steps) == (Recipe().initial_sparsity, Recipe().min_steps)
    assert (very_few.initial_sparsity, very_few.min_steps) == (very_few.final_sparsity, Recipe().min_steps / 2)
    assert of(200, final_sparsity=0.7).initial_sparsity == 0.7
    assert of(200, effort="quick").min_steps < very_few.min_steps < of(200, effort="thorough").min_steps
    for told in ({"initial_sparsity": 0.4}, {"prune_at_once": False}, {"sparsity_allocation": "uniform"}):
        gradual = of(200, **told)
        assert gradual.initial_sparsity < gradual.final_sparsity
        assert gradual.min_steps == Recipe().min_steps
    assert of(200, prune=False).min_steps == Recipe().min_steps


def test_only_the_end_learns_where_published_weights_can_make_up_for_what_the_rest_loses() -> None:
    def of(*, pretrained: bool = True, **given: object) -> Recipe:
        job = Job(Path("d"), Path("o"), Recipe(**given), given=frozenset(given))
        return adapted(job, data_of(1600), {}, pretrained=pretrained)

    assert of().prune_at_once
    assert not of(prune_at_once=False).prune_at_once
    for gradual in (of(pretrained=False), of(sparsity_allocation="uniform")):
        assert not gradual.prune_at_once
        assert gradual.end_share == Recipe().end_share > of().end_share


def test_a_low_final_sparsity_lowers_the_initial_one_unless_that_is_given() -> None:
    assert Recipe(final_sparsity=0.3).initial_sparsity == 0.3
    assert Recipe(final_sparsity="0.3").initial_sparsity == 0.3
    assert Recipe(final_sparsity=0.9).initial_sparsity == 0.5
    with pytest.raises(ValidationError, match=r"--initial-sparsity 0\.4 must not be above --final-sparsity 0\.3"):
        Recipe(final_sparsity=0.3, initial_sparsity=0.4)
    with pytest.raises(ValidationError, match="final_sparsity"):
        Recipe(final_sparsity="much")
