"""Implementations of a protocol by their names: the package's own, those a program registers, and installed ones.

A package that is installed beside this one adds an implementation by an entry point
(https://packaging.python.org/en/latest/specifications/entry-points/), and nothing here has to be edited:

    [project.entry-points."ei_train.backbones"]
    tiny = "my_package.tiny:TINY"
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar

from ei_compat.core.errors import UsageError


class Named(Protocol):
    """Anything that is asked for by its name."""

    @property
    def name(self) -> str: ...  # noqa: D102


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Implementations of one protocol.

    Args:
        option: the command line's option that takes a name, for messages.
        group: of entry points, in which installed packages name theirs.
        builtin: where the package's own are, as `module:object` by name; imported when they are asked for.
    """

    def __init__(self, option: str, group: str, builtin: Mapping[str, str]) -> None:
        self._option, self._group = option, group
        self._places = dict(builtin)
        self._registered: dict[str, T] = {}

    def register(self, implementation: T) -> T:
        """Adds an implementation under its `name`; returns it, so that it serves as a decorator.

        Raises:
            ValueError: the name is taken.
        """
        name = implementation.name
        if name in self._places or self._registered.setdefault(name, implementation) is not implementation:
            raise ValueError(f"{self._option} {name} is there already")
        return implementation

    def unregister(self, name: str) -> None:
        """Takes back what was registered under this name."""
        del self._registered[name]

    def names(self) -> tuple[str, ...]:
        """All names, the package's own first."""
        installed = {point.name for point in entry_points(group=self._group)}
        return (*self._places, *sorted((self._registered.keys() | installed) - self._places.keys()))

    def named(self, name: str) -> T:
        """The implementation of that name.

        Raises:
            UsageError: there is none.
        """
        if name in self._registered:
            return self._registered[name]
        if name in self._places:
            found: T = pkgutil.resolve_name(self._places[name])
            return found
        for point in entry_points(group=self._group, name=name):
            loaded: T = point.load()
            return loaded
        raise UsageError(
            "there is none of that name", where=f"{self._option} {name}", fix="use " + _either(self.names())
        )


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
