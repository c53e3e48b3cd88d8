"""Costs are asked for once, those of one shape together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from train.recipe import Recipe
from train.tuning import costs as module
from train.tuning.costs import Costs
from train.tuning.sketch import Cost, Sketch, Zeros, zeros_of

COST = Cost(ram_bytes=1000, whole_ram_bytes=2000, flash_bytes=3000, instructions=4000)
SKETCH = Sketch.of(Recipe(backbone="mobilenet_v2", alpha=0.5), (96, 96, 3), "classification", 4)


class Counted(Costs):
    """Costs whose processes are counted and give what was put in."""

    answer: Cost | str = COST
    asked = 0

    def _submit(self, sketch: Sketch, wanted: Sequence[Zeros]) -> Future[Sequence[Cost | str]]:
        self.asked += 1
        future: Future[Sequence[Cost | str]] = Future()
        future.set_result([self.answer] * len(wanted))
        return future


def test_one_shape_is_measured_once_for_all_its_zeros_and_kept(tmp_path: Path) -> None:
    costs = Counted(tmp_path)
    asked = [(SKETCH, Zeros(share, "balanced")) for share in (0.0, 0.5, 0.8)]
    assert [answer for _, answer in costs.each(asked)] == [COST] * 3
    assert costs.asked == 1
    again = Counted(tmp_path)
    assert [key for key, _ in again.each(asked)] == asked
    assert again.asked == 0
    assert again.of(SKETCH, Zeros(0.9, "balanced")) == COST
    assert again.asked == 1


def test_a_network_that_cannot_be_is_kept_with_its_reason(tmp_path: Path) -> None:
    costs = Counted(tmp_path)
    costs.answer = "MobileNetV2 has other widths"
    assert costs.of(SKETCH, Zeros(0.8, "balanced")) == costs.answer
    assert Counted(tmp_path).of(SKETCH, Zeros(0.8, "balanced")) == costs.answer


def test_another_compiler_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Counted(tmp_path).of(SKETCH, Zeros(0.8, "balanced"))
    monkeypatch.setattr(module, "compiler_digest", lambda: "another")
    again = Counted(tmp_path)
    again.of(SKETCH, Zeros(0.8, "balanced"))
    assert again.asked == 1


def test_a_damaged_entry_is_measured_again(tmp_path: Path) -> None:
    Counted(tmp_path).of(SKETCH, Zeros(0.8, "balanced"))
    for path in tmp_path.iterdir():
        path.write_text("{")
    again = Counted(tmp_path)
    assert again.of(SKETCH, Zeros(0.8, "balanced")) == COST
    assert again.asked == 1


def test_a_sketch_holds_what_shapes_the_network_and_nothing_else() -> None:
    base = Recipe(backbone="mobilenet_v2", alpha=0.5)
    trained_longer = base.model_copy(update={"epochs": 50, "learning_rate": 0.1, "final_sparsity": 0.9, "seed": 3})
    assert Sketch.of(trained_longer, (96, 96, 3), "classification", 4) == SKETCH
    wider = Recipe(backbone="mobilenet_v2", alpha=0.5, head_units=(64,), head_dropout=(0.1,))
    sketch = Sketch.of(wider, (96, 96, 3), "classification", 4)
    assert sketch != SKETCH
    assert sketch.recipe().head_units == (64,)
    assert zeros_of(base) == (0.8, "balanced")
    assert zeros_of(base.model_copy(update={"prune": False})).share == 0
