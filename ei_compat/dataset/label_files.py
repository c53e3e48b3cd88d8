"""Edge Impulse's label files: their names, and what they hold of the files beside them.

`bounding_boxes.labels` holds boxes, `structured_labels.labels` intervals and `label_map.labels` key-values, each by the
name of a file. They lie in a dataset's folders and travel with uploads; the entries of an `info.labels` hold boxes and
intervals in the same form. Names of members are the documents' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ei_compat.dataset.dataset import NO_METADATA, Box, Interval, Intervals, KeyValues, Label

BOXES, INTERVALS, KEY_VALUES = "bounding_boxes.labels", "structured_labels.labels", "label_map.labels"
LABEL_FILES = (BOXES, INTERVALS, KEY_VALUES)
_TYPES = {BOXES: "bounding-box-labels", INTERVALS: "structured-labels", KEY_VALUES: "label-map-labels"}
_MEMBERS = {BOXES: "boundingBoxes", INTERVALS: "structuredLabels", KEY_VALUES: "labels"}


@dataclass(frozen=True, slots=True)
class IntervalEntry:
    """An interval as it is read, before anybody has looked at its ends.

    Attributes:
        startIndex: the first sample of the stretch.
        endIndex: the last one.
        label: of the stretch.
        labelMap: more labels, by key.
    """

    startIndex: int  # noqa: N815 - the document's name, as below
    endIndex: int  # noqa: N815
    label: str
    labelMap: dict[str, str] | None = None  # noqa: N815

    @property
    def interval(self) -> Interval:
        """The neutral form."""
        return Interval(self.startIndex, self.endIndex, self.label, self.labelMap or NO_METADATA)


@dataclass(frozen=True, slots=True)
class BoxFile:
    """A `bounding_boxes.labels`.

    Attributes:
        version: of the document.
        type: of the document.
        boundingBoxes: by file name.
    """

    version: Literal[1]
    type: Literal["bounding-box-labels"]
    boundingBoxes: dict[str, list[Box]]  # noqa: N815


@dataclass(frozen=True, slots=True)
class IntervalFile:
    """A `structured_labels.labels`.

    Attributes:
        version: of the document.
        type: of the document.
        structuredLabels: by file name.
    """

    version: Literal[1]
    type: Literal["structured-labels"]
    structuredLabels: dict[str, list[IntervalEntry]]  # noqa: N815


@dataclass(frozen=True, slots=True)
class KeyValueFile:
    """A `label_map.labels`.

    Attributes:
        version: of the document.
        type: of the document.
        labels: by file name; a list where labels have no keys.
    """

    version: Literal[1]
    type: Literal["label-map-labels"]
    labels: dict[str, dict[str, str] | list[str]]


class LabelFiles:
    """The label files of one folder or request, while files are added to it."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Any]] = {}

    def entries(self, label_file: str) -> dict[str, Any]:
        """What one of `LABEL_FILES` holds, by file name; there will be such a label file."""
        return self._entries.setdefault(label_file, {})

    def add(self, name: str, label: Label, boxes: tuple[Box, ...] | None) -> None:
        """Adds what is to be said of a file beside its class; None of boxes says nothing."""
        if boxes is not None:
            self.entries(BOXES)[name] = [box.as_json() for box in boxes]
        match label:
            case Intervals(intervals):
                self.entries(INTERVALS)[name] = [interval.as_json() for interval in intervals]
            case KeyValues(values):
                self.entries(KEY_VALUES)[name] = dict(values)

    def documents(self) -> dict[str, dict[str, Any]]:
        """The label files' documents, by name."""
        return {
            name: {"version": 1, "type": _TYPES[name], _MEMBERS[name]: self._entries[name]}
            for name in LABEL_FILES
            if name in self._entries
        }
