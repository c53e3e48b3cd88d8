"""Labels with boxes as Edge Impulse's arrays hold them: JSON text in a file named `.npy`.

The split form is a list of `{sampleId, boundingBoxes: [{label, x, y, w, h}]}`, the unsplit one an object
`{version: 1, samples: [...]}` of the same. `label` counts the classes from one; pixels are the prepared picture's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.core.errors import FormatError
from ei_compat.core.files import write_file
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.parsing import read_json, typed
from ei_compat.dataset.dataset import Box
from ei_compat.media.box_check import BoxCheck
from ei_compat.media.images import ImageSpec, fit


@dataclass(frozen=True, slots=True)
class _RowBox:
    label: int
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True)
class _Row:
    sampleId: int  # noqa: N815 - the document's name, as below
    boundingBoxes: list[_RowBox]  # noqa: N815


@dataclass(frozen=True, slots=True)
class StructuredRow:
    """The labels of one row of X.

    Attributes:
        sample_id: Edge Impulse's number of the sample.
        boxes: in pixels of the prepared picture.
    """

    sample_id: int
    boxes: tuple[Box, ...]


def read_structured(
    path: Path, classes: Sequence[str], limits: Limits = DEFAULT_LIMITS, *, size: tuple[int, int] | None = None
) -> list[StructuredRow]:
    """Reads either form.

    Args:
        path: the file.
        classes: their names, in the order of their numbers.
        limits: how much is read.
        size: width and height of every row's picture, which boxes are held against; None where it is not known.

    Raises:
        FormatError: naming the row that is wrong: its class is not one of `classes`, or its box cannot be.
    """
    document = read_json(path, limits)
    if isinstance(document, dict):
        if document.get("version") != 1:
            raise FormatError("is not of version 1", where=path)
        document = document.get("samples")
    check = BoxCheck()
    rows = [
        StructuredRow(
            row.sampleId,
            tuple(_box(item, classes, check, size, where=f"{path}, [{index}]") for item in row.boundingBoxes),
        )
        for index, row in enumerate(typed(list[_Row], document, where=str(path)))
    ]
    if check.cut:
        raise FormatError("a box does not lie in its picture", where=check.cut[0])
    return rows


def _box(item: _RowBox, classes: Sequence[str], check: BoxCheck, size: tuple[int, int] | None, *, where: str) -> Box:
    if not 1 <= item.label <= len(classes):
        raise FormatError(f"class {item.label} is not from 1 to {len(classes)}", where=where)
    box = check.pixels(classes[item.label - 1], (item.x, item.y), (item.w, item.h), size, where=where)
    if box is None:
        raise FormatError("a box has no size", where=where)
    return box


def write_structured(path: Path, rows: Sequence[StructuredRow], classes: Sequence[str], *, split: bool) -> None:
    """Writes the split form, or the unsplit one."""
    index_of = {name: index for index, name in enumerate(classes, start=1)}
    items: list[dict[str, Any]] = [
        {
            "sampleId": row.sample_id,
            "boundingBoxes": [
                {"label": index_of[box.label], "x": box.x, "y": box.y, "w": box.width, "h": box.height}
                for box in row.boxes
            ],
        }
        for row in rows
    ]
    write_file(path, json.dumps(items if split else {"version": 1, "samples": items}).encode())


def fit_boxes(boxes: Sequence[Box], size: tuple[int, int], spec: ImageSpec) -> tuple[Box, ...]:
    """Boxes of a picture of this size as they lie in the prepared one; clipped, and left out where nothing is left."""
    (left, top, across, down), (x, y, width, height) = fit(size, spec)
    scale_x, scale_y = width / across, height / down
    placed = []
    for box in boxes:
        x_min, x_max = (min(max(end - left, 0), across) for end in (box.x, box.x + box.width))
        y_min, y_max = (min(max(end - top, 0), down) for end in (box.y, box.y + box.height))
        if x_max > x_min and y_max > y_min:
            sides = (x_max - x_min) * scale_x, (y_max - y_min) * scale_y
            placed.append(Box(box.label, x + x_min * scale_x, y + y_min * scale_y, *sides))
    return tuple(placed)
