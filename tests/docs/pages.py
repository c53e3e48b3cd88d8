"""The commands that pages show, in their order, and why a few of them are not run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from train.cli.main import command_line
from train.cli.train import recipe_of
from train.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
LONG = {"train", "compress", "tune", "plan"}  # commands that take minutes

# What no test of a page runs, by what is in the line, and why. Options of `ei-train` in it are checked all the same.
NOT_RUN = {
    "make train": ".ci/run runs it",
    "make test": ".ci/run runs it",
    "make build": ".ci/run runs it; with TARGET=gpu it downloads several gigabytes",
    "make setup": ".ci/run runs it",
    "make package": "needs the environment of make setup in the reader's folder; its command is that of the line above",
    "alias ei-train=": "a definition; what it stands for is run by the README's lines",
    "export EI_API_KEY=": "needs an account; the double's key is used",
    "python -m bench.": "takes hours; the tables are its results",
    "ei-train tune ": "takes hours; tests/train/tuning searches with few small networks",
    "createdb ": "needs a PostgreSQL on the network; tests/train/tuning/test_several_drivers.py starts one",
    "export PGPASSWORD=": "belongs to that",
    "ray start ": "starts a node for good; tests/train/tuning/test_ray_cluster.py starts two",
    "idf.py ": "needs ESP-IDF and a board; the package is built by CMake on the same page",
    "docker compose ": "needs the compose plugin and the image; tests/docker/test_manifests.py checks the file",
    "kubectl ": "needs a cluster; tests/docker/test_manifests.py holds the manifests to the published schema",
    "--gpu": "needs an NVIDIA card; the same line with --dry-run is run",
    "compress model.keras": "needs a model of the reader's; tests/train/backbones/test_keras_file.py makes one",
    "compress saved_model/": "needs a model of the reader's; tests/train/backbones/test_saved_model.py makes one",
}


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language, those in lists too."""
    fences = re.finditer(rf"^( *)```{language}\n(.*?)^\1```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(fence[2]) for fence in fences]


def shells(page: str) -> list[list[str]]:
    """Its command lines, without comments and doubled spaces; each block begins where the reader began."""
    scripts = (block.replace("\\\n", " ").splitlines() for block in blocks(page, "sh"))
    return [
        [bare for line in script if (bare := " ".join(re.sub(r"(^|\s)#.*", "", line).split()))] for script in scripts
    ]


def commands(page: str) -> list[str]:
    """All of them."""
    return [command for shell in shells(page) for command in shell]


def why_not(command: str) -> str | None:
    """Why a line is not run, or None where it is."""
    if "--dry-run" in command:
        return None
    return next((reason for sign, reason in NOT_RUN.items() if sign in command), None)


def program_words(command: str) -> list[str] | None:
    """What follows the program's name in a line, the name of the command first; None where it is another program."""
    called = re.search(r"(?:^|[|&] |-v \S+ |--rm |ei-train:gpu )(?:\.venv/bin/)?ei-train(?::gpu)? (.+)", command)
    if called is None:
        return None
    words = re.split(r" [|&]", called[1])[0].split()
    while words[0] == "run":  # whose own options come first, and then another command line
        words = words[next(index for index, word in enumerate(words[1:], 1) if not _of_run(words, index)) :]
    return words if not words[0].startswith("-") or words[0] == "--version" else ["train", *words]


def _of_run(words: list[str], index: int) -> bool:
    return words[index] in {"--gpu", "--dry-run", "--offline", "--memory", "--cpus"} or words[index - 1] in {
        "--memory",
        "--cpus",
    }


def check_options(words: list[str]) -> dict[str, Any]:
    """The options of a line by name, after they were parsed, and the recipe was made of those that it has."""
    group = typer.main.get_command(command_line())
    context = group.commands[words[0]].make_context(words[0], [word.strip("'\"") for word in words[1:]])
    assert not context.args, f"not options of {words[0]}: {context.args}"
    if words[0] in {"train", "compress"}:
        knobs = {name: value for name, value in context.params.items() if name in Recipe.model_fields}
        recipe_of({name: value for name, value in knobs.items() if value is not None})
    return dict(context.params)


def all_commands() -> Iterator[tuple[str, str]]:
    """Every line with its page."""
    yield from ((page, command) for page in PAGES for command in commands(page))
