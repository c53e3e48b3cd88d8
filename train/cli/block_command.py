"""A command line as training blocks get it: switches may carry a value, and a stray word is an error of its option."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typer.core import TyperCommand

from ei_compat.core.errors import UsageError

CLOSE = 0.75  # of 1, how much alike a mistyped option is to the one that it was meant for
OPTIONAL = {"--initial-sparsity", "--fine-tune-learning-rate"}  # in `parameters.json`
UNSET = "unset"  # of a context's `meta`
ON, OFF = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class BlockCommand(TyperCommand):
    """A command without positional arguments, whose switches take `1`, `true`, `yes`, `on` and their opposites.

    Edge Impulse passes a block's parameters of type `boolean` as `--param 1` and `--param 0`. Those that its form has
    as optional may come as the empty text, which is no value; the context's `meta` lists them under `UNSET`. Unknown
    options keep their words, for the command to name.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's base class names a private type
        """See click; the words are put in order before, but for a shell that completes a line that has no end yet."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, list(self._in_order(args, ctx.meta.setdefault(UNSET, []))))

    def _in_order(self, words: list[str], unset: list[str]) -> Iterator[str]:
        switches = {flag: p for p in self.params for flag in (*p.opts, *p.secondary_opts) if getattr(p, "is_flag", 0)}
        valued = {flag for p in self.params for flag in p.opts} - set(switches)
        left = list(words)
        while left:
            word = left.pop(0)
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if name not in switches and name not in valued and (other := _hyphened(name)) in {*switches, *valued}:
                name, word = other, other + word.removeprefix(name)
            if name in switches:
                given = value if equals else left.pop(0) if left and _is_value(left[0]) else None
                yield from _switch(name, switches[name], given)
            elif name in valued:
                said = [word]
                if not equals and left and left[0].partition("=")[0] not in valued | set(switches):
                    value = left.pop(0)
                    said.append(value)
                if value:
                    yield from said
                elif name in OPTIONAL and (equals or len(said) > 1):
                    unset.append(name)
                else:  # an empty path would be the working directory
                    raise UsageError("needs a value", where=name, fix="see train --help")
                _refuse_more(f"{name} {value}", left)
            elif word.startswith("-"):
                yield word
                while left and _is_value(left[0]):
                    yield left.pop(0)
            else:
                raise UsageError("belongs to no option", where=word, fix="see train --help")
            if name in switches:
                _refuse_more(name, left)


def _hyphened(name: str) -> str:
    """An option's name as it is written here: `--learning_rate` is `--learning-rate`."""
    return "--" + name[2:].replace("_", "-") if name.startswith("--") else name


def unknown(words: Sequence[str], known: Iterable[str]) -> str:
    """Options that are none, in words, each with the known one that it may have been meant for."""
    known = list(known)
    named = []
    for word in words:
        close = difflib.get_close_matches(_hyphened(word.partition("=")[0]), known, 1, CLOSE)
        named.append(f"{word} (did you mean {close[0]}?)" if word.startswith("--") and close else word)
    return " ".join(named)


def _is_value(word: str) -> bool:
    return not word.startswith("-") or re.match(r"-[\d.]", word) is not None


def _refuse_more(where: str, left: list[str]) -> None:
    if left and _is_value(left[0]):
        raise UsageError(f"takes one value, and {left[0]!r} follows", where=where, fix="see train --help")


def _switch(name: str, parameter: Any, given: str | None) -> Iterator[str]:
    """The switch as a plain one."""
    if given is None:
        yield name
        return
    if given.lower() not in ON | OFF:
        raise UsageError(
            "must be 1, true, yes or on, or 0, false, no or off", where=f"{name} {given}", fix="see train --help"
        )
    on = (given.lower() in ON) == (name in parameter.opts)
    yield from parameter.opts[:1] if on else parameter.secondary_opts[:1]
