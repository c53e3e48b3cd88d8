"""The rules of the tree that can be checked mechanically."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
REGISTRY = re.compile(
    r"(index-url|find-links|registry|\"resolved\")\W*(https?|file)\b|files\.[a-z]+hosted", re.IGNORECASE
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)")


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def pins(lock: str) -> dict[str, set[str]]:
    """Every pinned name with its versions; a universal lock may hold one for each range of Python."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / lock).read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_dependency_of_a_lock_is_pinned_and_hashed(lock: Path) -> None:
    requirements = lock.read_text().replace("\\\n", " ").splitlines()
    assert requirements
    for requirement in requirements:
        assert PIN.match(requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement), requirement


@pytest.mark.parametrize("lock", ["build.txt", "dev.txt", "gpu.txt"])
def test_locks_agree_on_versions(lock: str) -> None:
    train = pins("train.txt")
    for name, versions in pins(lock).items():
        assert train.get(name, versions) == versions, name


def test_the_local_environment_and_both_images_hold_the_same_versions() -> None:
    train, dev, gpu = pins("train.txt"), pins("dev.txt"), pins("gpu.txt")
    assert train["tensorflow-cpu"] == train["tensorflow"] == gpu["tensorflow"]
    assert dev.items() >= train.items()
    assert gpu.keys() >= train.keys() - {"tensorflow-cpu"}
    assert {name.rpartition("-")[0] for name in gpu.keys() - train.keys()} >= {"nvidia-cublas", "nvidia-cudnn"}


def test_no_file_names_a_package_registry() -> None:
    binary = {".h5", ".npy", ".png", ".tflite"}
    for path in tracked_files():
        text = "" if path.suffix in binary else path.read_text(encoding="utf-8", errors="replace")
        assert not REGISTRY.search(text), path.relative_to(ROOT)


def test_no_source_file_has_outgrown_the_limit() -> None:
    sources = {".py", ".c", ".h", ".sh"}
    lengths = {path: len(path.read_bytes().splitlines()) for path in tracked_files() if path.suffix in sources}
    assert not {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > 400}


def makefile_targets() -> dict[str, str]:
    """Every target that a person may call, with its line of help."""
    text = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z]+):[^#\n]*(?:## (.*))?$", text, re.MULTILINE))


def test_every_make_target_is_documented() -> None:
    targets = makefile_targets()
    assert all(targets.values()), targets
    assert targets.keys() >= {"help", "setup", "build", "train", "package", "upload", "test", "lint", "bench", "clean"}
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name, text in targets.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", listing, re.MULTILINE), name


def documentation() -> list[Path]:
    pages = [ROOT / "README.md", ROOT / "DEVELOPERS.md", *(ROOT / "docs").glob("*.md")]
    return [page for page in pages if page.is_file()]


@pytest.mark.parametrize("page", documentation(), ids=lambda page: page.name)
def test_make_targets_named_in_the_documentation_exist(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert named <= set(makefile_targets())


@pytest.mark.parametrize("page", documentation(), ids=lambda page: page.name)
def test_command_lines_in_the_documentation_exist(page: Path) -> None:
    import typer

    from train.cli.main import command_line

    called = re.compile(r"^\s*(?:docker run .* |.*/)?ei-train +(.+)")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text().replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    for words in [match[1].split() for line in lines if (match := called.match(line))]:
        command = typer.main.get_command(command_line())
        names = iter(words if not words[0].startswith("-") else ["train"])
        while hasattr(command, "commands"):
            command = command.commands[next(names)]
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help"}, words


def block_parameters() -> list[dict[str, Any]]:
    return json.loads((ROOT / "parameters.json").read_text())["parameters"]


def test_the_root_is_a_custom_learning_block() -> None:
    block = json.loads((ROOT / "parameters.json").read_text())
    assert (block["version"], block["type"]) == (1, "machine-learning")
    assert block["info"]["operatesOn"] == "image"
    assert block["info"]["imageInputScaling"] == "0..1"
    names = [parameter["param"] for parameter in block["parameters"]]
    assert len(names) == len(set(names))
    for parameter in block["parameters"]:
        assert parameter.get("section", "advanced") == "advanced"
        assert parameter.get("showIf", {"parameter": names[0]})["parameter"] in names


@pytest.mark.parametrize("parameter", block_parameters(), ids=lambda parameter: parameter["param"])
def test_a_block_parameter_is_an_option_of_train_with_the_same_default(parameter: dict[str, Any]) -> None:
    from train.recipe import Recipe

    field = parameter["param"].replace("-", "_")
    defaults = {name: info.default for name, info in Recipe.model_fields.items()}
    if field.startswith("no_"):  # a flag is passed when it is on, and never when it is off
        assert parameter["type"] == "flag"
        assert parameter["value"] is not defaults[field.removeprefix("no_")]
    else:
        assert parameter["value"] == defaults[field]
    kinds = {bool: "flag", int: "int", float: "float", str: "string"}
    assert parameter["type"] == kinds[type(parameter["value"])]
