"""`python -m train.tuning.launch PID CORES ARGUMENT ...`: `ei-train ARGUMENT ...` that ends when the process PID ends.

CORES are numbers of processors with commas, or `-`. A driver that is killed must not leave trainings behind, which the
next driver would find at work in their folders.
"""

from __future__ import annotations

import os
import signal
import sys


def bind(parent: int, cores: str) -> None:
    """Ends this process with its parent, as far as the system can, and keeps it on these processors."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1  # <linux/prctl.h>; it survives execve(2)
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)  # on which a checkpoint is saved
        if os.getppid() != parent:
            sys.exit(128 + signal.SIGTERM)
        if cores != "-":
            os.sched_setaffinity(0, {int(core) for core in cores.split(",")})


def main() -> None:
    """Becomes the program."""
    parent, cores, *arguments = sys.argv[1:]
    bind(int(parent), cores)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "train", *arguments])  # noqa: S606 - no shell


if __name__ == "__main__":
    main()
