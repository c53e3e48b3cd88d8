"""The rules of the tree that can be checked mechanically."""

from __future__ import annotations

import ast
import graphlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
REGISTRY = re.compile(
    r"(index-url|find-links|registry|\"resolved\")\W*(https?|file)\b|files\.[a-z]+hosted", re.IGNORECASE
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)")

FOLDERS = ("bench", "docker", "docs", "ei_compat", "firmware", "requirements", "tests", "train", "weights")

# Who may import whom: a package, and a room in one, imports from lower floors only. A room is a folder or a file that
# lies in the package itself. A package without rooms here is not divided yet.
PACKAGES = (("ei_compat",), ("firmware",), ("train",))
ROOMS = {
    "ei_compat": (("core",), ("dataset", "remote"), ("media",), ("block", "upload"), ("formats", "studio")),
    "train": (
        (
            "checks",
            "costs",
            "graph",
            "recipe",
            "registry",
            "result",
            "scaling",
            "signals",
            "streams",
            "supervision",
            "variables",
        ),
        ("page",),
        ("backbones", "backend", "container", "demo", "feature_scaling", "tasks", "workers"),
        ("samples",),
        ("job", "views"),
        ("array_data", "batches", "exported"),
        ("network",),
        ("data", "evaluate", "methods", "sparsity"),
        ("export", "inspection", "phases", "trained"),
        ("runs",),
        ("preparation", "reporting"),
        ("pipeline", "tuning"),
        ("cli",),
        ("supervisor",),
        ("start",),
        ("__main__",),
    ),
}
IMPLEMENTATIONS = ("train/backbones", "train/tasks")  # behind a protocol, which is in `__init__.py`


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


@pytest.mark.parametrize("lock", ["build.txt", "dev.txt", "gpu.txt", "tune.txt"])
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


def sources(package: str) -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == package]


def imported(path: Path) -> Iterator[Path]:
    """The files of the tree that a file imports anywhere in it, for types and inside functions too."""

    def file_of(module: str) -> Path | None:
        place = ROOT / module.replace(".", "/")
        found = (candidate for candidate in (place.with_suffix(".py"), place / "__init__.py") if candidate.is_file())
        return next(found, None)

    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [(alias.name,) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: a relative import"
            names = [(f"{node.module}.{alias.name}", node.module) for alias in node.names]
        for candidates in names:
            found = next((file for name in candidates if name and (file := file_of(name))), None)
            if found is not None:
                yield found


def upward(arrows: set[tuple[str, str]], floors: tuple[tuple[str, ...], ...]) -> set[tuple[str, str]]:
    """Those arrows between rooms that do not lead to a lower floor."""
    height = {room: floor for floor, rooms in enumerate(floors) for room in rooms}
    return {(start, end) for start, end in arrows if start != end and height[start] <= height[end]}


@pytest.mark.parametrize("package", [*ROOMS, "firmware"])
def test_no_files_import_each_other_in_a_circle(package: str) -> None:
    files = set(sources(package))
    order = graphlib.TopologicalSorter({path: files.intersection(imported(path)) - {path} for path in files})
    try:
        order.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(str(path.relative_to(ROOT)) for path in error.args[1]), pytrace=False)


def test_no_package_imports_from_a_higher_one() -> None:
    packages = [package for floor in PACKAGES for package in floor]
    parts = {
        (package, path.relative_to(ROOT).parts[0])
        for package in packages
        for file in sources(package)
        for path in imported(file)
    }
    assert upward(parts, PACKAGES) == set()


@pytest.mark.parametrize("package", ROOMS)
def test_no_room_imports_from_the_same_floor_or_a_higher_one(package: str) -> None:
    def room_of(path: Path) -> str:
        return path.relative_to(ROOT / package).parts[0].removesuffix(".py")

    files = set(sources(package))
    files -= {ROOT / package / "__init__.py"}
    rooms = {room_of(path) for path in files}
    assert rooms == {room for floor in ROOMS[package] for room in floor}, "every room has its floor"
    arrows = {(room_of(path), room_of(target)) for path in files for target in files.intersection(imported(path))}
    assert upward(arrows, ROOMS[package]) == set()


def test_nobody_imports_an_implementation_of_a_protocol_but_its_neighbours() -> None:
    """Phases, reports and commands know a task and a backbone by its protocol alone."""
    for path in sources("train"):
        for target in imported(path):
            folder = target.parent.relative_to(ROOT).as_posix()
            if folder in IMPLEMENTATIONS and target.name not in {"__init__.py", "weights_file.py"}:
                assert path.parent == target.parent, f"{path.relative_to(ROOT)} imports {target.relative_to(ROOT)}"


def test_an_upward_arrow_is_found() -> None:
    arrows = {("cellar", "cellar"), ("roof", "cellar"), ("cellar", "shed"), ("cellar", "roof")}
    assert upward(arrows, (("cellar", "shed"), ("roof",))) == {("cellar", "shed"), ("cellar", "roof")}


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


