"""The first lines that run: a signal that comes before the supervisor is there ends the program quietly, too."""

import os
import signal

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last when a terminal or a connection is gone


def stop(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
    """Says that the signal came, and ends."""
    os.write(2, f"error: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


def on_signals(handler: object) -> dict[signal.Signals, object]:
    """Sets the handler of every signal that asks to stop, but where `nohup` said to ignore it; gives those before."""
    heard = [each for each in STOPPING if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}  # type: ignore[arg-type]


def main() -> None:
    """Runs the command line; the console entry point."""
    on_signals(stop)
    from train.supervisor import main as supervise  # it sets its own

    supervise()
