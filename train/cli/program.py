"""The program as a group of commands, of which one is meant where a line begins with an option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

OWN_OPTIONS = {  # of the program itself; any other leading option belongs to `train`
    *("--help", "-h", "--version", "--install-completion", "--show-completion"),
}
DEFAULT = "train"


class Program(TyperGroup):
    """A line that begins with an option trains, as Edge Impulse's own images do; shells complete such a line, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's base class names a private type
        """See click."""
        return super().parse_args(ctx, [DEFAULT, *args] if leads_to_train(args) else args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The program's commands and options, and those of `train`."""
        found = super().shell_complete(ctx, incomplete)
        command = self.get_command(ctx, DEFAULT)
        if incomplete.startswith("-") and command is not None:
            with command.make_context(DEFAULT, [], parent=ctx, resilient_parsing=True) as inner:
                known = {item.value for item in found}
                found += [item for item in command.shell_complete(inner, incomplete) if item.value not in known]
        return found


def leads_to_train(arguments: Sequence[str]) -> bool:
    """Whether a line is about a run, though it does not begin with the command's name."""
    first = next((argument for argument in arguments if argument != "--json"), "")
    return first.startswith("-") and arguments[0].startswith("-") and first.partition("=")[0] not in OWN_OPTIONS
