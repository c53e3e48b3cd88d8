"""The first lines that run: a signal that comes before the supervisor is there ends the program quietly, too."""

import os

from train.signals import on_signals, stop


def main() -> None:
    """Runs the command line; the console entry point."""
    on_signals(stop)
    # NumPy's products are small here, and OpenBLAS' threads wait for each other: a linear probe took 27 times the
    # processor time with two of them that it takes with one. TensorFlow and LiteRT have threads of their own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from train.supervisor import main as supervise  # it sets its own

    supervise()
