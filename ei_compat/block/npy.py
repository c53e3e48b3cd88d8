"""numpy's file format as Edge Impulse uses it: header version 2.0, never a pickle."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ei_compat.core.errors import DataError, FormatError
from ei_compat.core.files import replaced_file, reserve
from ei_compat.core.words import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

MAGIC = b"\x93NUMPY"
CHUNK_BYTES = 16 << 20  # of an array that is looked at or copied at once
IN_MEMORY_BYTES = 1 << 29  # larger results lie in an unlinked temporary file
NUMERIC = "biuf"  # dtype kinds
MOST_AXES, LONGEST = 32, 1 << 48  # of a shape that is taken seriously


def is_npy(path: Path) -> bool:
    """Whether the file begins as numpy's format does; Edge Impulse gives JSON files the same extension."""
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def open_npy(path: Path) -> NDArray[Any]:
    """An array, memory-mapped and read-only.

    Raises:
        DataError: when it is missing or holds Python objects.
        FormatError: when it is not numpy's format, has no rows, or is shorter than its header says.
    """
    import numpy as np

    from ei_compat.block.mapped_array import Mapped

    if not path.is_file():
        raise DataError("no such file", where=path)
    if not is_npy(path):
        raise FormatError("is not numpy's file format", where=path)
    layout = _layout(path)
    if layout.dtype.hasobject:
        raise DataError("holds Python objects, which are never loaded", where=path, fix="save it with a numeric dtype")
    if layout.dtype.kind not in NUMERIC:
        raise FormatError(f"dtype {layout.dtype} is not numeric", where=path)
    if not layout.shape:
        raise FormatError("holds a single number, not rows", where=path)
    size = math.prod(layout.shape) * layout.dtype.itemsize
    missing = layout.offset + size - path.stat().st_size
    if missing > 0:
        raise FormatError(f"is cut short, {missing:,} bytes are missing", where=path)
    if size == 0:  # nothing to map
        return np.empty(layout.shape, layout.dtype)
    return Mapped(path, layout.dtype, "r", layout.offset, layout.shape, layout.order)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a header says: where the values begin and how they lie."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"]


def _layout(path: Path) -> _Layout:
    import numpy as np

    with path.open("rb") as stream:
        try:
            major, _ = np.lib.format.read_magic(stream)
            read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
            if major not in read:
                raise ValueError(f"version {major}")
            shape, in_fortran_order, dtype = read[major](stream)
        except Exception as error:  # numpy's reader evaluates and tokenizes the header, and raises what those raise
            raise FormatError(f"has a damaged header: {error}", where=path) from None
        offset = stream.tell()
    if len(shape) > MOST_AXES or any(type(extent) is not int or not 0 <= extent <= LONGEST for extent in shape):
        raise FormatError(f"shape {str(shape)[:80]} cannot be", where=path)
    return _Layout(offset, shape, dtype, "F" if in_fortran_order else "C")


def write_rows(path: Path, shape: tuple[int | None, ...], dtype: DTypeLike, chunks: Iterable[NDArray[Any]]) -> int:
    """Writes an array piece by piece, whole or not at all.

    Args:
        path: the file.
        shape: of the whole array, (N, …); N is None where nobody knows it before the last piece.
        dtype: what the pieces are stored as, in C order and little endian.
        chunks: pieces along the first axis, N rows together.

    Returns:
        The number of rows.

    Raises:
        DataError: when the pieces do not add up to `shape`.
    """
    import numpy as np

    stored = np.dtype(dtype).newbyteorder("<")
    count, *rest = shape
    header = {"descr": np.lib.format.dtype_to_descr(stored), "fortran_order": False}
    rows = 0
    with replaced_file(path) as stream:
        np.lib.format.write_array_header_2_0(stream, header | {"shape": (count or 0, *rest)})
        begin = stream.tell()
        for chunk in chunks:
            if chunk.shape[1:] != tuple(rest):
                raise DataError(f"a row of shape {chunk.shape[1:]}, not {tuple(rest)}", where=path)
            rows += len(chunk)
            stream.write(np.ascontiguousarray(chunk, stored).data if chunk.size else b"")
        if count is not None and rows != count:
            raise DataError(f"{counted(rows, 'row')}, not {count}", where=path)
        stream.seek(0)  # numpy leaves room for the first axis to grow, so that the header keeps its length
        np.lib.format.write_array_header_2_0(stream, header | {"shape": (rows, *rest)})
        if stream.tell() != begin:
            raise DataError("its header does not keep its length", where=path)
    return rows


def row_chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array in pieces of about 16 MiB along its first axis, as views."""
    step = max(1, CHUNK_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def scratch(shape: tuple[int, ...], dtype: DTypeLike, folder: Path | None = None) -> NDArray[Any]:
    """A new array; a large one is backed by a file, already unlinked, in `folder` or where temporary files go."""
    import numpy as np

    from ei_compat.block.mapped_array import Mapped

    stored = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * stored.itemsize
    if size <= IN_MEMORY_BYTES:
        return np.empty(shape, stored)
    with tempfile.TemporaryFile(dir=folder) as stream:
        reserve(stream.fileno(), size)
        return Mapped(stream, stored, "w+", shape=shape)
