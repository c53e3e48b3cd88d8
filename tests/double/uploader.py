"""What the official uploader (1.39.2) sends for a folder, as it was recorded: which files, and what it says of each.

Its rules are simple and its own: labels are looked up by file name alone, first within a category, then a folder, then
anywhere; a path with `val` or `test` in it is of the testing set.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import requests

TYPES = {
    ".wav": "audio/wav",
    ".cbor": "application/cbor",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".mp4": "video/mp4",
    ".avi": "video/avi",
    ".parquet": "application/vnd.apache.parquet",
}
INFER = {"type": "infer"}
Boxes = list[dict[str, Any]]


@dataclass
class Sent:
    """One file as it is sent; boxes of None are not spoken of."""

    path: Path
    name: str
    category: str
    label: Mapping[str, Any] = field(default_factory=lambda: INFER)
    boxes: Boxes | None = None
    metadata: Mapping[str, str] | None = None


def of_info_file(info: Path) -> Iterator[Sent]:
    """`--info-file`: the entries of an info.labels, with the boxes that lie beside the files."""
    for entry in json.loads(info.read_text())["files"]:
        path = info.parent / entry["path"]
        name = entry["name"] + path.suffix if entry.get("name") else path.name
        boxes = _beside(path)
        boxes = entry.get("boundingBoxes") if boxes is None else boxes
        yield Sent(path, name, entry["category"], entry["label"], boxes, entry.get("metadata"))


def of_files(paths: list[Path], category: str = "training") -> Iterator[Sent]:
    """Files by name: their labels are for the service to infer."""
    for path in paths:
        if path.suffix.lower() in TYPES:
            yield Sent(path, path.name, category, boxes=_beside(path))


def of_openmv(folder: Path) -> Iterator[Sent]:
    """`--format-openmv`: folders `<label>.class`."""
    for place in sorted(folder.glob("*.class")):
        for path in sorted(place.iterdir()):
            yield Sent(path, path.name, "split", {"type": "label", "label": place.name.replace(".class", "")})


def _beside(path: Path) -> Boxes | None:
    sidecar = path.parent / "bounding_boxes.labels"
    return json.loads(sidecar.read_text())["boundingBoxes"].get(path.name) if sidecar.exists() else None


def of_directory(folder: Path, kind: str) -> Iterator[Sent]:
    """`--directory` with a dataset format, named as ours are."""
    parse, suffix, single, bare = LOOKUPS[kind]
    by_category: dict[str, dict[str, Any]] = defaultdict(dict)
    by_folder: dict[Path, dict[str, Any]] = defaultdict(dict)
    anywhere: dict[str, Any] = {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = ("classes.txt", "class-descriptions.csv")
    for path in paths:
        if path.suffix == suffix and path.name not in names:
            category = _category(str(path.parent.relative_to(folder))) or _category(path.name)
            found = parse(path)
            if category:
                by_category[category] |= found
            else:
                by_folder[path.parent] |= found
                anywhere |= found
    for path in paths:
        if path.suffix.lower() not in TYPES or path.suffix == suffix or path.name in names:
            continue
        category = _category(str(path.parent.relative_to(folder)))
        name = path.stem if bare else path.name
        places = [by_category[category] if category else {}, by_folder[path.parent], anywhere]
        found = next((place[name] for place in places if place.get(name)), None)
        label = {"type": "label", "label": found} if found and single else INFER
        yield Sent(path, path.name, category or "training", label, None if single else found)


def _category(text: str) -> str | None:
    text = text.lower()
    if "val" in text or "test" in text:
        return "testing"
    return "training" if "train" in text else None


def _box(label: str, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y, "width": width, "height": height}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _class_table(path: Path) -> dict[str, Any]:
    return {row["file_name"]: row["class_name"] for row in _rows(path)}


def _box_table(path: Path) -> dict[str, Any]:
    found: dict[str, Boxes] = defaultdict(list)
    for row in _rows(path):
        x, y, right, bottom = (float(row[end]) for end in ("xmin", "ymin", "xmax", "ymax"))
        for label in row["classes"].split(";"):
            found[row["file_name"]].append(_box(label.strip(), x, y, right - x, bottom - y))
    return found


def _open_images(path: Path) -> dict[str, Any]:
    found: dict[str, Boxes] = defaultdict(list)
    descriptions = path.parent / "class-descriptions.csv"
    with descriptions.open(newline="", encoding="utf-8") as stream:
        names = dict(csv.reader(stream))
    for row in _rows(path):
        x, right, y, bottom = (float(row[end]) for end in ("XMin", "XMax", "YMin", "YMax"))
        found[row["ImageID"]].append(_box(names[row["LabelName"]], x, y, right - x, bottom - y))
    return found


def _remo(path: Path) -> dict[str, Any]:
    return {item["file_name"]: (item["classes"] or [None])[0] for item in json.loads(path.read_text())}


def _remo_boxes(path: Path) -> dict[str, Any]:
    found: dict[str, Boxes] = {}
    for item in json.loads(path.read_text()):
        corners = [(label, note["bbox"]) for note in item["annotations"] for label in note["classes"]]
        found[item["file_name"]] = [
            _box(label, c["xmin"], c["ymin"], c["xmax"] - c["xmin"], c["ymax"] - c["ymin"]) for label, c in corners
        ]
    return found


def _coco(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text())
    files = {image["id"]: image["file_name"] for image in document["images"]}
    labels = {kind["id"]: kind["name"] for kind in document["categories"]}
    found: dict[str, Boxes] = defaultdict(list)
    for note in document["annotations"]:
        found[files[note["image_id"]]].append(_box(labels[note["category_id"]], *note["bbox"]))
    return found


def _voc(path: Path) -> dict[str, Any]:
    root = ElementTree.parse(path).getroot()  # noqa: S314 - we wrote it
    boxes = []
    for item in root.iterfind("object"):
        x, y, right, bottom = (float(item.findtext(f"bndbox/{end}") or 0) for end in ("xmin", "ymin", "xmax", "ymax"))
        boxes.append(_box(item.findtext("name") or "", x, y, right - x, bottom - y))
    return {root.findtext("filename") or "": boxes}


def _yolo(path: Path) -> dict[str, Any]:
    names = (next(each for each in path.parents if (each / "classes.txt").exists()) / "classes.txt").read_text()
    rows = [line.split() for line in path.read_text().splitlines()]
    return {path.stem: [_box(names.splitlines()[int(row[0])], *map(float, row[1:])) for row in rows]}


def _ei_labels(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["boundingBoxes"]
    return found


# By our name of a format: its parser, its files, whether it labels the whole picture, whether names have no extension.
LOOKUPS: dict[str, tuple[Callable[[Path], dict[str, Any]], str, bool, bool]] = {
    "csv": (_class_table, ".csv", True, False),
    "csv-boxes": (_box_table, ".csv", False, False),
    "open-images": (_open_images, ".csv", False, True),
    "remo": (_remo, ".json", True, False),
    "remo-boxes": (_remo_boxes, ".json", False, False),
    "coco": (_coco, ".json", False, False),
    "voc": (_voc, ".xml", False, False),
    "yolo": (_yolo, ".txt", False, True),
    "ei-labels": (_ei_labels, ".labels", False, False),
}


def upload(sent: Iterator[Sent], endpoint: str, key: str) -> list[str]:
    """Sends every file in a request of its own; gives the names of those that failed."""
    failed = []
    for each in sent:
        headers = {"x-api-key": key, "x-upload-source": "EDGE_IMPULSE_CLI_UPLOADER", "x-disallow-duplicates": "1"}
        headers["x-device-type"] = "EDGE_IMPULSE_CLI"
        name = each.name.replace('"', "'")  # it sends them bare, which no form survives
        parts = [("data", (name, each.path.read_bytes(), TYPES[each.path.suffix.lower()]))]
        match each.label:
            case {"type": "label", "label": str(label)}:
                headers["x-label"] = quote(label, safe="-_.!~*'()")
            case {"type": "unlabeled"}:
                headers |= {"x-label": "", "x-no-label": "1"}
            case {"type": "multi-label", "labels": labels}:
                parts.append(_sidecar("structured-labels", "structuredLabels", name, labels))
        if each.boxes is not None:
            parts.append(_sidecar("bounding-box-labels", "boundingBoxes", name, each.boxes))
        if each.metadata is not None:
            headers["x-metadata"] = json.dumps(each.metadata)
        answer = requests.post(f"{endpoint}/api/{each.category}/files", headers=headers, files=parts, timeout=1200)
        document = answer.json()
        if not document["success"] or not all(entry["success"] for entry in document["files"]):
            failed.append(each.name)
    return failed


def _sidecar(kind: str, member: str, name: str, entry: Any) -> Any:
    file_name = {"structured-labels": "structured_labels.labels", "bounding-box-labels": "bounding_boxes.labels"}[kind]
    document = {"version": 1, "type": kind, member: {name: entry}}
    return "data", (file_name, json.dumps(document).encode(), "application/json")
