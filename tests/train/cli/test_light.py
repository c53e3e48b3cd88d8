"""Without the extra `train` every command works but those that train, which say at once what to install."""

from __future__ import annotations

import importlib.metadata as metadata
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ei_compat.formats import open_dataset, write_dataset
from tests.firmware.packages_made import classifier, label_file
from tests.program import ROOT
from tests.train.conftest import draw_classes
from tests.train.reporting.made import make_run

PROGRAM = """
import json, sys
from train.cli.main import main
def code(words):
    try: main(words)
    except SystemExit as end: return end.code or 0
codes = {name: code(words) for name, words in json.loads(sys.argv[1]).items()}
print(json.dumps({"codes": codes, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def closure(requirements: Iterable[str]) -> set[str]:
    """The distributions that are installed with these requirements."""
    found: set[str] = set()
    wanted = [Requirement(text) for text in requirements]
    while wanted:
        requirement = wanted.pop()
        name = requirement.name.lower().replace("_", "-")
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        wanted += map(Requirement, metadata.requires(name) or [])
    return found


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages like that of a `pip install ei-train`."""
    folder = tmp_path_factory.mktemp("light")
    for name in closure(PROJECT["dependencies"]):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            if not (folder / top).exists():
                (folder / top).symlink_to(distribution.locate_file(top))
    return folder


def run(light: Path, folder: Path, lines: dict[str, list[str]]) -> tuple[dict[str, Any], list[str]]:
    """Runs command lines in one process; what it found, and the lines on stderr."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, json.dumps(lines)],
        cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": f"{light}:{ROOT}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr.splitlines()


def test_all_that_does_not_train_works(light: Path, tmp_path: Path) -> None:
    draw_classes(tmp_path / "photos", {"cat": 4, "dog": 4})
    (tmp_path / "m.tflite").write_bytes(classifier(classes=2))
    label_file(tmp_path, ["cat", "dog"])
    make_run(tmp_path / "run")
    lines = {
        "help": ["--help"],
        "version": ["--version"],
        "formats": ["formats"],
        "demo": ["demo", "demo", "--per-class", "4"],
        "split": ["split", "photos", "set"],
        "convert": ["convert", "set", "arrays", "--to", "arrays", "--image-size", "12"],
        "evaluate": ["evaluate", "m.tflite", "photos", "--threshold", "0.5"],
        "predict": ["predict", "m.tflite", "photos", "--save", "marked"],
        "package": ["package", "m.tflite", "--name", "m", "--version", "1", "--estimate"],
        "profile": ["profile", "m.tflite", "--estimate"],
        "report": ["report", "run"],
        "upload": ["upload", "data", "set", "--dry-run"],
        "run": ["run", "--dry-run", "formats"],
    }

    found, said = run(light, tmp_path, lines)

    assert found["codes"] == dict.fromkeys(lines, 0), said
    assert not {"tensorflow", "tf_keras", "tensorflow_model_optimization", "docker", "pytest"} & set(found["modules"])


def test_what_trains_says_what_to_install_before_it_reads_anything(light: Path, tmp_path: Path) -> None:
    write_dataset(open_dataset(draw_classes(tmp_path / "photos", {"cat": 4, "dog": 4})), tmp_path / "set", "ei-export")
    lines = {
        "train": ["--data-directory", "set", "--out-directory", "out"],
        "compress": ["compress", "m.keras", "set", "out"],
        "plan": ["plan"],
        "camera": ["predict", "m.tflite", "--camera", "0"],
    }
    (tmp_path / "m.tflite").write_bytes(classifier(classes=2))
    label_file(tmp_path, ["cat", "dog"])

    found, said = run(light, tmp_path, lines)

    assert found["codes"] == {"train": 2, "compress": 2, "plan": 2, "camera": 2}
    missing = "error: tensorflow is not installed; pip install 'ei-train[train]'"
    assert said[:3] == [missing] * 3
    assert "pip install 'ei-train[camera]'" in said[3]
    assert len(said) == 4
    assert not (tmp_path / "out").exists()


def test_the_package_is_described_and_names_no_address_that_is_not_there() -> None:
    groups = {text.partition(" :: ")[0] for text in PROJECT["classifiers"]}

    assert groups >= {"Development Status", "Intended Audience", "Operating System", "Programming Language", "Topic"}
    minors = [
        minor for minor in range(9, 20) if f"Programming Language :: Python :: 3.{minor}" in PROJECT["classifiers"]
    ]
    asked = SpecifierSet(PROJECT["requires-python"])
    assert minors == [minor for minor in range(9, 20) if f"3.{minor}" in asked]
    assert "urls" not in PROJECT  # the project has no public address yet


def test_the_extra_brings_what_trains() -> None:
    extras = {
        name: [Requirement(text).name for text in texts] for name, texts in PROJECT["optional-dependencies"].items()
    }

    assert {"tensorflow", "tf-keras", "tensorflow-model-optimization"} == set(extras["train"])
    assert not closure(PROJECT["dependencies"]) & set(extras["train"])
