"""What a search leaves: `trials.csv`, `tune.json`, and `best`, a link to the winner's folder."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ei_compat.block.run_folder import REPORT
from ei_compat.core.files import write_file
from train.result import Columns, as_document
from train.tuning.boards import Board, Budget
from train.tuning.driver import mean
from train.tuning.sketch import Cost
from train.tuning.study import Trial, ranked
from train.tuning.trials import Outcome

TABLE, RESULT, PAGE, BEST = "trials.csv", "tune.json", "tune.html", "best"
FIGURES = ("ram_bytes", "flash_bytes", "instructions")


@dataclass(frozen=True, slots=True)
class Winner:
    """The best model.

    Attributes:
        trial: that found it.
        outcomes: for each seed.
        best: of these, by its metric on validation; its folder is `best`.
        testing: its metric on the testing set, which nobody looked at before; None where there is none.
        command: that trains it again.
    """

    trial: Trial
    outcomes: Sequence[Outcome]
    best: Outcome
    testing: float | None
    command: str

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "trial": self.trial.number,
            "values": dict(self.trial.values),
            "digest": self.best.digest,
            "validation": self.best.metric,
            "validation_mean": mean(self.outcomes),
            "validation_by_seed": [outcome.metric for outcome in self.outcomes],
            "testing": self.testing,
            "cost": None if self.best.cost is None else asdict(self.best.cost),
            "missed_checks": list(self.best.missed),
            "command": self.command,
        }


@dataclass(frozen=True, slots=True)
class Tuned:
    """The result of a search.

    Attributes:
        metric: of the task, by name.
        higher_is_better: of that metric.
        board: whose budget it is, or None.
        budget: that models had to fit.
        space: as `--space` would read it.
        trials: all of them.
        importance: of each knob.
        winner: None while there is none.
    """

    schema: ClassVar[str] = "tune/1"

    metric: str
    higher_is_better: bool
    board: Board | None
    budget: Budget
    space: Mapping[str, Any]
    trials: Sequence[Trial]
    importance: Mapping[str, float]
    winner: Winner | None

    @property
    def trained(self) -> list[Trial]:
        """Those that were trained, at any rung."""
        return [trial for trial in self.trials if trial.rungs]

    def errors(self) -> dict[str, list[float]]:
        """How far predictions were from the finished models, by figure, as shares of these."""
        pairs = [
            (trial.predicted, trial.last.cost)
            for trial in self.trained
            if trial.predicted is not None and trial.last is not None and trial.last.cost is not None
        ]
        return {name: [getattr(said, name) / getattr(real, name) - 1 for said, real in pairs] for name in FIGURES}

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "metric": self.metric,
            "board": None if self.board is None else self.board.id,
            "budget": asdict(self.budget),
            "space": dict(self.space),
            "winner": None if self.winner is None else self.winner.as_json(),
            "importance": dict(self.importance),
            "prediction_errors": self.errors(),
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state,
                    "reason": trial.reason,
                    "fits": trial.fits,
                    "values": dict(trial.values),
                    "predicted": None if trial.predicted is None else asdict(trial.predicted),
                    "rungs": {effort: outcome.as_json() for effort, outcome in trial.rungs.items()},
                }
                for trial in self.trials
            ],
        }

    def as_tables(self) -> Sequence[Columns]:
        """The winner, and how many there were of each kind."""
        counts = {state: sum(trial.state == state for trial in self.trials) for state in STATES}
        caption = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        best = ranked(self.trials, higher_is_better=self.higher_is_better)
        best.sort(key=lambda trial: trial.state != "trained")
        rows = [[str(trial.number), *_words(trial), *_reached(trial)] for trial in best[:SHOWN]]
        header = ["trial", "network", "longest run", f"validation {self.metric}", "RAM", "flash", "instructions"]
        tables = [Columns("Best trials", header, rows, caption, texts=3)]
        if self.winner is not None:
            tables.append(_winner_table(self.winner, self.metric))
        return tables


STATES = ("trained", "stopped early", "infeasible", "failed", "running")
SHOWN = 10


def _words(trial: Trial) -> tuple[str, str]:
    values = trial.values
    named = [str(values[name]) for name in ("backbone", "alpha", "units") if name in values]
    named += [f"{values['image_size']} px"] if "image_size" in values else []
    named += [f"{values['final_sparsity']:g} zeros"] if "final_sparsity" in values else []
    return " ".join(named), trial.effort


def _reached(trial: Trial) -> list[str]:
    """The metric and what the finished model takes."""
    last = trial.last
    if last is None or last.metric is None or last.cost is None:
        return [""] * (1 + len(FIGURES))
    return [f"{last.metric:.4f}", *(f"{getattr(last.cost, name):,}" for name in FIGURES)]


def _winner_table(winner: Winner, metric: str) -> Columns:
    by_seed = ", ".join(f"{outcome.metric:.4f}" for outcome in winner.outcomes)
    rows = [
        [f"validation {metric}", f"{winner.best.metric:.4f}"],
        ["with each seed", by_seed],
        [f"testing {metric}", "no testing set" if winner.testing is None else f"{winner.testing:.4f}"],
    ]
    return Columns(f"Winner: trial {winner.trial.number}", ["", ""], rows, f"to train it again: {winner.command}")


def testing_of(folder: Path) -> float | None:
    """The metric of the INT8 file of a finished run on its testing set, or None where it has none."""
    from train.runs.report import read_report

    scores = read_report(json.loads((folder / REPORT).read_bytes())).metrics["int8"].get("testing")
    return None if scores is None else scores.metric


def link_best(out: Path, folder: Path) -> None:
    """Makes `best` a link to the folder, at once or not at all."""
    beside = out / f".{BEST}.{secrets.token_hex(4)}"
    beside.symlink_to(folder.relative_to(out), target_is_directory=True)
    beside.replace(out / BEST)


def write_results(out: Path, tuned: Tuned) -> None:
    """Writes the table and the result."""
    write_file(out / TABLE, table_of(tuned).encode())
    write_file(out / RESULT, (json.dumps(as_document(tuned), indent=2) + "\n").encode())


def table_of(tuned: Tuned) -> str:
    """The content of `trials.csv`: a row for each trial, predictions beside what came of them."""
    knobs = sorted({name for trial in tuned.trials for name in trial.values})
    figures = [f"{name} {kind}" for name in FIGURES for kind in ("predicted", "real")]
    header = ["number", "state", "fits", "effort", tuned.metric, *figures, "seconds", "folder", "reason", *knobs]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    for trial in tuned.trials:
        last = trial.last
        real = None if last is None else last.cost
        costs = [_figure(cost, name) for name in FIGURES for cost in (trial.predicted, real)]
        writer.writerow([
            trial.number, trial.state, int(trial.fits), trial.effort,
            "" if last is None else last.metric, *costs, "" if last is None else last.seconds,
            "" if last is None else f"trials/{last.digest}", trial.reason or "",
            *(trial.values.get(name, "") for name in knobs),
        ])  # fmt: skip
    return buffer.getvalue()


def _figure(cost: Cost | None, name: str) -> int | str:
    return "" if cost is None else int(getattr(cost, name))