HOOK = ROOT / "docs" / "hooks" / "reference.py"


def documentation() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


@pytest.mark.parametrize("page", documentation(), ids=lambda page: page.name)
def test_make_targets_named_in_the_documentation_exist(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text(), re.MULTILINE))
    assert named <= set(makefile_targets())


def test_what_coverage_runs_is_all_of_its_files() -> None:
    """`.ci/run` runs them for their coverage alone, so that none may need what is left out there."""
    quick = re.search(r"^QUICK := \$\(addprefix (\S+), \\\n(.*?)\)$", (ROOT / "Makefile").read_text(), re.M | re.S)
    assert quick
    files = [ROOT / quick[1] / name for name in quick[2].replace("\\\n", " ").split()]
    assert len(files) > 10
    assert [path for path in files if "mark.docker" in path.read_text() or "mark.slow" in path.read_text()] == []


@pytest.mark.parametrize("page", documentation(), ids=lambda page: page.name)
def test_files_named_in_the_documentation_exist(page: Path) -> None:
    """Of a name with NAME in it, which stands for a file that somebody will add, the folder.

    Pages that are made while the site is built lie nowhere; the build finds links that lead to none of them.
    """
    text = page.read_text()
    made = {ROOT / "docs" / name for name in re.findall(r'^    "([\w/-]+\.md)": ', HOOK.read_text(), re.MULTILINE)}
    named = {ROOT / name for name in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text)}
    linked = {page.parent / name for name in re.findall(r"\]\(([\w./-]+)\)", text)}
    linked = {Path(os.path.normpath(path)) for path in linked} - made
    missing = [path for path in named | linked if not (path.parent if "NAME" in path.name else path).exists()]
    assert not missing


@pytest.mark.parametrize("page", documentation(), ids=lambda page: page.name)
def test_command_lines_in_the_documentation_exist(page: Path) -> None:
    import typer

    from train.cli.main import command_line
    from train.cli.program import leads_to_train

    called = re.compile(r"^\s*(?:docker run .* |.*/)?ei-train +(.+)")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text().replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    for words in [match[1].split() for line in lines if (match := called.match(line))]:
        command = program = typer.main.get_command(command_line())
        names = ["train"] if leads_to_train(words) else list(words)
        while hasattr(command, "commands") and not names[0].startswith("-"):
            command = command.commands[names.pop(0)]
        params = [*command.params, *(program.commands["train"].params if words[0] == "run" else ())]  # which it runs
        known = {flag for parameter in params for flag in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help"}, words


def test_what_a_model_must_keep_is_called_a_check() -> None:
    """Not a gate or a promise too; `gates` between quotes is what an earlier report.json called them."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "train").rglob("*.py")]
    pages += [*(ROOT / "train").rglob("*.json"), *(ROOT / "docker").rglob("*.yaml"), ROOT / "parameters.json"]
    other = re.compile(r"(?<![\"`])\b(gates?|gated|promis\w+)\b", re.IGNORECASE)
    assert {(page.name, word[0]) for page in pages for word in other.finditer(page.read_text())} == set()


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


def test_the_block_passes_by_itself_nothing_that_goes_by_the_number_of_pictures() -> None:
    from ei_compat.block.parameters import read_parameters, to_arguments
    from train import job

    passed = {word[2:].replace("-", "_") for word in to_arguments(read_parameters(ROOT / "parameters.json"))}
    of_few = job.FEW_IMAGES | job.FEW_IMAGES_PUBLISHED_WEIGHTS | job.FEW_IMAGES_PRUNED
    adapted = {*job.PUBLISHED_WEIGHTS, *job.PUBLISHED_WEIGHTS_BALANCED, *of_few, "initial_sparsity", "min_steps"}
    assert "fine_tune_epochs" in passed
    assert not passed & adapted


@pytest.mark.parametrize("parameter", block_parameters(), ids=lambda parameter: parameter["param"])
def test_a_block_parameter_is_an_option_of_train_with_the_same_default(parameter: dict[str, Any]) -> None:
    from train.recipe import Recipe

    field = parameter["param"].replace("-", "_")
    defaults = {name: info.default for name, info in Recipe.model_fields.items()}
    if parameter["value"] == "":  # a value that is passed stays as it is, and these adapt to the number of pictures
        assert parameter["optional"]
        assert (parameter["type"], float(parameter["placeholder"])) == ("float", defaults[field])
        return
    if field.startswith("no_"):  # a flag is passed when it is on, and never when it is off
        assert parameter["type"] == "flag"
        assert parameter["value"] is not defaults[field.removeprefix("no_")]
    else:
        assert parameter["value"] == defaults[field]
    kinds = {bool: "flag", int: "int", float: "float", str: "string"}
    assert parameter["type"] == kinds[type(parameter["value"])]
