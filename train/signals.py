"""The signals that ask to stop, and what they do before anybody else answers them: end the program quietly."""

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
