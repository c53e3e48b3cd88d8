"""`plan`: what fits a board, before there is any data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ei_compat.core.errors import UsageError
from ei_compat.core.progress import SILENT, Progress
from train.recipe import Recipe
from train.result import Columns
from train.tuning.boards import WORDS, Board, Budget, milliseconds
from train.tuning.costs import Costs
from train.tuning.sketch import Cost, Sketch, zeros_of

MOBILENETS = {"mobilenet_v2": (0.35, 0.5, 0.75, 1.0), "mobilenet_v1": (0.25, 0.5, 0.75, 1.0)}


@dataclass(frozen=True, slots=True)
class Row:
    """One network and what it takes; `misses` says what of it does not fit."""

    backbone: str
    alpha: float
    image_size: int
    channels: int
    sparsity: float
    cost: Cost
    milliseconds: float | None
    misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """What was looked at, those that fit first, the dearest of them on top."""

    schema: ClassVar[str] = "plan/1"

    board: Board | None
    budget: Budget
    rows: tuple[Row, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def as_tables(self) -> Sequence[Columns]:
        """What fits; then in one line what does not."""
        fitting = [row for row in self.rows if not row.misses]
        header = ["network", "pixels", "colours", "zeros", "RAM", "with the whole input", "flash", "instructions", "ms"]
        rows = [
            [
                f"{row.backbone} {row.alpha:g}", str(row.image_size), str(row.channels), f"{row.sparsity:.2f}",
                f"{row.cost.ram_bytes:,}", f"{row.cost.whole_ram_bytes:,}", f"{row.cost.flash_bytes:,}",
                f"{row.cost.instructions / 1e6:,.1f} M", "" if row.milliseconds is None else f"{row.milliseconds:,.0f}",
            ]
            for row in fitting
        ]  # fmt: skip
        title = "What fits" if self.board is None else f"What fits {self.board.name}"
        return [Columns(title, header, rows, self._caption(len(fitting)))]

    def _caption(self, fitting: int) -> str:
        given = ", ".join(f"{WORDS[name]} {most:,}" for name, most in self.budget.limits().items()) or "none"
        lines = f"{fitting} of {len(self.rows)} networks fit. Limits: {given}. "
        if self.board is not None:
            lines += "An application needs its part of them: lower them with --max-ram and --max-flash. "
        return lines + "RAM in bytes is exact; flash and instructions are estimates, with zeros drawn at random."


def plan(
    board: Board | None,
    budget: Budget,
    costs: Costs,
    *,
    backbones: Sequence[str],
    alphas: Sequence[float],
    sizes: Sequence[int],
    channels: Sequence[int],
    sparsities: Sequence[float],
    outputs: int,
    progress: Progress = SILENT,
) -> BoardPlan:
    """Compiles every combination of these and holds it against the budget.

    Args:
        board: for the estimated time; None for none.
        budget: what a model may take.
        costs: that are asked.
        backbones: by name.
        alphas: width multipliers; one that a backbone lacks is passed over.
        sizes: pixels on a side.
        channels: 3 for colours, 1 for grayscale.
        sparsities: shares of zeros, 0 for no pruning.
        outputs: how many classes there are.
        progress: counts networks.

    Raises:
        UsageError: a combination cannot be, or none is left.
    """
    asked = {}
    for backbone, alpha, size, colours, sparsity in itertools.product(backbones, alphas, sizes, channels, sparsities):
        if alpha not in MOBILENETS.get(backbone, alphas):
            continue
        recipe = Recipe.model_validate(
            {
                "backbone": backbone, "alpha": alpha, "image_size": size, "channels": colours, "prune": sparsity > 0,
                "final_sparsity": sparsity,
            }
        )  # fmt: skip
        sketch = Sketch.of(recipe, (size, size, colours), "classification", outputs)
        asked[sketch, zeros_of(recipe)] = (backbone, alpha, size, colours, sparsity)
    if not asked:
        raise UsageError("no such network", where="--alpha", fix="mobilenet_v2 has 0.35, 0.5, 0.75 and 1.0")
    rows = []
    with progress.task("plan", len(asked), "networks") as task:
        for key, answer in costs.each(asked):
            if isinstance(answer, str):
                raise UsageError(answer, where=" ".join(map(str, asked[key])))
            time = milliseconds(board, answer.instructions)
            rows.append(Row(*asked[key], answer, time, tuple(budget.misses(answer))))
            task.advance()
    rows.sort(key=lambda row: (bool(row.misses), -row.cost.instructions, row.cost.ram_bytes))
    return BoardPlan(board, budget, tuple(rows))
