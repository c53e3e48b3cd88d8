"""What entrypoint.sh starts: works as whoever owns the place that the results go to, then is `ei-train`.

Edge Impulse's own command line (`docker run --rm -v $PWD:/scripts IMAGE …`) names no user, so the container starts as
root, and root's files are a nuisance to whoever typed it. A container that is started with `--user` is left alone.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def results_directory(arguments: list[str]) -> Path:
    """The nearest folder that exists above `--out-directory`, or the working directory where none is named."""
    from pathlib import Path  # here, so that signals are answered some milliseconds earlier

    path = Path()
    for index, argument in enumerate(arguments):
        name, separator, value = argument.partition("=")
        if name == "--out-directory":
            path = Path(value if separator else next(iter(arguments[index + 1 : index + 2]), ""))
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def become_owner_of(directory: Path) -> None:
    """Gives root's rights away for good; a root without the right to do so (`--cap-drop ALL`) stays what it is."""
    from contextlib import suppress

    owner = directory.stat()
    with suppress(PermissionError):
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


if __name__ == "__main__":
    from train.signals import on_signals, stop
    from train.start import main

    on_signals(stop)  # entrypoint.sh waits for that
    if os.getuid() == 0:
        become_owner_of(results_directory(sys.argv[1:]))
    main()
