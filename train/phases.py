"""The phases of training, in order, and how a run goes through them, from the beginning or from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from train.batches import batches, two_at_once
from train.methods import features, finetune, head, qat
from train.methods.given import check_knowledge
from train.methods.input_scaling import deployed
from train.methods.int8_ready import make_int8_ready
from train.methods.state import TrainState

if TYPE_CHECKING:
    from train.costs import Stopwatch
    from train.methods.trainer import Trainer
    from train.recipe import Recipe


@dataclass(slots=True)
class Work:
    """What the phases hand on to each other.

    Attributes:
        trainer: the network and its data; in the scaling of training until the network is made ready for INT8, then in
            that of deployment.
        state: where training stands: a checkpoint's, or None at the beginning.
        features: of a backbone that came with weights, from the first phase on.
        before: what the network before fine-tuning says, from fine-tuning on.
        chosen: what the task measures [N] on validation of the network that training chose, before it was made ready.
    """

    trainer: Trainer
    state: TrainState | None = None
    features: features.Features | None = None
    before: finetune.Before = field(init=False)
    chosen: np.ndarray = field(init=False)

    @property
    def reached(self) -> TrainState:
        """The state, which there is from the first phase with a checkpoint on."""
        if self.state is None:
            raise RuntimeError("no phase has begun")
        return self.state


def _nothing(_: Work) -> None:
    """Does nothing."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase.

    Attributes:
        name: in the report's seconds.
        run: does the phase's work, from `Work.state` on.
        again: does what later phases need of this one where a checkpoint lies behind it, in place of `run`.
        states: the names of `TrainState.phase` that belong to it; none where it is too short for checkpoints.
        begin: the state in which it begins, where it has any.
        wanted: whether the recipe asks for it.
    """

    name: str
    run: Callable[[Work], None]
    again: Callable[[Work], None] = _nothing
    states: tuple[str, ...] = ()
    begin: Callable[[Work], TrainState] | None = None
    wanted: Callable[[Recipe], bool] = lambda _: True


def train(work: Work, watch: Stopwatch) -> None:
    """Goes through all phases that the recipe wants; those before the checkpoint's are not run again."""
    phases = [phase for phase in PHASES if phase.wanted(work.trainer.recipe)]
    stands_in = "" if work.state is None else work.state.phase
    behind = next((index for index, phase in enumerate(phases) if stands_in in phase.states), 0)
    for index, phase in enumerate(phases):
        with watch(phase.name):
            if index < behind:
                phase.again(work)
                continue
            if phase.begin is not None and (work.state is None or work.state.phase not in phase.states):
                work.state = phase.begin(work)
            phase.run(work)


def _extract(work: Work) -> None:
    if work.trainer.is_frozen:
        work.features = features.extract(work.trainer)
        if work.trainer.finished is not None and work.state is None:
            check_knowledge(work.trainer, work.features)


def _train_head(work: Work) -> None:
    work.state = head.train_head(work.trainer, work.reached, work.features)


def _look_before(work: Work) -> None:
    work.before = finetune.look_before(work.trainer, work.reached, work.features)


def _fine_tune(work: Work) -> None:
    _look_before(work)
    if work.trainer.recipe.fine_tune_epochs:
        work.state = finetune.fine_tune(work.trainer, work.reached, work.before)


def _make_ready(work: Work) -> None:
    work.chosen = _measured(work.trainer)
    work.trainer = deployed(work.trainer)
    make_int8_ready(work.trainer)


def _made_ready(work: Work) -> None:
    """The checkpoint's weights are ready; only the data change."""
    work.chosen = work.reached.chosen[0]
    work.trainer = deployed(work.trainer)


def _train_aware(work: Work) -> None:
    work.state = qat.train_aware(work.trainer, work.reached, work.before)


def _measured(trainer: Trainer) -> np.ndarray:
    """What the task measures [N] of the network as it is now, on validation."""
    network, held = trainer.network, trainer.data.validation
    seen, read = network.features(held), batches(held, np.arange(len(held)), 64)
    said = np.concatenate(list(two_at_once(lambda x, _: network.head(seen(x), training=False).numpy(), read)))
    return trainer.data.task.measure(held.y, said)


PHASES = (
    Phase("features", _extract, _extract),
    Phase("head", _train_head, states=(head.PHASE,), begin=lambda _: TrainState(head.PHASE)),
    Phase(
        "finetune",
        _fine_tune,
        _look_before,
        states=(finetune.PHASE, finetune.END),
        begin=lambda work: finetune.begin(work.trainer, work.reached),
    ),
    Phase("quantize", _make_ready, _made_ready),
    Phase(
        "qat",
        _train_aware,
        states=(qat.PHASE,),
        begin=lambda work: qat.begin(work.reached, work.chosen),
        wanted=lambda recipe: recipe.qat_epochs > 0,
    ),
)
