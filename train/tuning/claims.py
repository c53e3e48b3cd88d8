"""Who works at what, where several drivers search together: the `Claims` protocol, and the driver that is alone."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Claims(Protocol):
    """Work by name, each held by one driver at most, and free again once its driver is dead.

    Attributes:
        patience: seconds between two looks at what others do; None where there are none.
    """

    @property
    def patience(self) -> float | None: ...  # noqa: D102

    def exclusive(self) -> AbstractContextManager[None]:
        """A time in which no other driver is in such a block."""
        ...

    def held(self) -> Collection[str]:
        """What living drivers hold."""
        ...

    def claim(self, name: str) -> bool:
        """Takes it, if it is free; whether it is ours now."""
        ...

    def holds(self, name: str) -> bool:
        """Whether it is ours still; it stays so for as long as a claim does."""
        ...

    def release(self, name: str) -> None:
        """Gives it back."""
        ...

    def close(self) -> None:
        """Gives all back."""
        ...


class Alone:
    """Of a driver beside which there is no other; see `Claims`."""

    patience = None

    def exclusive(self) -> AbstractContextManager[None]:
        """See `Claims`."""
        return nullcontext()

    def held(self) -> Collection[str]:
        """See `Claims`."""
        return ()

    def claim(self, name: str) -> bool:  # noqa: ARG002 - all is ours
        """See `Claims`."""
        return True

    def holds(self, name: str) -> bool:  # noqa: ARG002
        """See `Claims`."""
        return True

    def release(self, name: str) -> None:
        """See `Claims`."""

    def close(self) -> None:
        """See `Claims`."""
