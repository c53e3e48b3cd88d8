"""Two processes: the program works in a child, and a small parent hears what a child cannot say itself.

Native code that aborts, a processor that lacks an instruction and a kernel short of memory each end a process without a
word, and a signal is not answered while C++ is busy. The parent imports next to nothing, so it answers from the first
milliseconds on: it hands signals to the child, ends a child that does not answer, and says in one line how it ended.

Little of the standard library is imported here, and nothing else before it is needed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any

from train.start import on_signals
from train.streams import make_steady

HOW_TO_GO_ON = "run again with --resume to go on"
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
_SAVING, _RESUMABLE = 0, 1  # places in the shared memory

_shared: mmap.mmap | None = None  # what the child tells the parent
_chatter: int | None = None  # file that takes native output while it is kept off the terminal
_stop: signal.Signals | None = None  # the signal that came


def saving(now: bool) -> None:
    """Tells the parent whether the child, asked to stop, will save first and so must be waited for."""
    if _shared is not None:
        _shared[_SAVING] = now


def resumable(now: bool) -> None:
    """Tells the parent whether there is a checkpoint to go on from."""
    if _shared is not None:
        _shared[_RESUMABLE] = now


def stopped_by() -> signal.Signals | None:
    """The signal that came, whatever has become of the exception that it raised."""
    return _stop


def chatter() -> int | None:
    """The file for native output that the user need not see unless the process dies; None without a parent."""
    return _chatter


def main() -> None:
    """Runs the command line in a child and ends as it ended; the console entry point."""
    global _shared, _chatter
    on_signals(_note)
    make_steady()
    _shared, _chatter = mmap.mmap(-1, 2), _unnamed_file()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_work(parent))
    os._exit(_watch(child))


def _note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    global _stop
    _stop = _stop or signal.Signals(number)


def _unnamed_file() -> int | None:
    """A file without a name, in memory where the system can."""
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
        if not _stop:
            _note(number, None)
            raise Interrupted(signal.Signals(number))

    def again(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise Interrupted(_stop or signal.SIGTERM)

    def unheard(lost: Any) -> None:
        """A signal was raised where Python can pass nothing on, as in a destructor: it is raised again, outside."""
        if isinstance(lost.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(lost)

    def printed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Code in C prints what it passes to nobody; where that is a signal, it is raised again, outside."""
        if _stop:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__excepthook__(kind, error, trace)

    try:
        signal.signal(signal.SIGALRM, again)
        sys.unraisablehook, sys.excepthook = unheard, printed
        on_signals(stop)
        if _stop:
            raise Interrupted(_stop)  # it came while this process was made
        _die_with(parent)
        from train.cli.main import main as command_line

        command_line()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Interrupted as error:
        return _fail(error)
    except BaseException as error:
        if _stop:  # on its way through a library it became something else
            return _fail(Interrupted(_stop))
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
    global _stop
    killed = False

    def hand_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        global _stop
        again = _stop is not None
        _stop = _stop or signal.Signals(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        if not again:
            signal.setitimer(signal.ITIMER_REAL, ANSWER_SECONDS, LOOK_SECONDS)

    def look(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal killed
        if not (_shared and _shared[_SAVING]):
            killed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, look)
    on_signals(hand_on)
    if _stop:  # it came while the child was made
        early, _stop = _stop, None
        hand_on(early, None)
    finished, status = 0, 0
    while finished != child:  # a container's first process is given orphans too
        finished, status = os.waitpid(-1, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    return _fail_interrupted(_stop) if killed and _stop else _died(signal.Signals(-code))


def _fail_interrupted(number: signal.Signals) -> int:
    from ei_compat.core.errors import Interrupted

    return _fail(Interrupted(number))


def _died(number: signal.Signals) -> int:
    """Says what native code said before it died, and what its signal usually means."""
    from ei_compat.core.errors import TrainingError

    unknown = f"native code ended the program ({number.name})", "see what it said above, if anything, and report it"
    what, fix = MEANINGS.get(number, unknown)
    if _chatter is not None and number != signal.SIGKILL:  # whose victim could not know of it
        size = os.lseek(_chatter, 0, os.SEEK_END)
        words = os.pread(_chatter, LARGEST_CHATTER, max(0, size - LARGEST_CHATTER)).decode(errors="replace")
        if words.strip():
            sys.stderr.write(words.rstrip() + "\n")
    error = TrainingError(what, fix=fix)
    error.exit_code = 128 + number
    return _fail(error)


def _fail(error: Any) -> int:
    """The one line of an end; the exit code."""
    from train.cli import console

    saving(True)  # the parent must not take this for no answer and say it once more
    if _shared is not None and _shared[_RESUMABLE] and HOW_TO_GO_ON not in (error.fix or ""):
        error.fix = HOW_TO_GO_ON if error.fix is None else f"{error.fix}, and {HOW_TO_GO_ON}"
    console.fail(error, as_json=console.wants_json(sys.argv[1:]))
    sys.stderr.flush()
    return int(error.exit_code)
