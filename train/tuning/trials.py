"""One training of a search: what is trained, where, and what came of it.

A trial is an ordinary `ei-train train --resume` in a folder that is named by the digest of its recipe and its data. So
whoever asks for the same thing again, after whatever end, finds it done or goes on from its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ei_compat.block.run_folder import REPORT
from train import __version__
from train.job import EFFORT
from train.recipe import option_words
from train.tuning.sketch import Cost

LENGTHS = ("fine_tune_epochs", "min_steps")  # what an effort multiplies
DIGEST = 16  # characters of a folder's name
HELD = "validation"  # the set that a search looks at


@dataclass(frozen=True, slots=True)
class Spec:
    """What a trial trains.

    Attributes:
        data: the user's folder.
        data_digest: of its files.
        root: the folder that the trials' folders lie in.
        values: fields of the recipe and what they are, in the order of their names, as JSON values.
        effort: how long; one of `train.job.EFFORT`.
        seed: of the recipe.
        deterministic: same bytes from the same machine.
        arguments: further arguments of `train` that say how the data are read.
    """

    data: Path
    data_digest: str
    root: Path
    values: tuple[tuple[str, Any], ...]
    effort: str = "default"
    seed: int = 1
    deterministic: bool = False
    arguments: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The name of the folder; the same wherever data and results lie."""
        decides = [
            *(self.data_digest, self.arguments, self.values, self.effort, self.seed, self.deterministic),
            __version__,
        ]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:DIGEST]

    @property
    def folder(self) -> Path:
        """Where its results are."""
        return self.root / self.digest

    @property
    def log(self) -> Path:
        """What its processes said."""
        return self.root / f"{self.digest}.log"

    def options(self) -> list[str]:
        """The recipe as arguments; what an effort would multiply, but the user has set, is multiplied here."""
        values = {**dict(self.values), "effort": self.effort, "seed": self.seed}
        for name in set(LENGTHS) & values.keys():
            values[name] = max(1, round(EFFORT[self.effort] * int(values[name])))
        words = [word for name, value in sorted(values.items()) for word in option_words(name, value)]
        return [*words, *self.arguments, *(["--ensure-determinism"] if self.deterministic else [])]

    def command(self) -> list[str]:
        """The arguments of `ei-train` that train it, or go on with it."""
        places = ["--data-directory", str(self.data), "--out-directory", str(self.folder)]
        return ["train", *places, *self.options(), "--resume", "--log-format", "json"]

    def command_line(self, out: str) -> str:
        """What a person types to train it again, into another folder."""
        return shlex.join(
            ["ei-train", "train", "--data-directory", str(self.data), "--out-directory", out, *self.options()]
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial; nothing of the testing set is in it.

    Attributes:
        digest: of its spec.
        code: the exit code of its last process; 5 where a check was not met, and the files are there all the same.
        attempts: processes that were started.
        metric: of the INT8 file on the validation set; None where nothing came of it.
        cost: of the INT8 file, by the same estimates as before training.
        seconds: of its last process.
        missed: checks that were not met.
        error: what was said where nothing came of it.
    """

    digest: str
    code: int
    attempts: int = 0
    metric: float | None = None
    cost: Cost | None = None
    seconds: float = 0.0
    missed: tuple[str, ...] = ()
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Outcome:
        """What `as_json` gave."""
        cost = document["cost"]
        return cls(**{**document, "missed": tuple(document["missed"]), "cost": None if cost is None else Cost(**cost)})


def finished(spec: Spec, *, code: int = 0, attempts: int = 0) -> Outcome | None:
    """The outcome of a trial whose folder holds a finished run, or None."""
    from train.runs.report import read_report

    try:
        report = read_report(json.loads((spec.folder / REPORT).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    board = report.board
    return Outcome(
        digest=spec.digest,
        code=code,
        attempts=attempts,
        metric=report.metrics["int8"][HELD].metric,
        cost=None
        if board is None
        else Cost(board.rows_ram_bytes, board.own.ram_bytes, board.own.flash_bytes, board.own.instructions),
        seconds=report.seconds["total"],
        missed=tuple(check.name for check in report.checks if not check.met),
        error=None if board is not None else f"the INT8 file cannot be compiled: {report.missing.get('board')}",
    )


def said(log: Sequence[str]) -> str:
    """The last error in a trial's log, or what came last."""
    for line in reversed(log):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("event") == "error":
            parts = (record.get("where"), record.get("what"), record.get("fix"))
            return "; ".join(str(part) for part in parts if part)
    return log[-1].strip() if log else "it said nothing"
