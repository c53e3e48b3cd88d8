"""Pages of the reference that are made from the code while the site is built, so that they cannot be out of date.

MkDocs calls `on_files`; each page is a function that gives Markdown. What they show of commands is what the help of
those shows.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ei_compat.core import errors
from train import job
from train.backbones import FROM_SCRATCH
from train.backbones.keras_applications import OPEN_HEAD
from train.cli.examples import EXAMPLES
from train.cli.main import command_line
from train.recipe import Recipe, option_of

ROOT = Path(__file__).resolve().parents[2]


def text(line: str) -> str:
    """A line of plain text as Markdown; what is in backticks stays."""
    parts = line.split("`")
    parts[::2] = (re.sub(r"([*_<>\[\]|\\])", r"\\\1", part) for part in parts[::2])
    return "`".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""

    def within(group: Any, before: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            words = f"{before} {name}".strip()
            yield from within(command, words) if hasattr(command, "commands") else [(words, command)]

    yield from within(typer.main.get_command(command_line()), "")


def commands_page() -> str:
    """Usage, arguments and options of every command."""
    lines = [
        "# Commands",
        "",
        "`ei-train COMMAND …`, or the same words after `docker run … ei-train`; a line that starts with an option",
        "trains.",
        "`--debug` anywhere adds the traceback to an error; `ei-train --version` names what may change a result.",
        "This page is made from the program's own help.",
    ]
    for name, command in commands():
        lines += ["", f"## {name}", "", *_help(name, command)]
    return "\n".join(lines) + "\n"


def _help(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = command.get_usage(context).removeprefix("Usage: ").removeprefix(name)
    yield from ("```text", "ei-train " + name + " ".join(["", *usage.split()]), "```")
    for paragraph in inspect.cleandoc(command.help or "").replace("\b", "").split("\n\n"):
        yield from ("", text(" ".join(paragraph.split())))
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        rows = [
            parameter.get_help_record(context)
            for parameter in command.get_params(context)
            if parameter.param_type_name == kind and parameter.name != "help"
        ]
        yield from ("", f"**{title}**") if rows else ()
        for term, meaning in rows:
            yield from ("", f"`{term}`", f":   {text(' '.join(meaning.split()))}")
    yield from ("", "**Examples**", "", "```text", *EXAMPLES[name], "```")


def recipe_page() -> str:
    """Every field of the recipe, by the comments that divide it, and what adapts their defaults."""
    shown = {each["param"]: each["name"] for each in json.loads((ROOT / "parameters.json").read_text())["parameters"]}
    lines = [
        "# Recipe",
        "",
        f"{text(inspect.cleandoc(Recipe.__doc__ or '').splitlines()[0])} Each field is an option of",
        "[`ei-train train`](commands.md#train); this page is made from `train/recipe.py`.",
    ]
    schema = Recipe.model_json_schema()["properties"]
    for title, fields in _chapters():
        lines += ["", f"## {title}"]
        for name in fields:
            facts = [f"default `{_shown(Recipe.model_fields[name].default)}`", *_bounds(schema[name])]
            label = shown.get(option_of(name)[2:]) or shown.get("no-" + option_of(name)[2:])
            facts += [f"in Studio “{label}”"] if label else []
            meaning = text(str(Recipe.model_fields[name].description))
            lines += ["", f"`{option_of(name)}`", f":   {meaning[0].upper()}{meaning[1:]}. *{'; '.join(facts)}.*"]
    lines += ["", "## What adapts", "", "Only where neither you nor the project gave a value.", ""]
    lines += ["| where | field | value |", "|---|---|---|"]
    for where, changes in _adaptations():
        lines += [f"| {where} | `{name}` | `{_shown(value)}` |" for name, value in changes.items()]
    return "\n".join(lines) + "\n"


def _chapters() -> Iterator[tuple[str, list[str]]]:
    """The fields as comments of the class divide them; the first of them have none."""
    title, fields = "How much of everything", list[str]()
    for line in inspect.getsource(Recipe).splitlines():
        if comment := re.match(r"    # (\w.*[.])$", line):
            yield title, fields
            title, fields = comment[1].rstrip("."), []
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Recipe.model_fields:
            fields.append(field[1])
    yield title, fields


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    signs = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    yield from (f"{word} {schema[sign]:g}" for sign, word in signs.items() if sign in schema)
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{value}`" for value in schema["enum"])


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _adaptations() -> Iterator[tuple[str, Mapping[str, object]]]:
    yield "no published weights", FROM_SCRATCH
    yield "no published weights, a network of `keras.applications`", OPEN_HEAD
    yield "published weights", job.PUBLISHED_WEIGHTS
    yield "published weights, balanced zeros", job.PUBLISHED_WEIGHTS_BALANCED
    yield "fewer steps than `min_steps`", job.FEW_IMAGES
    yield "fewer steps than `min_steps`, published weights, classification", job.FEW_IMAGES_PUBLISHED_WEIGHTS
    yield "fewer steps than `min_steps`, published weights, pruning", job.FEW_IMAGES_PRUNED
    at_once = {"initial_sparsity": "`final_sparsity`", "min_steps": f"times {job.SHARE_OF_STEPS:g}, but for `quick`"}
    yield f"fewer than {job.VERY_FEW:g} of `min_steps`, published weights, pruning, balanced zeros", at_once
    for effort, factor in job.EFFORT.items():
        if factor != 1:
            yield f"`--effort {effort}`", dict.fromkeys(("fine_tune_epochs", "min_steps"), f"times {factor:g}")


def exit_codes_page() -> str:
    """The tree of errors as a table."""
    lines = [
        "# Exit codes",
        "",
        "Every failure is one line on stderr: what is wrong, where, what to do. With `--json` or `--log-format json`",
        "it is an [`error`](json.md#error) document. This page is made from `ei_compat/core/errors.py`;",
        "codes never change.",
        "",
        "| exit | code | what it means |",
        "|---|---|---|",
        "| 0 | | Done, and every check met. |",
    ]
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.EiTrainError)]
    kinds.sort(key=lambda kind: (kind.exit_code, kind.code))
    lines += [f"| {kind.exit_code} | `{kind.code}` | {_meaning(kind)} |" for kind in kinds]
    stopped = f"{_meaning(errors.Interrupted)} 128 more than the signal: the terminal closed, Ctrl-C, `docker stop`."
    lines.append(f"| 129, 130, 143 | `{errors.Interrupted.code}` | {stopped} |")
    lines.append("| above 128 | | The system ended the process by that signal; 137 mostly for want of memory. |")
    return "\n".join(lines) + "\n"


def _meaning(kind: type) -> str:
    return text(" ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split()))


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/recipe.md": recipe_page,
    "reference/exit-codes.md": exit_codes_page,
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages to those that lie in docs/."""
    for place, page in PAGES.items():
        files.append(File.generated(config, place, content=page()))
    return files
