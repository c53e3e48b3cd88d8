"""What parses the other side's bytes as functions of bytes: archives, the API's answers, and our own journal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ei_compat.core.errors import EiTrainError
from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import Patience, follow
from ei_compat.remote.remote import Remote, Retry
from ei_compat.remote.transport import Reply, Request
from ei_compat.remote.unzip import ArchiveLimits, unzip
from ei_compat.studio.model_info import ModelInfo, input_of, output_of
from ei_compat.studio.pretrained import Deployment, build, deploy_once, upload_model
from ei_compat.studio.push import push_block
from ei_compat.studio.studio import Studio
from ei_compat.upload import ingestion
from ei_compat.upload.batches import Upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions

AT_ONCE = Patience(first=0, most=0, limit=0)
INFO = ModelInfo(input_of("image"), output_of("classification", ["a", "b"]))
PARAMETERS = {
    "version": 1,
    "type": "machine-learning",
    "info": {"name": "n", "description": "d", "operatesOn": "image"},
    "parameters": [],
}


def fresh(name: str) -> Path:
    """An empty folder, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    place = (memory if memory.is_dir() else Path(tempfile.gettempdir())) / f"remote-targets-{os.getpid()}" / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def clean_up() -> None:
    """Removes what `fresh` made."""
    shutil.rmtree(fresh("last").parent)


def parse_zip(data: bytes) -> object:
    place = fresh("zip")
    (place / "a.zip").write_bytes(data)
    (place / "in").mkdir()
    try:
        return unzip(place / "a.zip", place / "in", ArchiveLimits(bytes=1 << 20, members=100))
    finally:
        assert {path.name for path in place.iterdir()} == {"a.zip", "in"}
        assert not any(path.is_symlink() for path in place.rglob("*"))


def parse_journal(data: bytes) -> object:
    path = fresh("journal") / "journal"
    path.write_bytes(data)
    with Journal(path, {"project": 1}) as journal:
        journal.add([{"a": ("1", None)}])
    with Journal(path, {"project": 1}) as journal:
        assert ("a", "1") in journal
        return len(journal)


def parse_answer(data: bytes) -> object:
    """One answer to everything that we ask."""

    def transport(request: Request) -> Reply:
        return Reply(200, {"content-disposition": "attachment; filename=a.zip"}, [data])

    remote = Remote("http://x", Key("ei_1", source="x"), transport=transport, retry=Retry(attempts=1))
    place = fresh("answer")
    (place / "m.onnx").write_bytes(b"model")
    (place / "Dockerfile").write_bytes(b"FROM base")
    (place / "parameters.json").write_bytes(json.dumps(PARAMETERS).encode())
    studio = Studio(remote, 1, patience=AT_ONCE)
    deployment = Deployment("zip", "tflite", None, place)
    uploads = [Upload(name, name, lambda: b"x") for name in ("a.jpg", "b.jpg")]
    asks: list[Callable[[], Any]] = [
        lambda: Studio.of_key(remote).name,
        studio.hmac_key,
        studio.learn_blocks,
        lambda: follow(remote, "/api/1", 1, what="job", patience=AT_ONCE),
        lambda: studio.download_data(place / "out"),
        lambda: upload_model(studio, place / "m.onnx", INFO, deployment=deployment),
        lambda: build(studio, deployment, ["int8"]),
        lambda: deploy_once(studio, place / "m.onnx", INFO, replace(deployment, variant="int8")),
        lambda: push_block(remote, place, host="x", patience=AT_ONCE),
        lambda: upload(uploads, remote, place / "journal"),
    ]
    for ask in asks:
        with contextlib.suppress(EiTrainError):
            ask()
    return None


def upload(uploads: list[Upload], remote: Remote, journal: Path) -> object:
    with Journal(journal, {"project": 1}) as opened:
        return ingestion.upload(uploads, remote, opened, options=UploadOptions(parallel=1))


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/a.npy", b"1234" * 9)
        archive.writestr("run.sh", b"#!")
    return stream.getvalue()


def journal() -> bytes:
    path = fresh("seed") / "journal"
    with Journal(path, {"project": 1}) as opened:
        opened.add([{"b": ("9:1", 5), "c": ("9:1", None)}])
    return path.read_bytes()


TENSOR = {"dataType": "int8", "name": "x", "shape": [1, 2], "quantizationScale": 0.1}
ANSWER = {
    "success": True,
    "id": 1,
    "error": "no",
    "projects": [{"id": 1, "name": "p"}],
    "organizations": [{"id": 1}],
    "hmacKey": "5eed",
    "impulse": {"learnBlocks": [{"id": 1, "name": "n", "type": "keras"}]},
    "job": {"id": 1, "finished": "now", "finishedSuccessful": True},
    "stdout": [{"created": "2", "data": "b\n"}, {"created": "1", "data": "a"}],
    "url": "http://y/z.zip",
    "uploadKey": "k",
    "targets": [{"format": "zip"}],
    "availableModelTypes": ["int8"],
    "model": {
        "fileName": "m",
        "inputs": [TENSOR],
        "outputs": [TENSOR],
        "profileInfo": {"int8": {"variant": "int8", "device": "d", "memory": {"eon": {"ram": 1, "rom": 2}}}},
    },
    "files": [
        {"success": True, "fileName": "a.jpg", "sampleId": 3},
        {"success": False, "error": "hash already exists"},
    ],
}

# Each parser with valid input to start from.
REMOTE_TARGETS: dict[str, tuple[Callable[[bytes], object], tuple[bytes, ...]]] = {
    "zip": (parse_zip, (zipped(),)),
    "journal": (parse_journal, (journal(),)),
    "api-answer": (parse_answer, (json.dumps(ANSWER).encode(),)),
}
