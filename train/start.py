"""The first lines that run: a signal that comes before the supervisor is there ends the program quietly, too."""

from train.signals import on_signals, stop


def main() -> None:
    """Runs the command line; the console entry point."""
    on_signals(stop)
    from train.supervisor import main as supervise  # it sets its own

    supervise()
