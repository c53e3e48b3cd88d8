"""Each command shows examples below its help, and each of them is a line that the command takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from train.cli.examples import EXAMPLES
from train.cli.main import command_line, main

PROGRAM = get_command(command_line())
LINES = [(command, line) for command, lines in EXAMPLES.items() for line in lines]


def commands(group: TyperGroup, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def test_each_command_has_examples() -> None:
    assert isinstance(PROGRAM, TyperGroup)
    assert set(commands(PROGRAM)) == set(EXAMPLES)


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_shows_them_as_they_are_typed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in EXAMPLES[command] if line not in lines] == []


@pytest.mark.parametrize(("command", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_is_a_line_that_its_command_takes(command: str, line: str) -> None:
    words = shlex.split(re.search(r"ei-train (.*)", line)[1])  # type: ignore[index] # behind a pipe or a variable
    context = PROGRAM.make_context("ei-train", words)
    while isinstance(context.command, TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, inner, left = context.command.resolve_command(context, rest)
        context = inner.make_context(name, left, parent=context)

    assert context.command_path == f"ei-train {command}"
    assert context.args == [] or command == "run", "an option that it does not know"
    assert len(line) <= 110
