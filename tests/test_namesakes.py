"""Every module has its namesake among the tests, or the tests say where it is tested.

`train/methods/prune.py` is tested by `tests/train/methods/test_prune.py`. Where a module is tested elsewhere, the
docstring of its package's tests, such as `tests/train/__init__.py`, has a row: the module, and the files of tests.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_tree import ROOT, imported, tracked_files

PACKAGES = ("ei_compat", "firmware", "train")
ROW = re.compile(r"^    (\S+)  +(\S.*)$", re.MULTILINE)
NO_MODULES = {"__init__", "__main__"}


@cache
def files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py"]


def modules(package: str) -> dict[str, Path]:
    """The package's files by their names below it, as `methods/prune`."""
    folder = ROOT / package
    paths = (path for path in files() if path.is_relative_to(folder) and path.stem not in NO_MODULES)
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def files_of_tests(package: str) -> dict[str, Path]:
    """The files of tests of a package by their names below its folder, as `methods/test_prune`."""
    folder = ROOT / "tests" / package
    paths = (path for path in files() if path.is_relative_to(folder) and path.stem.startswith("test_"))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def rows(package: str) -> dict[str, list[str]]:
    """Where the modules are tested that have no namesake, by the docstring of the package's tests."""
    text = ast.get_docstring(ast.parse((ROOT / "tests" / package / "__init__.py").read_text())) or ""
    return {module: where.split(", ") for module, where in ROW.findall(text)}


def namesakes(module: str) -> set[str]:
    """The files of tests that bear a module's name, beside its room's or beside the package's other tests."""
    path = Path(module)
    test = f"test_{path.name.strip('_')}"
    return {(path.parent / test).as_posix(), test}


@cache
def targets(path: Path) -> frozenset[Path]:
    """What a file imports or brings in by name.

    By name are: "train.x.y:Z", f"train.x.{name}", `python -m train`, and the fixtures of a folder of tests.
    """
    text, found = path.read_text(), set(imported(path))
    found |= {ROOT / f"{name.replace('.', '/')}.py" for name in re.findall(r'"(train(?:\.\w+)+)[:"]', text)}
    for folder in re.findall(r'f"(train(?:\.\w+)*)\.\{', text):
        found.update((ROOT / folder.replace(".", "/")).glob("*.py"))
    if path.is_relative_to(ROOT / "tests"):
        found |= {ROOT / "train" / "__main__.py"} if '"-m", "train"' in text else set()
        found |= {parent / "conftest.py" for parent in path.parents if parent.is_relative_to(ROOT)}
    return frozenset(file for file in found if file.is_file())


def reached(path: Path) -> set[Path]:
    """What a file brings in, and what that brings in, and so on."""
    found, left = {path}, [path]
    while left:
        new = targets(left.pop()) - found
        left += new
        found |= new
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_namesake_or_a_row(package: str) -> None:
    tests, listed = files_of_tests(package).keys(), rows(package).keys()
    without = {name for name in modules(package) if not namesakes(name) & tests}
    assert without - listed == set(), f"add a test, or a row to tests/{package}/__init__.py"
    assert listed - without == set(), "these have their namesakes, or are gone"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tests_reach_the_modules_that_they_are_named_for(package: str) -> None:
    tests = files_of_tests(package)
    reach = {name: reached(path) for name, path in tests.items()}
    wrong = [
        (module, test)
        for module, path in modules(package).items()
        for test in rows(package).get(module) or namesakes(module) & tests.keys()
        if path not in reach.get(test, set())
    ]
    assert not wrong
