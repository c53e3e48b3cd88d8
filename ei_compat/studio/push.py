"""Pushing a custom machine learning block to an organization, as Edge Impulse's own command does it.

The folder's `parameters.json` says what the block is; `.ei-block-config` remembers which block of which organization it
is, per installation. The folder goes up as a .tar.gz without what `.dockerignore` leaves out, and Studio builds it.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.block.block_config import FILE_NAME, BlockConfig, Host, read_block_config, write_block_config
from ei_compat.block.parameters import parameters_as_json, read_parameters
from ei_compat.core.errors import DataError, FormatError, RemoteError, UsageError
from ei_compat.core.progress import SILENT, Progress
from ei_compat.remote.jobs import DEFAULT_PATIENCE, Patience, start
from ei_compat.remote.remote import Remote
from ei_compat.remote.transport import FileBody
from ei_compat.studio.block_archive import write_archive

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
    "isPublicForDevices",
    "indBlockNoLongerAvailable",
    "blockNoLongerAvailableReason",
)
WHEN_MADE = (  # the same, but set when the block is made; later they are changed in Studio
    "implementationVersion",
    "isPublic",
    "publicProjectTierAvailability",
    "sourceCodeDownloadStaffOnly",
)
OPERATES_ON = "image"  # as of a block that does not say


@dataclass(frozen=True, slots=True)
class PushReport:
    """Result of a push.

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
        DataError: the folder is no block, or a link in it leads outside or nowhere.
        UsageError: the organization is not known.
        RemoteError: Studio refused it, or the build failed.
    """
    began = time.monotonic()
    info, fields = _block_fields(folder)
    if strange := sorted(info.keys() - {*PASSED_ON, *WHEN_MADE}):
        progress.note(f"parameters.json: Studio keeps no {', '.join(strange)} of a block; not sent")
    remembered = folder / FILE_NAME
    config = read_block_config(remembered) if remembered.exists() else BlockConfig(2, {})
    known = config.config.get(host)
    number = organization or (known.organization_id if known else _only_organization(remote))
    block = known.id if known and known.organization_id == number else None
    created = block is None
    path = f"/api/organizations/{number}"
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name, "block.tar.gz")
        files = write_archive(folder, archive)
        if block is None:
            block = _create(remote, path, folder, fields | _chosen(info, WHEN_MADE))
            _remember(remembered, config, host, number, block)
        _send(remote, path, archive, block, patience, progress)
        size = archive.stat().st_size
    remote.call("POST", f"{path}/transfer-learning/{block}", send=fields)
    return PushReport(number, block, fields["name"], created, files, size, time.monotonic() - began)


def _block_fields(folder: Path) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The `info` of the folder's parameters.json, and what Studio keeps of a block."""
    if not (folder / "Dockerfile").is_file():
        raise DataError("no Dockerfile", where=folder, fix="push the folder of a block")
    path = folder / "parameters.json"
    if not path.is_file():
        raise DataError("no parameters.json", where=folder, fix="every block needs one")
    block = read_parameters(path)
    if block.type != "machine-learning":
        fix = 'its version must be 1 and its type "machine-learning"'
        raise FormatError("not the parameters.json of a machine learning block", where=path, fix=fix)
    for name in ("name", "description"):
        if not isinstance(block.info.get(name), str) or (name == "name" and not block.info[name].strip()):
            raise FormatError(f"info lacks {name!r}", where=path)
    fields = {"operatesOn": OPERATES_ON, "description": ""} | _chosen(block.info, PASSED_ON)
    return block.info, fields | {"parameters": parameters_as_json(block).get("parameters", [])}


def _chosen(info: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: info[name] for name in names if info.get(name) not in (None, "")}


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
    if not isinstance(key, str):
        raise RemoteError("Studio gave no key to upload with", fix="run again later")
    headers = {
        "content-type": "application/octet-stream",
        "x-amz-checksum-sha256": base64.b64encode(digest).decode(),
        "x-amz-meta-filehash": digest.hex(),
    }
    if isinstance(url, str) and url:  # there need be none
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
