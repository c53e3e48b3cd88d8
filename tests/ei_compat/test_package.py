"""What the package's rooms say of themselves, what importing it costs, and what it leaves alone."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ei_compat.core import errors
from ei_compat.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(path.parent for path in (ROOT / "ei_compat").glob("*/__init__.py"))
HEAVY = {
    "numpy",
    "PIL",
    "pydantic",
    "requests",
    "urllib3",
    "docker",
    "cbor2",
    "tensorflow",
    "tf_keras",
    "train",
    "firmware",
    "rich",
    "typer",
    "yaml",
}

# Where a module is tested that has no namesake beside it.
TESTED_IN = {
    "block/box_labels": "formats/test_boxes.py",
    "block/npy": "block/test_arrays.py",
    "block/rows": "block/test_arrays.py",
    "core/documents": "block/test_train_input.py",
    "core/errors": "test_package.py",
    "core/limits": "formats/test_formats.py",
    "dataset/dataset": "formats/test_names.py",
    "dataset/label_files": "formats/test_formats.py",
    "dataset/reading": "formats/test_account.py",
    "dataset/stratify": "dataset/test_split.py",
    "formats/*": "formats/test_formats.py",
    "media/acquisition": "media/test_signals.py",
    "media/box_check": "formats/test_boxes.py",
    "media/image_files": "media/test_images.py",
    "media/image_headers": "media/test_images.py",
    "media/pixels": "media/test_images.py",
    "remote/failures": "remote/test_remote.py",
    "remote/jobs": "studio/test_studio.py",
    "remote/transport": "remote/test_remote.py",
    "studio/block_archive": "studio/test_push.py",
    "studio/model_info": "studio/test_pretrained.py",
    "studio/studio_model": "studio/test_pretrained.py",
    "upload/batches": "upload/test_ingestion.py",
    "upload/options": "upload/test_ingestion.py",
    "upload/report": "upload/test_delivery.py",
}
EVERYTHING = """
import importlib, pkgutil, sys
import ei_compat
for module in pkgutil.walk_packages(ei_compat.__path__, "ei_compat."):
    if module.name != "ei_compat.block.mapped_array":  # which is a kind of numpy's array
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_names_its_modules(room: Path):
    listed = re.findall(r"^    (\w+) ", importlib.import_module(f"ei_compat.{room.name}").__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in room.glob("*.py") if not path.stem.startswith("_"))


def test_every_module_is_tested_by_its_namesake_or_where_the_table_says():
    tests, used = ROOT / "tests" / "ei_compat", set()
    for path in (path for room in ROOMS for path in room.glob("[!_]*.py")):
        name = f"{path.parent.name}/{path.stem}"
        if not (tests / path.parent.name / f"test_{path.stem}.py").is_file():
            entry = name if name in TESTED_IN else f"{path.parent.name}/*"
            assert entry in TESTED_IN, f"{name} has no test"
            used.add(entry)
    assert used == TESTED_IN.keys(), "entries that nothing needs"
    assert [file for file in TESTED_IN.values() if not (tests / file).is_file()] == []


def test_the_attributes_of_dataclasses_are_documented():
    """In the docstring and in the order of the fields."""
    for path in sorted((ROOT / "ei_compat").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
                continue
            fields = [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]
            _, _, listed = (ast.get_docstring(node) or "").partition("Attributes:\n")
            assert re.findall(r"^    (\w+): ", listed, re.MULTILINE) == fields, f"{path}: {node.name}"


@pytest.mark.parametrize(
    "page", ["docs/reference/datasets.md", "docs/reference/edge-impulse.md", "ei_compat/__init__.py"]
)
def test_what_the_documentation_imports_is_there(page: str):
    """Every line of an example that imports from the package works."""
    lines = re.findall(r"^ *(from ei_compat\S* import .*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert lines
    for line in lines:
        exec(line, {})  # noqa: S102 - our own page


def test_the_drawing_of_the_errors_is_complete():
    """The tree in the docstring has every class with its code and exit code."""
    drawn = {words[0]: words for line in (errors.__doc__ or "").splitlines() if (words := line.strip("│├└─ ").split())}
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.EiTrainError) and name not in {"EiTrainError", "Interrupted"}:
            assert drawn[name][1:3] == [kind.code, str(kind.exit_code)]


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_heavy():
    assert not HEAVY & set(fresh(f"{EVERYTHING}\nprint(*{{name.partition('.')[0] for name in sys.modules}})").split())


def test_importing_is_quick():
    """What every command imports, in the best of several tries, since the machine may be busy."""
    imports = "import ei_compat.core.errors, ei_compat.core.files, ei_compat.core.progress"
    code = f"import time; t = time.process_time(); {imports}; print(time.process_time() - t)"
    assert min(float(fresh(code)) for _ in range(5)) < 0.15


def test_the_documentation_names_every_format():
    page = (ROOT / "docs" / "reference" / "datasets.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    order = [kind.name for kind in FORMATS]
    documented = [name for row in rows for name in order if f"`{name}`" in row]
    assert documented == order
