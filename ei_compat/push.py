"""Pushing a custom machine learning block to an organization, as Edge Impulse's own command does it.

The folder's `parameters.json` says what the block is; `.ei-block-config` remembers which block of which organization it
is, per installation. The folder goes up as a .tar.gz without what `.dockerignore` leaves out, and Studio builds it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.block_config import FILE_NAME, BlockConfig, Host, read_block_config, write_block_config
from ei_compat.errors import DataError, FormatError, LimitError, RemoteError, UsageError
from ei_compat.jobs import DEFAULT_PATIENCE, Patience, start
from ei_compat.parameters import parameters_as_json, read_parameters
from ei_compat.progress import SILENT, Progress
from ei_compat.remote import Remote
from ei_compat.transport import FileBody

SIZE_LIMIT = 400 * 10**6  # bytes of the archive, by Studio's rule
PASSED_ON = (  # members of parameters.json's info that the block in Studio has too
    "name",
    "description",
    "operatesOn",
    "objectDetectionLastLayer",
    "imageInputScaling",
    "indRequiresGpu",
    "repositoryUrl",
    "customModelVariants",
    "displayCategory",
)


@dataclass(frozen=True, slots=True)
class PushReport:
    """What was pushed.

    Attributes:
        organization: its number.
        block: the block's number.
        name: its name in Studio.
        created: whether the block is new.
        files: in the archive.
        bytes: of the archive.
        seconds: until Studio had built it.
    """

    organization: int
    block: int
    name: str
    created: bool
    files: int
    bytes: int
    seconds: float


def push_block(
    remote: Remote,
    folder: Path,
    *,
    host: str,
    organization: int | None = None,
    patience: Patience = DEFAULT_PATIENCE,
    progress: Progress = SILENT,
) -> PushReport:
    """Pushes a block, made in Studio where it is new.

    Args:
        remote: a session with Studio's API, with an organization's key.
        folder: holds a Dockerfile and a parameters.json of version 1.
        host: what `.ei-block-config` calls the installation.
        organization: its number, where neither `.ei-block-config` nor the key decides it.
        patience: how the build is waited for.
        progress: hears its log.

    Raises:
        DataError: the folder is no block, or its archive is too large.
        UsageError: the organization is not known.
        RemoteError: Studio refused it, or the build failed.
    """
    began = time.monotonic()
    fields = _block_fields(folder)
    remembered = folder / FILE_NAME
    config = read_block_config(remembered) if remembered.exists() else BlockConfig(2, {})
    known = config.config.get(host)
    number = organization or (known.organization_id if known else _only_organization(remote))
    block = known.id if known and known.organization_id == number else None
    created = block is None
    path = f"/api/organizations/{number}"
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name, "block.tar.gz")
        files = _archive(folder, archive)
        if block is None:
            block = _create(remote, path, folder, fields)
            _remember(remembered, config, host, number, block)
        _send(remote, path, archive, block, patience, progress)
        size = archive.stat().st_size
    remote.call("POST", f"{path}/transfer-learning/{block}", send=fields)
    return PushReport(number, block, fields["name"], created, files, size, time.monotonic() - began)


def _block_fields(folder: Path) -> dict[str, Any]:
    """What Studio keeps of a block, from the folder's parameters.json."""
    if not (folder / "Dockerfile").is_file():
        raise DataError("no Dockerfile", where=folder, fix="push the folder of a block")
    path = folder / "parameters.json"
    if not path.is_file():
        raise DataError("no parameters.json", where=folder, fix="every block needs one")
    block = read_parameters(path)
    if block.type != "machine-learning":
        fix = 'its version must be 1 and its type "machine-learning"'
        raise FormatError("not the parameters.json of a machine learning block", where=path, fix=fix)
    for name in ("name", "description", "operatesOn"):
        if not isinstance(block.info.get(name), str) or not block.info[name].strip():
            raise FormatError(f"info lacks {name!r}", where=path)
    fields = {name: block.info[name] for name in PASSED_ON if block.info.get(name) is not None}
    return fields | {"parameters": parameters_as_json(block).get("parameters", [])}


def _remember(path: Path, config: BlockConfig, host: str, organization: int, block: int) -> None:
    """Writes which block the folder is on this installation, beside what the file says of others.

    Version 2 keeps no more than that; what else an older file says of a block is in parameters.json today.
    """
    hosts = {name: Host(known.organization_id, known.id) for name, known in config.config.items()}
    write_block_config(path, BlockConfig(2, hosts | {host: Host(organization, block)}))


def _only_organization(remote: Remote) -> int:
    listed = remote.call("GET", "/api/organizations").get("organizations")
    numbers = [each.get("id") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if len(numbers) != 1 or not isinstance(numbers[0], int):
        what = f"the key opens {len(numbers)} organizations"
        raise UsageError(what, where="--organization", fix="name one by its number")
    return numbers[0]


def _create(remote: Remote, path: str, folder: Path, fields: dict[str, Any]) -> int:
    """Makes the block in Studio; gives its number."""
    script = folder / "train.py"
    old = script.is_file() and b"--validation-set-size" in script.read_bytes()
    request = {"dockerContainer": "", "implementationVersion": 1 if old else 2, **fields}
    number = remote.call("POST", f"{path}/transfer-learning", send=request, once=True).get("id")
    if not isinstance(number, int):
        raise RemoteError("Studio made no block", fix="look at the organization's custom blocks")
    return number


def _archive(folder: Path, archive: Path) -> int:
    """Writes the folder's .tar.gz; gives its number of files."""
    from docker.utils.build import exclude_paths

    names = sorted(exclude_paths(str(folder), [*_ignored(folder), ".git", ".hg"]))
    root = os.path.realpath(folder)
    files = 0
    with tarfile.open(archive, "w:gz") as packed:
        for name in names:
            path = folder / name
            target = os.path.realpath(path)
            if path.is_symlink() and not target.startswith(root + os.sep):
                raise DataError("a link leads outside the block", where=path, fix="copy the file, or ignore it")
            packed.add(path, arcname=f"./{name}", recursive=False)
            files += not path.is_dir()
    size = archive.stat().st_size
    if size > SIZE_LIMIT:
        what = f"the block is {size / 10**6:.0f} MB, Studio takes {SIZE_LIMIT / 10**6:.0f} MB"
        raise LimitError(what, where=folder, fix="leave data and outputs out with .dockerignore")
    return files


def _ignored(folder: Path) -> list[str]:
    """The patterns of `.dockerignore`."""
    path = folder / ".dockerignore"
    if not path.is_file():
        return []
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _send(remote: Remote, path: str, archive: Path, block: int, patience: Patience, progress: Progress) -> None:
    """Uploads the archive and waits until Studio has built it."""
    digest = _sha256(archive)
    announced = {
        "fileName": archive.name,
        "fileSize": archive.stat().st_size,
        "fileHash": digest.hex(),
        "type": "transferLearning",
        "blockId": block,
    }
    link = remote.call("POST", f"{path}/custom-block/upload-link", send=announced)
    url, key = link.get("url"), link.get("uploadKey")
    if not isinstance(url, str) or not isinstance(key, str):
        raise RemoteError("Studio gave no address to upload to", fix="run again later")
    headers = {
        "content-type": "application/octet-stream",
        "x-amz-checksum-sha256": base64.b64encode(digest).decode(),
        "x-amz-meta-filehash": digest.hex(),
    }
    remote.put(url, FileBody(archive), headers)
    finalize = {"uploadKey": key, **announced}
    start(
        remote,
        path,
        "/custom-block/finalize",
        finalize,
        what="build block",
        patience=patience,
        progress=progress,
    )


def _sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
