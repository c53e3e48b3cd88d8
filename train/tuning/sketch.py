"""What of a recipe decides a network's cost, and that cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from train.recipe import Recipe

# Fields of the recipe that decide the network's shape. Zeros are another matter: they change no arena.
SHAPING = ("backbone", "network", "alpha", "head_units", "units", "columns", "filters", "kernel_size")


class Zeros(NamedTuple):
    """How many weights are zero: a share, 0 for none, and how it is spread over the kernels."""

    share: float
    allocation: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model takes on a board.

    Attributes:
        ram_bytes: of the arena with the input row by row, which is what `package --max-ram` bounds; exact.
        whole_ram_bytes: of the arena with the whole input in it; exact.
        flash_bytes: of constants and code, an estimate.
        instructions: of one inference on RV32IMC, an estimate.
    """

    ram_bytes: int
    whole_ram_bytes: int
    flash_bytes: int
    instructions: int


@dataclass(frozen=True, slots=True)
class Sketch:
    """A network without its weights.

    Attributes:
        shape: of one input.
        task: by name.
        outputs: how many there are.
        values: fields of the recipe in `SHAPING` that are not the recipe's defaults, in the order of their names.
    """

    shape: tuple[int, ...]
    task: str
    outputs: int
    values: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, shape: tuple[int, ...], task: str, outputs: int) -> Sketch:
        """The sketch of what this recipe trains on inputs of this shape; its backbone is named, not `auto`."""
        given = ((name, getattr(recipe, name)) for name in sorted(SHAPING))
        return cls(
            shape, task, outputs, tuple((name, at) for name, at in given if at != Recipe.model_fields[name].default)
        )

    @property
    def backbone(self) -> str:
        """By name."""
        return str(dict(self.values)["backbone"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the outputs, which cost nothing."""
        return tuple(f"class {number}" for number in range(self.outputs))

    def recipe(self) -> Recipe:
        """A recipe with the network's shape and nothing else."""
        named = dict(self.values)
        if "head_units" in named:
            named["head_dropout"] = (0.0,) * len(named["head_units"])
        return Recipe(**named)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        values: Mapping[str, Any] = dict(self.values)
        return {"shape": self.shape, "task": self.task, "outputs": self.outputs, "values": values}


def zeros_of(recipe: Recipe) -> Zeros:
    """The zeros that a recipe asks for."""
    return Zeros(recipe.final_sparsity if recipe.prune else 0.0, recipe.sparsity_allocation)
