"""Memory-mapped arrays, of which what was read does not pile up in memory."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np


class Mapped(np.memmap[Any, Any]):
    """Memory-mapped array that holds no more in memory than the last reads brought there.

    The kernel keeps every page that was ever touched in the process's resident set, where a container's limit and
    `ulimit` count it, until memory is short. So each access first lets go of what the ones before it mapped. Nothing is
    lost: the pages of a file, written ones too, remain in the page cache or on the disk, and a view reads them again.
    """

    def __getitem__(self, key: Any) -> Any:
        self._let_go()
        values = super().__getitem__(key)
        return values.view(np.ndarray) if getattr(values, "_mmap", self) is None else values  # a copy is no file's

    def __setitem__(self, key: Any, value: Any) -> None:
        self._let_go()
        super().__setitem__(key, value)

    def _let_go(self) -> None:
        mapping = getattr(self, "_mmap", None)  # None of what was computed from one
        if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
