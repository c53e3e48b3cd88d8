"""The double's ingestion service: `POST /api/{category}/files`."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from tests.double.calls import NoAnswerError
from tests.double.checks import FormPart, ViolationError, check, parse_form
from tests.double.state import Attachment, Sample, State

CATEGORIES = {"training", "validation", "testing", "split", "post-processing"}
FILES_LIMIT, FILE_LIMIT = 1000, 100 * 2**20
EXTENSIONS = {"wav", "cbor", "json", "jpg", "jpeg", "png", "csv", "txt", "mp4", "avi", "parquet"}
BOX = {"label": str, "x": float, "y": float, "width": float, "height": float}
LABEL = re.compile(r"[a-zA-Z0-9\s\-_]+")  # what the service infers from a file's name, as its documentation has it
ATTACHMENTS = "attachments.labels"  # says which sample a further file belongs to; how is not published
INTERVAL = {"startIndex": int, "endIndex": int, "label": str, "labelMap?": dict}
SIDECARS = {
    "bounding_boxes.labels": {"version": {1}, "type": {"bounding-box-labels"}, "boundingBoxes": dict},
    "structured_labels.labels": {"version": {1}, "type": {"structured-labels"}, "structuredLabels": dict},
    "label_map.labels": {"version": {1}, "type": {"label-map-labels"}, "labels": dict},
}
SIDECAR_MEMBER = {
    "bounding_boxes.labels": ("boundingBoxes", [BOX]),
    "structured_labels.labels": ("structuredLabels", [INTERVAL]),
    "label_map.labels": ("labels", dict),
}
OWN_HEADERS = {
    "x-api-key",
    "x-label",
    "x-no-label",
    "x-disallow-duplicates",
    "x-metadata",
    "x-add-date-id",
    "x-bounding-boxes",
    "x-upload-source",
    "x-device-type",
}


def store_files(state: State, category: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Stores the files of one request and says what became of each."""
    _check_headers(state, category, headers)
    parts = parse_form(headers.get("content-type", ""), body)
    if any(part.name not in {"data", "attachments"} or part.filename is None for part in parts):
        raise ViolationError("every part must be a file in the field 'data'")
    owners = _owners(parts)
    files = [part for part in parts if part.filename not in {*SIDECARS, ATTACHMENTS, *owners}]
    if not 1 <= len(files) <= FILES_LIMIT:
        raise ViolationError(f"{len(files)} files in one request, {FILES_LIMIT} are allowed")
    sidecars = {str(part.filename): _sidecar(part) for part in parts if part.filename in SIDECARS}
    names = {part.filename for part in files}
    for kind, entries in [*sidecars.items(), (ATTACHMENTS, dict.fromkeys(owners.values()))]:
        if entries.keys() - names:
            raise ViolationError(f"{kind} names a file that is not in the request")
    answers = [_store(state, category, headers, part, sidecars) for part in files]
    for part in parts:
        owner = owners.get(str(part.filename))
        found = next((each for each in answers if each["fileName"] == owner and each["sampleId"]), None)
        if found is not None:
            kept = Attachment(str(part.filename), str(part.media_type), part.content)
            state.project.samples[found["sampleId"]].attachments.append(kept)
    return {"success": True, "files": answers}


def _owners(parts: list[FormPart]) -> dict[str, str]:
    """The sample that each attached file belongs to: wherever the document names it below the sample's name."""
    names = {str(part.filename) for part in parts}
    found: dict[str, str] = {}

    def look(value: Any, owner: str | None) -> None:
        if isinstance(value, str) and owner is not None and value in names:
            found[value] = owner
        elif isinstance(value, list):
            for each in value:
                look(each, owner)
        elif isinstance(value, dict):
            for key, each in value.items():
                look(each, key if owner is None and key in names else owner)

    for part in parts:
        if part.filename == ATTACHMENTS:
            document = json.loads(part.content)
            if not isinstance(document, dict) or document.get("version") != 1:
                raise ViolationError(f"{ATTACHMENTS} is not an object of version 1")
            look(document, None)
    return found


def _check_headers(state: State, category: str, headers: dict[str, str]) -> None:
    if category not in CATEGORIES:
        raise ViolationError(f"category {category!r}")
    if category == "validation" and not state.project.keeps_validation_set:
        raise NoAnswerError(400, "This project has no explicit validation set")
    for name in headers:
        if name.startswith("x-") and name not in OWN_HEADERS:
            raise ViolationError(f"header {name!r} is not of this API")
    for name in ("x-no-label", "x-disallow-duplicates", "x-add-date-id"):
        if headers.get(name, "1") != "1":
            raise ViolationError(f"{name} is {headers[name]!r}, not '1'")
    if headers.get("x-no-label") and headers.get("x-label"):
        raise ViolationError("x-no-label beside a label")
    if "x-metadata" in headers:
        metadata = json.loads(headers["x-metadata"])
        if not isinstance(metadata, dict) or not all(isinstance(each, str) for each in metadata.values()):
            raise ViolationError("x-metadata is not an object of strings")
    if "x-bounding-boxes" in headers:
        _check_boxes(json.loads(headers["x-bounding-boxes"]), "x-bounding-boxes")


def _check_boxes(boxes: Any, where: str) -> None:
    check(boxes, [BOX], where)
    for box in boxes:
        if box["width"] <= 0 or box["height"] <= 0:
            raise ViolationError(f"{where} has a box of no size")


def _sidecar(part: FormPart) -> dict[str, Any]:
    """The entries of a label sidecar by file name."""
    name = str(part.filename)
    document = json.loads(part.content)
    check(document, SIDECARS[name], name)
    member, shape = SIDECAR_MEMBER[name]
    entries: dict[str, Any] = document[member]
    for file_name, entry in entries.items():
        check(entry, shape, f"{name}[{file_name!r}]")
        if member == "boundingBoxes":
            _check_boxes(entry, f"{name}[{file_name!r}]")
    return entries


def _store(
    state: State, category: str, headers: dict[str, str], part: FormPart, sidecars: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    name = str(part.filename)
    problem = _problem(name, part.content)
    answer: dict[str, Any] = {"success": False, "projectId": state.project.id, "sampleId": None, "fileName": name}
    if problem is not None:
        return answer | {"error": problem}
    label = unquote(headers["x-label"]) if headers.get("x-label") else None
    if label is None and "x-label" not in headers and "structured_labels.labels" not in sidecars:
        found = LABEL.match(name)
        label = found[0] if found else None
    sample = Sample(0, category, name, "", 0, label, {k: v for k, v in headers.items() if k in OWN_HEADERS})
    sample.headers.pop("x-api-key")
    sample.boxes = sidecars.get("bounding_boxes.labels", {}).get(name)
    if "x-bounding-boxes" in headers:
        sample.boxes = json.loads(headers["x-bounding-boxes"])
    sample.structured = sidecars.get("structured_labels.labels", {}).get(name)
    sample.label_map = sidecars.get("label_map.labels", {}).get(name)
    stored = state.store(sample, part.content, duplicates="x-disallow-duplicates" not in headers)
    if stored is None:
        return answer | {"error": "An item with this hash already exists (ids: 1)"}
    return answer | {"success": True, "sampleId": stored}


def _problem(name: str, content: bytes) -> str | None:
    """Why the service would not take a file; a content that starts with BAD stands for one that it cannot decode."""
    if name.rpartition(".")[2].lower() not in EXTENSIONS:
        return "File extension not supported"
    if len(content) > FILE_LIMIT:
        return "File too large"
    if content.startswith(b"BAD"):
        return "Failed to parse the file"
    return None
