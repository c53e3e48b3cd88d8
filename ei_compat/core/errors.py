"""The errors of ei-train: one small tree, stable codes, one line each.

::

    EiTrainError                      code                exit
    ├── UsageError                    usage               2      the command line or a recipe value
    ├── DataError                     data                3      what the user gave us to read
    │   ├── FormatError               data.format         3      a file is not what its format says
    │   ├── ImageError                data.picture        3      one picture cannot be decoded
    │   └── LimitError                data.limit          3      larger than a stated, configurable limit
    ├── TrainingError                 training            4
    ├── ExportError                   export              5      converting or packaging failed
    │   └── CheckError                export.check        5      files are written, but a check was not met
    └── RemoteError                   remote              6      network or API
    Interrupted                       interrupted         128 + the signal's number

`Interrupted` stands beside the tree, as `KeyboardInterrupt` does in Python's: libraries wrap, log or swallow whatever
is an `Exception`, and a request to stop must reach the end of the program as it is.

A message says what is wrong; `where` names the file, field or option; `fix` says what to do about it. The three make
the one line that a user sees. Codes are part of the interface: scripts may match them, so they never change.
"""

from __future__ import annotations

import os
import signal
from typing import ClassVar


class _OneLine(BaseException):
    """What both kinds of end say of themselves.

    Args:
        what: what is wrong, lower case, no full stop.
        where: the file (with a position where one is known), field or option that is at fault.
        fix: what to do about it.
    """

    code: ClassVar[str]
    exit_code: int

    def __init__(self, what: str, *, where: str | os.PathLike[str] | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else os.fspath(where)
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        line = self.what if self.where is None else f"{self.where}: {self.what}"
        if self.fix is not None:
            line = f"{line}; {self.fix}"
        return " ".join(line.split())  # one line, whatever a library's message held


class EiTrainError(_OneLine, Exception):
    """A failure with a cause the user can act on; arguments as in the base."""

    code = "error"
    exit_code = 1


class UsageError(EiTrainError):
    """An option or a recipe value that cannot be."""

    code = "usage"
    exit_code = 2


class DataError(EiTrainError):
    """Data that cannot be trained on, or read at all."""

    code = "data"
    exit_code = 3


class FormatError(DataError):
    """A file that is not what its format says; `where` holds the position in it."""

    code = "data.format"


class ImageError(DataError):
    """A picture that cannot be decoded."""

    code = "data.picture"


class LimitError(DataError):
    """Input larger than a limit that protects memory or disk; `fix` names the option that raises it."""

    code = "data.limit"


class TrainingError(EiTrainError):
    """Training that cannot go on, as when the loss is no longer finite."""

    code = "training"
    exit_code = 4


class ExportError(EiTrainError):
    """A model that could not be converted or packaged."""

    code = "export"
    exit_code = 5


class CheckError(ExportError):
    """A model that does not keep what was asked for, though every file is written."""

    code = "export.check"


class RemoteError(EiTrainError):
    """A failure of the network or of the other side's API."""

    code = "remote"
    exit_code = 6


class Interrupted(_OneLine):
    """End of a run that a signal stopped, with what there was saved.

    Args:
        number: the signal, SIGINT or SIGTERM; the exit code is 128 more.
    """

    code = "interrupted"

    def __init__(self, number: signal.Signals, *, fix: str | None = None) -> None:
        self.signal = number
        self.exit_code = 128 + number
        super().__init__(f"stopped by {number.name}", fix=fix)
