"""Every parser of ei_compat as a function of bytes, with valid input to start from.

The property tests run them with hypothesis; `python -m bench.fuzz` runs them under coverage guidance. A target may
return or raise an `EiTrainError`; anything else is a bug.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from ei_compat.block.arrays import check_values, targets_of
from ei_compat.block.block_config import parse_block_config
from ei_compat.block.box_labels import read_structured
from ei_compat.block.deployment_metadata import parse_deployment_metadata
from ei_compat.block.npy import open_npy
from ei_compat.block.parameters import parse_parameters, to_arguments
from ei_compat.block.rows import Rows
from ei_compat.block.train_input import TrainInput, parse_train_input
from ei_compat.core.errors import FormatError
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import parse_json
from ei_compat.dataset.dataset import Axis, Signal
from ei_compat.formats import format_named
from ei_compat.formats._tree import Tree
from ei_compat.media import acquisition, signals
from ei_compat.media.images import ImageSpec, load_image

SMALL = Limits(image_pixels=1 << 16, label_file_bytes=1 << 20, samples=100, signal_values=10_000)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    Attributes:
        parse: the bytes of one file.
        seeds: valid or nearly valid files.
    """

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


@cache
def folder(name: str) -> Path:
    """A folder of its own with two pictures and a signal, in memory where there is such a file system."""
    place = Path(tempfile.mkdtemp(prefix=f"targets-{name}-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    for number, image in enumerate(("a.png", "b.png")):
        Image.new("RGB", (8, 6), (number, 2, 3)).save(place / image)
    (place / "s.json").write_bytes(acquisition.encode(one_signal()))
    return place


def clean_up() -> None:
    """Removes the folders that were made."""
    for name in list(TARGETS):
        shutil.rmtree(folder(name), ignore_errors=True)
    folder.cache_clear()


def one_signal() -> Signal:
    return Signal(np.array([[1.0, 2.5], [3.0, -4.0]]), 10.0, (Axis("x", "g"), Axis("y", "g")), "T", "n", 1.0)


def label_file(kind: str, file: str, folder_name: str | None = None) -> Callable[[bytes], object]:
    """Reads a dataset whose one label file holds the bytes."""

    def parse(data: bytes) -> object:
        root = folder(folder_name or kind)
        (root / file).write_bytes(data)
        chosen, tree = format_named(kind), Tree(root, SMALL)
        return chosen.read(tree) if chosen.recognise(tree) else None

    return parse


def parse_npy(data: bytes) -> object:
    path = folder("npy") / "x.npy"
    path.write_bytes(data)
    array = open_npy(path)
    if array.size > SMALL.signal_values:
        return None
    check_values(Rows(array, array.shape[1:]), (0.0, 1.0), where=path)
    return targets_of(array, TrainInput(("a", "b"), "classification", "(2,)", "npy"), where=path)  # type: ignore[arg-type]


def parse_structured(data: bytes) -> object:
    path = folder("structured") / "y.npy"
    path.write_bytes(data)
    return read_structured(path, ("a", "b"), SMALL)


def parse_yolo_names(data: bytes) -> object:
    root = folder("yolo-names")
    (root / "data.yaml").write_bytes(data)
    return format_named("yolo").read(Tree(root, SMALL))


def parse_yolo(data: bytes) -> object:
    root = folder("yolo")
    (root / "classes.txt").write_text("cat\ndog\n")
    (root / "a.txt").write_bytes(data)
    return format_named("yolo").read(Tree(root, SMALL))


def parse_acquisition(data: bytes) -> object:
    with contextlib.suppress(FormatError):
        acquisition.verify(data, "key")
    return acquisition.decode(data, where="acquisition", limits=SMALL)


def parse_parameters_and_use_them(data: bytes) -> object:
    return to_arguments(parse_parameters(parse_json(data.decode("utf-8", "replace"), where="parameters.json")))


def document(parse: Callable[..., object]) -> Callable[[bytes], object]:
    return lambda data: parse(parse_json(data.decode("utf-8", "replace"), where="document"))


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def image_seeds() -> tuple[bytes, ...]:
    seeds = []
    for kind, mode in (
        ("PNG", "RGB"),
        ("PNG", "P"),
        ("JPEG", "RGB"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("TIFF", "L"),
        ("WEBP", "RGB"),
    ):
        stream = io.BytesIO()
        Image.new(mode, (5, 4)).save(stream, kind)
        seeds.append(stream.getvalue())
    return tuple(seeds)


def npy_seeds() -> tuple[bytes, ...]:
    seeds = []
    for array in (np.eye(2, dtype="f4"), np.array([[1, 7], [2, 8]], "i4"), np.zeros((0, 2)), np.array([[0.5, 2.0]])):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version=(2, 0))
        seeds.append(stream.getvalue())
    return tuple(seeds)


ENTRY = {"path": "a.png", "category": "training", "label": {"type": "label", "label": "x"}, "metadata": {"k": "v"}}
BOXED = {"path": "b.png", "category": "split", "label": {"type": "unlabeled"}} | {
    "boundingBoxes": [{"label": "d", "x": 1, "y": 2, "width": 3, "height": 4}]
}
TIMED = {"path": "s.json", "name": "s", "category": "testing"} | {
    "label": {"type": "multi-label", "labels": [{"startIndex": 0, "endIndex": 1, "label": "i", "labelMap": {"a": "b"}}]}
}
KEYED = TIMED | {"label": {"type": "keyvalue-labels", "labels": {"a": "b"}}}
INTERVALS = [{"startIndex": 0, "endIndex": 1, "label": "a"}]
BLOCK = {"version": 1, "type": "dsp", "info": {"name": "n"}}
TRAIN_INPUT = {"classes": ["a", "b"], "mode": "classification", "inputShapeString": "(96, 96, 3)", "yType": "npy"}
PARAMETER = {"name": "N", "param": "n", "type": "select", "value": "b", "valid": ["a", {"value": "b", "label": "B"}]}
VOC = b"<annotation><filename>a.png</filename><object><name>d</name><bndbox><xmin>1</xmin><ymin>2</ymin>"
VOC += b"<xmax>3</xmax><ymax>4.5</ymax></bndbox></object></annotation>"
COCO = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "d"}]} | {
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]
}
REMO_BOX = {"file_name": "a.png", "task": "Object detection"} | {
    "annotations": [{"classes": ["d"], "bbox": {"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}}]
}
DEPLOYMENT = {"version": 1, "deployCounter": 1, "classes": ["a"], "samplesPerInference": 1, "axesCount": 1} | {
    "frequency": 0,
    "tfliteModels": [{"modelPath": "m"}],
    "project": {"id": 1, "name": "p"},
    "folders": {"input": "i", "output": "o"},
}

TARGETS: dict[str, Target] = {
    "acquisition": Target(
        parse_acquisition,
        (
            acquisition.encode(one_signal(), key="key"),
            acquisition.encode(one_signal(), form="cbor", key="key"),
            acquisition.encode(Signal(np.array([[1.0], [2.0]]), 1.0, (Axis("a"),)), form="cbor", binary="i16"),
        ),
    ),
    "signal-csv": Target(
        lambda data: signals.parse_csv(data, where="signal.csv", limits=SMALL),
        (b"timestamp,x,y\n0,1,2\n10,3,4\n", b"x;y\n1;2\n", b'"timestamp"\t"x"\n0\t1e3\n'),
    ),
    "signal-wav": Target(
        lambda data: signals.parse_wav(data, where="signal.wav", limits=SMALL),
        (
            signals.wav_of(Signal(np.array([[1.0], [-2.0]]), 0.0625, (Axis("audio"),))),
            signals.wav_of(Signal(np.array([[0.5, 1.0]]), 1.0, (Axis("audio"), Axis("b")))),
        ),
    ),
    "info-labels": Target(
        label_file("ei-export", "info.labels"),
        (
            as_json({"version": 1, "files": [ENTRY, BOXED, TIMED]}),
            as_json({"files": [KEYED]}),
            b'{"__ndjson":true,"version":1}\n' + as_json({"__key": "files", "__item": ENTRY}) + b"\n",
        ),
    ),
    "bounding-boxes": Target(
        label_file("ei-labels", "bounding_boxes.labels", "bounding-boxes"),
        (as_json({"version": 1, "type": "bounding-box-labels", "boundingBoxes": {"a.png": BOXED["boundingBoxes"]}}),),
    ),
    "structured-labels": Target(
        label_file("ei-labels", "structured_labels.labels", "structured-labels"),
        (as_json({"version": 1, "type": "structured-labels", "structuredLabels": {"s.json": INTERVALS}}),),
    ),
    "label-map": Target(
        label_file("ei-labels", "label_map.labels", "label-map"),
        (as_json({"version": 1, "type": "label-map-labels", "labels": {"s.json": {"a": "b"}}}),),
    ),
    "coco": Target(label_file("coco", "c.json"), (as_json(COCO),)),
    "voc": Target(label_file("voc", "a.xml"), (VOC,)),
    "yolo": Target(parse_yolo, (b"0 0.5 0.5 0.25 0.125\n1 1 1 1 1\n",)),
    "yolo-names": Target(
        parse_yolo_names,
        (
            b"names: [cat, 'd # g', \"e\\u0301\"]\n",
            b"nc: 2\nnames:\n  - cat # c\n  - 'do''g'\n",
            b"names:\n  0: a\n  1: b\n",
            b"names: {0: a, 1: b}\n",
        ),
    ),
    "open-images": Target(
        label_file("open-images", "o.csv"), (b"ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/1,0.1,0.5,0.2,1\n",)
    ),
    "csv": Target(
        label_file("csv", "c.csv"),
        (b'file_name,class_name\na.png,"x, y"\nb.png,\n', b"file_name,class_name\ra.png,x\r"),
    ),
    "csv-boxes": Target(
        label_file("csv-boxes", "c.csv"), (b"file_name,classes,xmin,ymin,xmax,ymax\na.png,x;y,1,2,3,4\n",)
    ),
    "remo": Target(
        label_file("remo", "r.json"),
        (as_json([{"file_name": "a.png", "task": "Image classification", "classes": ["x"]}]),),
    ),
    "remo-boxes": Target(label_file("remo-boxes", "r.json"), (as_json([REMO_BOX]),)),
    "npy": Target(parse_npy, npy_seeds()),
    "structured": Target(
        parse_structured,
        (
            as_json([{"sampleId": 1, "boundingBoxes": [{"label": 1, "x": 1, "y": 2, "w": 3, "h": 4}]}]),
            as_json({"version": 1, "samples": []}),
        ),
    ),
    "picture": Target(lambda data: load_image(data, ImageSpec(8, 8), SMALL), image_seeds()),
    "train-input": Target(document(parse_train_input), (as_json(TRAIN_INPUT | {"trainTestSplit": 0.2}),)),
    "parameters": Target(
        parse_parameters_and_use_them,
        (
            as_json([PARAMETER]),
            as_json(BLOCK | {"parameters": [PARAMETER]}),
        ),
    ),
    "block-config": Target(
        document(parse_block_config), (as_json({"version": 2, "config": {"h": {"organizationId": 1, "id": 2}}}),)
    ),
    "deployment": Target(document(parse_deployment_metadata), (as_json(DEPLOYMENT),)),
}
