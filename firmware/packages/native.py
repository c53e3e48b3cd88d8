"""The C compiler of this machine: `$CC`, or cc."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ei_compat.core.errors import ExportError

TIMEOUT = 600  # seconds
LIBRARIES = ("-lm", "-lrt")  # of the C library itself; older ones keep shared memory in librt


def compiler() -> tuple[str, ...]:
    """The command, whether it is there or not."""
    return tuple(shlex.split(os.environ.get("CC", "cc"))) or ("cc",)


def has_compiler() -> bool:
    """Whether it is there."""
    return shutil.which(compiler()[0]) is not None


def own_compiler() -> tuple[str, ...] | None:
    """A compiler whose programs run here: not `$CC`, which may be one for a board."""
    return next(((name,) for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def build(
    folder: Path, contents: Mapping[str, bytes], sources: Sequence[str], flags: Sequence[str], command: tuple[str, ...]
) -> Path:
    """Writes files into a folder and compiles some of them.

    Args:
        folder: an empty folder.
        contents: files by path.
        sources: what to compile, by path.
        flags: for the compiler.
        command: the compiler.

    Returns:
        The executable.

    Raises:
        ExportError: the compiler fails.
    """
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    try:
        done = subprocess.run(
            [*command, *flags, *sources, *LIBRARIES, "-o", "program"],
            cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ExportError(f"no end after {TIMEOUT} s", where=command[0]) from None
    if done.returncode:
        raise ExportError(f"failed: {done.stderr.strip()[-400:]}", where=command[0])
    return folder / "program"
