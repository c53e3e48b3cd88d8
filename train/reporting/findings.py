"""What a run finds out for its report, each part by itself: one that fails is a line, and never the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
from ei_compat.core.errors import EiTrainError, Interrupted
from train import supervision
from train.batches import as_float
from train.inspection.health import Health, health_of
from train.inspection.layers import IMAGES, Kernel, LayerError, kernels_of, layer_errors
from train.reporting.explorer import CHANNELS, chosen, components_of, explorer_of, packed
from train.scaling import Scaling

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.inspection.board import Board, BoardElsewhere
    from train.samples import Samples, TrainingData
    from train.sparsity import Sparsity
    from train.tasks import Answered, Task

T = TypeVar("T")
LEARNED = "there are no features of a network that has not been taught these very labels"
WHAT = {
    "board": "what the model takes on a board",
    "kernels": "the zeros of each kernel",
    "layers": "the error behind each layer",
    "trust": "how far answers can be trusted",
    "features": "a map of the samples",
    "health": "the health of the data",
    "explorer": "the explorer of the samples",
    "report.html": "its page (`ei-train report` tries again)",
    "MODEL_CARD.md": "its model card",
}
STEPS = len(WHAT) - 2  # but for the last two, which are made of all that was found


class Pruned(NamedTuple):
    """What pruning was to do: the zeros of the files, and of each kernel its weights and the share it was asked for."""

    zeros: Sparsity
    sizes: Sequence[int]
    asked: Sequence[float] | None


class Seen(NamedTuple):
    """What the network saw before fine-tuning: features [N, ...] by set, and whether they know none of the labels."""

    features: Mapping[str, np.ndarray]
    frozen: bool


@dataclass(slots=True)
class Findings:
    """What was found; a part that was not is None or empty, and `missing` says why.

    Attributes:
        progress: hears of what is missing.
        steps: the task of the progress, one for each part that is looked for.
        missing: why, by the part's name.
        explorer: the content of `explorer.zip`.
    """

    progress: Progress
    steps: Any = None
    board: Board | None = None
    kernels: tuple[Kernel, ...] = ()
    layers: tuple[LayerError, ...] = ()
    trust: Mapping[str, Any] | None = None
    health: Health | None = None
    explorer: bytes | None = None
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Any]:
        """What a `Report` holds of them, by its names."""
        names = ("board", "kernels", "layers", "trust", "health")
        return {name: getattr(self, name) for name in names} | {"missing": dict(self.missing)}

    def attempt(self, name: str, find: Callable[[], T]) -> T | None:
        """What `find` gives, or None with a line that says why not; an interruption goes through."""
        try:
            return find()
        except Interrupted:
            raise
        except Exception as error:
            if supervision.stopped_by() is not None:
                raise
            reason = str(error) if isinstance(error, EiTrainError) else f"{type(error).__name__}: {error}"
            self.missing[name] = reason.splitlines()[0]
            self.progress.warn(f"The run goes without {WHAT.get(name, name)}: {self.missing[name]}")
            return None
        finally:
            if self.steps is not None:
                self.steps.advance()


def look(
    models: Mapping[str, bytes],
    data: TrainingData,
    deployed: Samples,
    sets: Mapping[str, Answered],
    pruned: Pruned,
    seen: Seen,
    board: BoardElsewhere,
    progress: Progress,
    seed: int = 1,
) -> Findings:
    """Looks at a finished model and its data.

    Args:
        models: the files by name.
        data: as training was given them.
        deployed: validation as the deployed model is given it.
        sets: what both files say of the held-out sets.
        pruned: what pruning was to do.
        seen: what the network saw.
        board: of the INT8 file.
        progress: hears of what is not found.
        seed: of everything drawn.
    """
    with progress.task("report", STEPS, "steps") as steps:
        found, int8 = Findings(progress, steps), models[INT8_FILE]
        found.board = found.attempt("board", board.board)
        found.kernels = found.attempt("kernels", lambda: kernels_of(*pruned, int8)) or ()
        rows = np.unique(np.linspace(0, len(deployed) - 1, min(IMAGES, len(deployed))).astype(int))
        inputs = as_float(deployed.take(rows)[0])
        found.layers = found.attempt("layers", lambda: layer_errors(models[FLOAT_FILE], int8, inputs)) or ()
        look_at_data(found, data, sets, seen, seed)
    return found


def look_at_data(found: Findings, data: TrainingData, sets: Mapping[str, Answered], seen: Seen, seed: int) -> None:
    """Finds the parts that need no model file; see `look`."""
    found.trust = found.attempt("trust", lambda: data.task.trust(sets))
    components = found.attempt("features", lambda: components_of(seen.features))
    why_not = found.missing.get("features", "" if seen.frozen else LEARNED)
    found.health = found.attempt("health", lambda: _health(data, None if why_not else components, why_not, seed))
    if components is not None:
        found.explorer = found.attempt("explorer", lambda: _explorer(data, found.health, sets, components, seed))


def _health(data: TrainingData, components: Mapping[str, np.ndarray] | None, why_not: str, seed: int) -> Health:
    features = None if components is None else np.concatenate(list(components.values()))
    return health_of(data.task, data.sets(), features, why_not, seed)


def _explorer(
    data: TrainingData,
    health: Health | None,
    sets: Mapping[str, Answered],
    components: Mapping[str, np.ndarray],
    seed: int,
) -> bytes:
    all_sets = data.sets()
    doubted = [(doubt.set, doubt.row) for doubt in (health.doubts if health else ())]
    places = chosen(
        {name: len(samples) for name, samples in all_sets.items()}, [*faults(data.task, sets, "int8"), *doubted]
    )
    shape = data.training.x.shape[1:]
    scaling = data.scaling if isinstance(data.scaling, Scaling) and shape[-1] in CHANNELS else None
    return packed(explorer_of(data.task, all_sets, components, places, scaling, seed))


def faults(task: Task, sets: Mapping[str, Answered], kind: str) -> list[tuple[str, int]]:
    """Sets and rows of the wrong answers of a file, the worst first."""
    found = [
        (remark.fault, name, row)
        for name, answered in sets.items()
        for row, remark in enumerate(task.remarks(answered.y, answered.outputs[kind]))
        if not remark.right
    ]
    return [(name, row) for _, name, row in sorted(found, key=lambda each: (-each[0], each[1], each[2]))]
