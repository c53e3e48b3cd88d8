"""What the package exports, what importing it costs, and what it leaves alone."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ei_compat
from ei_compat import errors

EXPORTS = {
    *("ArrayRow", "Arrays", "Axis", "Block", "BlockConfig", "Box", "Category", "ClassLabel", "Converted", "DataError"),
    *("Dataset", "DeploymentMetadata", "EiTrainError", "FORMATS", "FilePayload", "FormatError", "InputScaling"),
    *("Interval", "Intervals", "KeyValues", "LimitError", "Limits", "PictureError", "PictureSpec", "Prepared"),
    *("Progress", "RemoteError", "SILENT", "Sample", "Shares", "Signal", "SignalForm", "TrainInput", "Unlabelled"),
    *("UsageError", "WriteOptions", "convert", "count_split"),
    *("encode_signal", "from_arguments", "load_picture", "load_pictures", "open_arrays", "open_dataset"),
    *("read_block_config", "read_deployment_metadata", "read_parameters", "read_signal", "read_train_input"),
    *("scale_pixels", "split_dataset", "to_arguments", "unscale_pixels", "write_block_config"),
    *("write_dataset", "write_deployment_metadata", "write_parameters", "write_train_input"),
    *(
        "Deployment",
        "Endpoints",
        "Journal",
        "Key",
        "ModelInfo",
        "ModelReport",
        "Patience",
        "PushReport",
        "RefusedError",
    ),
    *("Remote", "Retry", "Studio", "Upload", "UploadOptions", "UploadReport", "api_key", "deploy_once", "input_of"),
    *("journal_path", "output_of", "push_block", "upload", "upload_model", "uploads_of"),
}
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
}


def test_the_export_list():
    assert set(ei_compat.__all__) == EXPORTS
    for name in EXPORTS:
        assert getattr(ei_compat, name) is not None
    assert set(dir(ei_compat)) >= EXPORTS
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ei_compat.nothing  # noqa: B018


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(ei_compat.__file__).read_text())
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    names = {alias.asname for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == EXPORTS


def test_the_drawing_of_the_errors_is_complete():
    """The tree in the docstring has every class with its code and exit code."""
    drawn = {words[0]: words for line in (errors.__doc__ or "").splitlines() if (words := line.strip("│├└─ ").split())}
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.EiTrainError) and name not in {"EiTrainError", "Interrupted"}:
            assert drawn[name][1:3] == [kind.code, str(kind.exit_code)]


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_heavy():
    code = "import sys, pkgutil, importlib, ei_compat\n"
    code += "for module in pkgutil.walk_packages(ei_compat.__path__, 'ei_compat.'):\n"
    code += "    module.name == 'ei_compat.mapped' or importlib.import_module(module.name)\n"  # it is a kind of array
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    assert not HEAVY & set(fresh(code).split())


def test_importing_is_quick():
    """The best of several tries, since the machine may be busy."""
    code = "import time; t = time.process_time(); import ei_compat; print(time.process_time() - t)"
    assert min(float(fresh(code)) for _ in range(5)) < 0.15


def test_the_documentation_names_every_format():
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    order = [kind.name for kind in ei_compat.FORMATS]
    documented = [name for row in rows for name in order if f"`{name}`" in row]
    assert documented == order
