"""The first lines that run: a signal that comes before the supervisor is there ends the program quietly, too."""

import os
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
    """Says that the signal came, and ends."""
    os.write(2, f"error: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)


def main() -> None:
    """Runs the command line; the console entry point."""
    for number in SIGNALS:
        signal.signal(number, stop)
    from train.supervisor import main as supervise  # it sets its own

    supervise()
