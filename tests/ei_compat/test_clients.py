"""The double against Edge Impulse's own clients: what they accept is what our client is tested on.

Marked `clients`; see tests/conftest.py for what that needs.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import Patience
from ei_compat.remote.remote import Remote
from ei_compat.studio.model_info import ModelInfo, input_of, output_of
from ei_compat.studio.pretrained import Deployment, deploy_once, upload_model
from ei_compat.studio.push import push_block
from ei_compat.studio.studio import Studio
from tests.double import Block, Double
from tests.double.state import JWT, ORGANIZATION_KEY, PROJECT_KEY

pytestmark = [pytest.mark.clients, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "double" / "official_clients.py"
SOON = Patience(first=0.01, most=0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    (tmp_path / "features.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes(120))
    export = tmp_path / "export"
    (export / "training").mkdir(parents=True)
    entries = []
    for number in range(5):
        path = f"training/p{number}.jpg"
        (export / path).write_bytes(f"picture {number}".encode())
        label = {"type": "label", "label": "cat"}
        entries.append(
            {"path": path, "category": "training", "label": label, "boundingBoxes": [], "metadata": {"n": "1"}}
        )
    (export / "info.labels").write_text(json.dumps({"version": 1, "files": entries}))
    return tmp_path


def drive(python: Path, double: Double, folder: Path) -> dict[str, Any]:
    env = {**os.environ, **double.env}
    done = subprocess.run([python, SCRIPT, folder], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def check_types(python: Path, double: Double, folder: Path) -> list[str]:
    """Holds everything that passed to the official types; gives what was checked."""
    exchanges = [
        (method, path, body.decode() if body[:1] == b"{" else "", answer)
        for method, path, _, body, answer in double.exchanges
    ]
    (folder / "exchanges.json").write_text(json.dumps(exchanges))
    found = drive(python, double, folder)
    assert found["wrong"] == []
    checked: list[str] = found["checked"]
    return checked


def test_the_official_sdk_works_with_the_double(clients_python: Path, double: Double, folder: Path):
    double.state.project.files["build"] = b"PK a library"
    found = drive(clients_python, double, folder)
    assert found == {
        "uploaded": [2, 0],
        "duplicate": [0, ["An item with this hash already exists (ids: 1)"]],
        "exported": [5, []],
        "profiled": ["float32", "table"],
        "deployed": [12, ["double-v1.zip"]],
    }
    samples = {sample.file_name: sample for sample in double.state.project.samples.values()}
    assert samples["a.jpg"].boxes == [{"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}]
    assert samples["b.json"].structured == [{"startIndex": 0, "endIndex": 9, "label": "idle"}]
    assert double.state.project.saved is not None
    assert double.state.project.saved["model"]["labels"] == ["a", "b", "c"]
    assert len(check_types(clients_python, double, folder)) == 9


def test_what_our_client_says_and_hears_is_of_the_official_types(clients_python: Path, double: Double, folder: Path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("train.py", "")
    project = double.state.project
    project.files |= dict.fromkeys(("export", "data", "block", "build"), stream.getvalue())
    project.learn_blocks = [{"id": 5, "type": "keras-transfer-image", "name": "T", "dsp": [3], "title": "T"}]
    studio = Studio.of_key(Remote(f"{double.origin}/v1", Key(PROJECT_KEY, source="test")), patience=SOON)
    studio.hmac_key()
    assert not studio.keeps_validation_set()
    learn = studio.only_learn_block().id
    studio.download_data(folder / "1")
    studio.download_block_data(learn, folder / "2")
    studio.download_block(learn, folder / "3")
    info = ModelInfo(input_of("image"), output_of("classification", ["a", "b", "c"]))
    deployment = Deployment("zip", "tflite-eon", None, folder / "4")
    features = folder / "features.npy"
    upload_model(studio, folder / "model.tflite", info, representative=features, deployment=deployment)
    deploy_once(studio, folder / "model.tflite", info, deployment, representative=features)
    block = folder / "block"
    block.mkdir()
    for name in ("Dockerfile", "parameters.json"):
        shutil.copy(ROOT / name, block)
    organization = Remote(f"{double.origin}/v1", Key(ORGANIZATION_KEY, source="test"))
    push_block(organization, block, host="edgeimpulse.com", patience=SOON)
    assert len(check_types(clients_python, double, folder)) == 22


def test_what_the_command_line_client_asks_first_is_of_the_official_types(clients_python: Path, double: Double, folder):
    double.state.project.learn_blocks = [
        {"id": 7, "type": "keras-transfer-image", "name": "T", "dsp": [3], "title": "T"}
    ]
    double.state.blocks[3] = Block(3, {"name": "n", "dockerContainer": "", "description": "d", "operatesOn": "image"})
    paths = ["user", "4711", "4711/socket-token", "4711/impulses", "4711/training/keras/7", "organizations/99"]
    paths += [f"organizations/99/{path}" for path in ("socket-token", "transfer-learning", "transfer-learning/3")]
    for path in paths:
        answer = requests.get(f"{double.origin}/v1/api/{path}", headers={"x-jwt-token": JWT}, timeout=9)
        assert answer.json()["success"]
    assert len(check_types(clients_python, double, folder)) == 8
