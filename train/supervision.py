"""What the program and the parent that supervises it know of each other; see `train.supervisor`.

Nothing is imported here that takes time: the parent answers from the first milliseconds on.
"""

from __future__ import annotations

import mmap
import os
import signal

MAKE = "EI_TRAIN_MAKE"  # set where `make train` runs the program
HOW_TO_GO_ON = "run `make train ARGS=--resume` to go on" if os.environ.get(MAKE) else "run again with --resume to go on"
_SAVING, _RESUMABLE, _STOPS = 0, 1, 2  # places in the shared memory

_shared: mmap.mmap | None = None  # what the two tell each other
_chatter: int | None = None  # file that takes native output while it is kept off the terminal
_stop: signal.Signals | None = None  # the signal that came


def connect(chatter: int | None) -> None:
    """Makes the memory that parent and child will share; `chatter` is a file for native output, or None."""
    global _shared, _chatter
    _shared, _chatter = mmap.mmap(-1, 3), chatter


def saving(now: bool) -> None:
    """Tells the parent whether the child, asked to stop, will save first and so must be waited for."""
    if _shared is not None:
        _shared[_SAVING] = now


def is_saving() -> bool:
    """What `saving` told."""
    return _shared is not None and bool(_shared[_SAVING])


def resumable(now: bool) -> None:
    """Tells the parent whether there is a checkpoint to go on from."""
    if _shared is not None:
        _shared[_RESUMABLE] = now


def is_resumable() -> bool:
    """What `resumable` told."""
    return _shared is not None and bool(_shared[_RESUMABLE])


def count_stop() -> None:
    """Counts, in the parent, how often it was asked to stop."""
    if _shared is not None:
        _shared[_STOPS] = min(_shared[_STOPS] + 1, 255)


def stops() -> int:
    """How often the parent was asked to stop, which the child cannot count.

    Ctrl-C at a terminal goes to both, and the parent hands it on: the child hears it twice, at any distance.
    """
    return 0 if _shared is None else _shared[_STOPS]


def note_signal(number: int) -> None:
    """Remembers the first signal that comes."""
    global _stop
    _stop = _stop or signal.Signals(number)


def stopped_by() -> signal.Signals | None:
    """The signal that came, whatever has become of the exception that it raised."""
    return _stop


def take_signal() -> signal.Signals | None:
    """The signal that came, which then counts as not come."""
    global _stop
    taken, _stop = _stop, None
    return taken


def chatter() -> int | None:
    """The file for native output that the user need not see unless the process dies; None without a parent."""
    return _chatter
