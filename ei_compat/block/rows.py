"""Rows of an array on disk, as float32 in the input's shape, converted when they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """View float32 (N, …) of an array on disk, converted when rows are asked for; it costs no memory.

    `np.save(x / 255)` writes float64, and other tools write float16, uint8, big-endian or Fortran-ordered arrays: none
    of them is copied whole.

    Attributes:
        stored: memory-mapped, of any numeric type; (M, …) with as many values in a row as `row_shape`.
        row_shape: of one row as it is given.
        chosen: indices of the N rows in `stored`; None for all, in their order.
        limits: where values are cut off; None for nowhere.
    """

    stored: NDArray[Any]
    row_shape: tuple[int, ...]
    chosen: NDArray[np.int64] | None = None
    limits: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.stored) if self.chosen is None else len(self.chosen)

    @property
    def shape(self) -> tuple[int, ...]:
        """N and the shape of a row."""
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        """Axes, the rows included."""
        return len(self.row_shape) + 1

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Of what is given."""
        import numpy as np

        return np.dtype(np.float32)

    @property
    def row_bytes(self) -> int:
        """Of one row as it is given."""
        return 4 * math.prod(self.row_shape)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        import numpy as np

        picked = self.stored[rows if self.chosen is None else self.chosen[rows]]
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which `check_values` refuses
            values = np.ascontiguousarray(picked, np.float32).reshape(-1, *self.row_shape)
        if self.limits is not None:
            values = np.clip(values, *self.limits, out=values if values.flags.writeable else None)
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Everything at once, for who asks numpy for it."""
        import numpy as np

        return np.array(self[:], dtype)

    def only(self, chosen: NDArray[np.int64]) -> Rows:
        """These rows, in this order."""
        return Rows(self.stored, self.row_shape, chosen if self.chosen is None else self.chosen[chosen], self.limits)
