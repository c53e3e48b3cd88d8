"""However the program ends, its parent says how in one line, at once, with the right code."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from train.signals import STOPPING, on_signals

ROOT = Path(__file__).resolve().parents[2]
STUB = """
import ctypes, os, signal, sys, time, types
from train import supervision, supervisor
program = types.ModuleType("train.cli.main")
sys.modules["train.cli.main"] = program
def main():
    print("up", flush=True)
    {body}
program.main = main
supervisor.main()
"""
HOLDS_THE_LOCK = "ctypes.PyDLL(None).sleep(20)"  # as C++ that neither returns nor lets Python run


@contextlib.contextmanager
def started(body: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The supervisor with a program of these lines; `up` has been read."""
    lines = "\n    ".join(body.strip().splitlines())
    with subprocess.Popen(
        [sys.executable, "-c", STUB.format(body=lines)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(body: str, number: signal.Signals | None = None, **environment: str) -> tuple[int, str, float]:
    """Exit code, stderr, and the seconds it took after the signal."""
    with started(body, **environment) as process:
        process.stdout.readline()
        began = time.monotonic()
        if number is not None:
            process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("time.sleep(20)", id="waiting"),
        pytest.param(HOLDS_THE_LOCK, id="busy in native code"),
        pytest.param("while True: pass", id="busy in Python"),
        pytest.param("try: time.sleep(20)\nexcept Exception: pass", id="catches what it can"),
        pytest.param(
            "try: time.sleep(20)\nexcept BaseException as e: raise RuntimeError('layer failed') from e", id="wrapped"
        ),
        pytest.param("try: time.sleep(20)\nexcept BaseException: time.sleep(20)", id="swallowed"),
        pytest.param(
            "class Last:\n    def __del__(self): time.sleep(20)\nlast = Last()\ndel last\ntime.sleep(20)",
            id="destructor",
        ),
        pytest.param(
            "try: time.sleep(20)\n"
            "except BaseException as error: sys.excepthook(type(error), error, None)\n"  # as PyErr_Print does
            "time.sleep(20)",
            id="printed by C",
        ),
    ],
)
def test_a_signal_ends_it_soon_with_one_line(body: str, number: signal.Signals) -> None:
    code, errors, seconds = ended(body, number)

    assert (code, errors.splitlines()) == (128 + number, [f"error: stopped by {number.name}"])
    assert seconds < 8, "the parent waits 1.5 s; the rest is the machine's"


def test_a_terminal_that_is_gone_stops_it_but_under_nohup() -> None:
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may themselves run under nohup
        code, errors, _ = ended("time.sleep(20)", signal.SIGHUP)
        assert (code, errors) == (129, "error: stopped by SIGHUP\n")

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert on_signals(signal.SIG_DFL).keys() == {signal.SIGINT, signal.SIGTERM}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1, 0.3])
def test_a_signal_in_the_first_moments_is_quiet_too(delay: float) -> None:
    command = [sys.executable, "-c", "print(flush=True)\nfrom train.start import main\nmain()", "--version"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(0.05 + delay)  # Python itself is up; what it does in its own first moments is not ours
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) in [(130, "error: stopped by SIGINT\n"), (0, "")]


def test_who_saves_is_waited_for() -> None:
    body = "supervision.saving(True)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(3)"
    with started(f"{body}\nsys.exit(143)") as process:
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (143, "")


def test_after_a_checkpoint_the_line_says_how_to_go_on() -> None:
    body = f"supervision.resumable(True)\nprint(flush=True)\n{HOLDS_THE_LOCK}"
    with started(body) as process:
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (143, "error: stopped by SIGTERM; run again with --resume to go on\n")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        pytest.param(signal.SIGILL, "this processor lacks an instruction", id="instruction"),
        pytest.param(signal.SIGABRT, "native code ended the program (SIGABRT)", id="abort"),
        pytest.param(signal.SIGSEGV, "native code ended the program (SIGSEGV)", id="segmentation fault"),
        pytest.param(signal.SIGBUS, "SIGBUS", id="bus error"),
        pytest.param(signal.SIGKILL, "want of memory", id="killed"),
    ],
)
def test_native_deaths_are_heard(number: signal.Signals, says: str) -> None:
    code, errors, _ = ended(f"os.kill(os.getpid(), {int(number)})")

    assert code == 128 + number
    assert (len(errors.splitlines()), says in errors) == (1, True), errors


def test_what_native_code_said_before_it_died_is_shown() -> None:
    body = (
        "from train.backend import without_native_chatter\n"
        "with without_native_chatter(): os.write(2, b'noise')\n"
        "with without_native_chatter(): os.write(2, b'F this build needs AVX'); os.abort()"
    )
    code, errors, _ = ended(body)

    assert code == 134
    assert errors.splitlines()[0] == "F this build needs AVX"
    assert errors.splitlines()[1].startswith("error: native code ended the program (SIGABRT)")


def test_who_is_killed_from_outside_is_not_charged_with_what_native_code_said() -> None:
    body = (
        "from train.backend import without_native_chatter\n"
        "with without_native_chatter(): os.write(2, b'I0000 oneDNN is on'); os.kill(os.getpid(), 9)"
    )
    code, errors, _ = ended(body)

    assert code == 137
    assert [line.startswith("error: killed from outside (SIGKILL)") for line in errors.splitlines()] == [True]


def test_the_program_dies_with_its_parent() -> None:
    with started("print(os.getpid(), flush=True)\ntime.sleep(60)") as process:
        process.stdout.readline()
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        for _ in range(50):
            try:
                state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return
            if state == "Z":
                return
            time.sleep(0.1)
    pytest.fail("the child goes on")


def test_characters_that_the_terminal_lacks_are_escaped() -> None:
    with started("print('caf\\u00e9 \\u65e5')", PYTHONIOENCODING="ascii") as process:
        output, errors = process.communicate(timeout=60)

    assert (process.returncode, output, errors) == (0, "up\ncaf\\xe9 \\u65e5\n", "")


def test_a_closed_pipe_does_not_end_the_work(tmp_path: Path) -> None:
    done = tmp_path / "done"
    body = f"while not sys.stdin.read(): pass\nfor _ in range(9): print('x', flush=True)\nopen({str(done)!r}, 'w')"
    lines = "\n    ".join(body.splitlines())
    with subprocess.Popen(
        [sys.executable, "-c", STUB.format(body=lines)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write("go")
        process.stdin.close()
        errors = process.stderr.read()
        assert process.wait(60) == 0, errors

    assert done.exists()
    assert errors.splitlines() == [
        "warning: output cannot be written any more (broken pipe); the work goes on without it"
    ]


def test_output_is_unbuffered_where_python_is() -> None:
    """A container's log shows a line when it is written, not when the program ends."""
    code = "import os; from train.streams import make_steady; make_steady(); print('up'); os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"up\n"
