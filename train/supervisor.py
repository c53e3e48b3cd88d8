"""Two processes: the program works in a child, and a small parent hears what a child cannot say itself.

Native code that aborts, a processor that lacks an instruction and a kernel short of memory each end a process without a
word, and a signal is not answered while C++ is busy. The parent imports next to nothing, so it answers from the first
milliseconds on: it hands signals to the child, ends a child that does not answer, and says in one line how it ended.

Little of the standard library is imported here, and nothing else before it is needed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any

from train import supervision
from train.signals import on_signals
from train.streams import make_steady
from train.supervision import HOW_TO_GO_ON, stopped_by

ANSWER_SECONDS = 1.5  # in which the child may end by itself where there is nothing to save
AGAIN_SECONDS = 0.01  # after which a signal that got lost is raised once more
LOOK_SECONDS = 0.2  # between two looks at a child that is saving
LARGEST_CHATTER = 16_384  # bytes of the last native output that are shown after a death
MEANINGS = {  # of deaths by a signal: what is wrong, what to do
    signal.SIGILL: (
        "this processor lacks an instruction that the program needs",
        "use a processor, or a virtual machine, whose /proc/cpuinfo lists avx",
    ),
    signal.SIGKILL: (
        "killed from outside (SIGKILL), most likely by the system for want of memory",
        "use a smaller --batch-size or a machine with more memory",
    ),
    signal.SIGBUS: (
        "a file that was being read or written is gone or its disk is full (SIGBUS)",
        "check the disk and that the data stays as it is",
    ),
}


def main() -> None:
    """Runs the command line in a child and ends as it ended; the console entry point."""
    on_signals(_note)
    make_steady()
    supervision.connect(_unlinked_file())
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_work(parent))
    os._exit(_watch(child))


def _note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    supervision.note_signal(number)


def _unlinked_file() -> int | None:
    """An unlinked temporary file, in memory where the system can."""
    with contextlib.suppress(OSError):
        if hasattr(os, "memfd_create"):
            return os.memfd_create("chatter")
        import tempfile

        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    return None


# The child.


def _work(parent: int) -> int:
    """Runs the program; the exit code."""
    from ei_compat.core.errors import Interrupted

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        """Raises the first signal only, so that nobody's cleaning up is cut short by the second."""
        if not stopped_by():
            _note(number, None)
            raise Interrupted(signal.Signals(number))

    def again(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise Interrupted(stopped_by() or signal.SIGTERM)

    def unheard(lost: Any) -> None:
        """A signal was raised where Python can pass nothing on, as in a destructor: it is raised again, outside."""
        if isinstance(lost.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(lost)

    def printed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Code in C prints what it passes to nobody; where that is a signal, it is raised again, outside."""
        if stopped_by():
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__excepthook__(kind, error, trace)

    try:
        signal.signal(signal.SIGALRM, again)
        sys.unraisablehook, sys.excepthook = unheard, printed
        on_signals(stop)
        if number := stopped_by():
            raise Interrupted(number)  # it came while this process was made
        _die_with(parent)
        from train.cli.main import main as command_line

        command_line()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Interrupted as error:
        return _fail(error)
    except BaseException as error:
        if number := stopped_by():  # on its way through a library it became something else
            return _fail(Interrupted(number))
        sys.__excepthook__(type(error), error, error.__traceback__)
        return 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        on_signals(signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return 0


def _die_with(parent: int) -> None:
    """Ends this process when its parent is killed, so that no training goes on unseen."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1  # <linux/prctl.h>
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)
        return
    import threading
    import time

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=look, daemon=True).start()


# The parent.


def _watch(child: int) -> int:
    """Waits for the child and hands signals to it; the exit code."""
    killed = False

    def hand_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        again = stopped_by() is not None
        supervision.note_signal(number)
        supervision.count_stop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        if not again:
            signal.setitimer(signal.ITIMER_REAL, ANSWER_SECONDS, LOOK_SECONDS)

    def look(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal killed
        if not supervision.is_saving():
            killed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, look)
    on_signals(hand_on)
    if early := supervision.take_signal():  # it came while the child was made
        hand_on(early, None)
    finished, status = 0, 0
    while finished != child:  # a container's first process is given orphans too
        finished, status = os.waitpid(-1, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    stop = stopped_by()
    return _fail_interrupted(stop) if killed and stop else _died(signal.Signals(-code))


def _fail_interrupted(number: signal.Signals) -> int:
    from ei_compat.core.errors import Interrupted

    return _fail(Interrupted(number))


def _died(number: signal.Signals) -> int:
    """Says what native code said before it died, and what its signal usually means."""
    from ei_compat.core.errors import TrainingError

    unknown = f"native code ended the program ({number.name})", "see what it said above, if anything, and report it"
    what, fix = MEANINGS.get(number, unknown)
    chatter = supervision.chatter()
    if chatter is not None and number != signal.SIGKILL:  # whose victim could not know of it
        size = os.lseek(chatter, 0, os.SEEK_END)
        words = os.pread(chatter, LARGEST_CHATTER, max(0, size - LARGEST_CHATTER)).decode(errors="replace")
        if words.strip():
            sys.stderr.write(words.rstrip() + "\n")
    error = TrainingError(what, fix=fix)
    error.exit_code = 128 + number
    return _fail(error)


def _fail(error: Any) -> int:
    """The one line of an end; the exit code."""
    from train.cli import console

    supervision.saving(True)  # the parent must not take this for no answer and say it once more
    if supervision.is_resumable() and HOW_TO_GO_ON not in (error.fix or ""):
        error.fix = HOW_TO_GO_ON if error.fix is None else f"{error.fix}, and {HOW_TO_GO_ON}"
    console.fail(error, as_json=console.wants_json(sys.argv[1:]))
    sys.stderr.flush()
    return int(error.exit_code)
