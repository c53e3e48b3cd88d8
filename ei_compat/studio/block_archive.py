"""The archive of a custom block: what `.dockerignore` and `.ei-ignore` leave in, links as what they point to."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ei_compat.core.errors import DataError

if TYPE_CHECKING:
    from docker.utils.build import PatternMatcher


def write_archive(folder: Path, archive: Path) -> int:
    """Writes the folder's .tar.gz; gives its number of files.

    Raises:
        DataError: a link leads outside the folder, nowhere, or in a circle; or something is no file.
    """
    files = 0
    with tarfile.open(archive, "w:gz", dereference=True) as packed:
        for name in _names(folder):
            path = folder / name
            if not path.is_file() and not path.is_dir():
                raise DataError("is neither a file nor a folder", where=path, fix="leave it out with .dockerignore")
            packed.add(path, arcname=f"./{name}", recursive=False)
            files += path.is_file()
    return files


def _names(folder: Path) -> Iterator[str]:
    """Relative paths of all that belongs to the block, folders before what lies in them."""
    from docker.utils.build import PatternMatcher

    ignored = PatternMatcher([*_ignored(folder), "!Dockerfile", ".git", ".hg"])  # Docker itself never leaves it out
    root = os.path.realpath(folder)
    for name in sorted(ignored.walk(str(folder))):
        if (folder / name).is_symlink():
            above = frozenset(os.path.realpath(each) for each in (folder / name).parents)
            yield from _followed(folder, name, root, above, ignored)
        else:
            yield name


def _followed(folder: Path, name: str, root: str, above: frozenset[str], ignored: PatternMatcher) -> Iterator[str]:
    """The name of a link, or of what lies in a folder that one leads to, and all below it.

    Args:
        folder: the block.
        name: relative to it.
        root: the block's real path.
        above: real paths of the folders that were entered on the way.
        ignored: the names that are left out.

    Raises:
        DataError: a link leads outside the block, nowhere, or in a circle.
    """
    path = folder / name
    target, fix = os.path.realpath(path), "leave it out with .dockerignore, or put a copy there"
    if not path.exists():
        raise DataError("a link leads nowhere", where=path, fix=fix)
    if not target.startswith(root + os.sep) and target != root:
        raise DataError("a link leads outside the block", where=path, fix=fix)
    yield name
    if not path.is_dir():
        return
    if target in above:
        raise DataError("a link leads in a circle", where=path, fix=fix)
    for inner in sorted(f"{name}/{entry}" for entry in os.listdir(path)):  # noqa: PTH208 - the names alone
        if not ignored.matches(inner):  # type: ignore[arg-type]  # its stubs say a path, it takes a text
            yield from _followed(folder, inner, root, above | {target}, ignored)


def _ignored(folder: Path) -> list[str]:
    """The patterns of `.dockerignore`, and of `.ei-ignore`, which Edge Impulse's client had before it."""
    paths = [folder / name for name in (".dockerignore", ".ei-ignore") if (folder / name).is_file()]
    texts = [path.read_text(encoding="utf-8-sig", errors="replace") for path in paths]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
