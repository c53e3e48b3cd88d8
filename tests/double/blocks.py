"""The double's organization: custom blocks and how they are pushed."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from typing import Any

from tests.double.accounts import ORGANIZATION
from tests.double.calls import Call, File, NoAnswerError
from tests.double.checks import ViolationError, parse_json
from tests.double.shapes import ADD_BLOCK, FINALIZE, UPDATE_BLOCK, UPLOAD_LINK
from tests.double.state import CREATED, Block, State
from tests.double.studio import Answer, Handler, job_log, job_status, started


def add_block(state: State, call: Call, organization: str) -> Answer:
    fields = parse_json(call.content_type, call.body, ADD_BLOCK)
    block = Block(state.new_id(), fields)
    state.blocks[block.id] = block
    return {"success": True, "id": block.id}


def update_block(state: State, call: Call, organization: str, block: str) -> Answer:
    _block(state, int(block)).fields.update(parse_json(call.content_type, call.body, UPDATE_BLOCK))
    return {"success": True}


def list_blocks(state: State, call: Call, organization: str) -> Answer:
    return {"success": True, "transferLearningBlocks": [_shown(block) for block in state.blocks.values()]}


def get_block(state: State, call: Call, organization: str, block: str) -> Answer:
    return {"success": True, "transferLearningBlock": _shown(_block(state, int(block)))}


def _shown(block: Block) -> dict[str, Any]:
    """A block with Studio's defaults for what nobody has set."""
    flags = ["isPublic", "isPublicEnterpriseOnly", "indRequiresGpu", "sourceCodeAvailable"]
    flags += ["sourceCodeDownloadStaffOnly", "indBlockNoLongerAvailable", "dockerContainerManagedByEdgeImpulse"]
    defaults = {"implementationVersion": 2, "isPublicForDevices": [], "parameters": [], "created": CREATED}
    return dict.fromkeys(flags, False) | defaults | block.fields | {"id": block.id}


def _block(state: State, number: int) -> Block:
    if number not in state.blocks:
        raise NoAnswerError(404, f"No block with ID {number}")
    return state.blocks[number]


def upload_link(state: State, call: Call, organization: str) -> Answer:
    request = parse_json(call.content_type, call.body, UPLOAD_LINK)
    _block(state, request["blockId"])
    key = f"upload-{state.new_id()}"
    state.uploads[key] = request | {"content": b"" if state.knows_archives else None}
    if state.knows_archives:
        return {"success": True, "uploadKey": key}
    return {"success": True, "url": f"{call.origin}/signed/{key}?X-Amz-Signature=c0ffee", "uploadKey": key}


def put_file(state: State, call: Call, key: str) -> Answer:
    link = state.uploads[key]
    digest = hashlib.sha256(call.body).digest()
    wanted = {
        "x-amz-checksum-sha256": base64.b64encode(digest).decode(),
        "x-amz-meta-filehash": digest.hex(),
        "content-length": str(link["fileSize"]),
    }
    for name, value in wanted.items():
        if call.headers.get(name) != value:
            raise ViolationError(f"{name} is {call.headers.get(name)!r}, not {value!r}")
    if digest.hex() != link["fileHash"]:
        raise ViolationError("not the file that was announced")
    if "x-api-key" in call.headers and not call.same_origin_allowed:
        raise ViolationError("the key was sent to a signed address")
    link["content"] = call.body
    return File(b"", "")


def finalize(state: State, call: Call, organization: str) -> Answer:
    request = parse_json(call.content_type, call.body, FINALIZE)
    link: dict[str, Any] = state.uploads.get(request.pop("uploadKey"), {})
    if {name: link.get(name) for name in request} != request:
        raise ViolationError("finalize does not match its upload link")
    if link["content"] is None:
        raise NoAnswerError(400, "Nothing was uploaded")
    if link["content"] and "Dockerfile" not in _names(link["content"]):
        raise NoAnswerError(400, "The block has no Dockerfile")
    block = _block(state, request["blockId"])
    log = ["Step 1/3 : FROM base\n", "Successfully built\n"]
    return started(state, "custom-block", "Building block", lambda: block.uploads.append(link["content"]), log)


def _names(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        return [member.name.removeprefix("./") for member in archive.getmembers()]


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", ORGANIZATION + "/transfer-learning", list_blocks),
    ("GET", ORGANIZATION + r"/transfer-learning/(?P<block>\d+)", get_block),
    ("POST", ORGANIZATION + "/transfer-learning", add_block),
    ("POST", ORGANIZATION + r"/transfer-learning/(?P<block>\d+)", update_block),
    ("POST", ORGANIZATION + "/custom-block/upload-link", upload_link),
    ("PUT", r"/signed/(?P<key>upload-\d+)", put_file),
    ("POST", ORGANIZATION + "/custom-block/finalize", finalize),
    ("GET", ORGANIZATION + r"/jobs/(?P<job>\d+)/status", job_status),
    ("GET", ORGANIZATION + r"/jobs/(?P<job>\d+)/stdout", job_log),
]
