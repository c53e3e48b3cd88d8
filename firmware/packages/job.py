"""What a package is made of: names, labels and a model, checked before anything is compiled or written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ei_compat.errors import DataError, FormatError, LimitError, UsageError
from firmware.compiler import CompiledModel, compile_model
from firmware.packages.golden import Golden, golden_input

INT8_FILE, LABELS_FILE, REPORT_FILE = "model_quantized_int8_io.tflite", "labels.txt", "report.json"
CONFIG_FILE, PIXEL_SCALING = "config.json", "0..1"
MOST_BYTES = 64 << 20  # of a .tflite; no microcontroller has more flash
MOST_LABELS = 1000
LONGEST_LABEL = 200  # bytes
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")  # with its suffix an Arduino library's may have 63
NUMBER = r"(0|[1-9]\d{0,8})"
VERSION = re.compile(rf"{NUMBER}(?:\.{NUMBER})?(?:\.{NUMBER})?")


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that goes into a package.

    Attributes:
        name: the package's name as people write it.
        version: as it was given, such as "3".
        labels: in the order of the outputs.
        tflite: the model file's bytes.
        model: the model compiled.
        picture: whether the input is a picture; otherwise it is a vector of real values.
        golden: the built-in input and the output bytes it must give.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    tflite: bytes
    model: CompiledModel
    picture: bool
    golden: Golden

    @property
    def full_version(self) -> str:
        """The version with three numbers, as component and library managers want it."""
        return ".".join(part or "0" for part in parse_version(self.version))

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of the picture."""
        _, height, width, channels = self.model.input.shape
        return height, width, channels

    @property
    def values(self) -> int:
        """Length of the signal that run_classifier reads: pixels of a picture, elements of anything else."""
        return self.golden.pixels.shape[0] * self.golden.pixels.shape[1] if self.picture else self.golden.features.size


def parse_version(version: str) -> tuple[str, str | None, str | None]:
    """The numbers of a version: 3, 3.1 or 3.1.4.

    Raises:
        UsageError: it is none.
    """
    match = VERSION.fullmatch(version)
    if match is None:
        raise UsageError(f"{version!r} is no version", where="--version", fix="use a number such as 3 or 1.0.2")
    return match[1], match[2], match[3]


def check_name(name: str) -> None:
    """A name that can be a file's, a component's and a library's.

    Raises:
        UsageError: it cannot.
    """
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot name a package", where="--name", fix="use up to 50 letters, digits, hyphens, underscores"
        )


def prepare(source: Path, *, name: str, version: str, labels: Path | None, picture: Path | None, features: bool) -> Job:
    """Reads, checks and compiles.

    Args:
        source: a finished run's folder or a `.tflite` file.
        name: of the package.
        version: of the package.
        labels: a file of labels, one per line; a run's folder has its own.
        picture: the picture to build in; without it a test card.
        features: take the input as a vector even if it has the shape of a picture.

    Raises:
        UsageError: an option that cannot be.
        DataError: files that are missing, broken or do not fit together.
        ExportError: a model that cannot be compiled.
    """
    check_name(name)
    parse_version(version)
    file, names = _find(source, labels)
    data = _read(file, MOST_BYTES)
    model = compile_model(data, name=name, file=str(file))
    if model.files.keys() & {*model.engine_sources, *model.engine_headers}:
        raise UsageError(f"{name!r} is the name of a part of the engine", where="--name", fix="use another")
    outputs = 1
    for side in model.output.shape:
        outputs *= side
    if outputs != len(names):
        raise DataError(
            f"the model has {outputs} outputs {list(model.output.shape)}, but there are {len(names)} labels",
            where=source, fix="give the labels that the model was trained with, one per line in a file, as --labels",
        )  # fmt: skip
    shape = model.input.shape
    is_picture = not features and len(shape) == 4 and shape[0] == 1 and shape[3] in {1, 3}
    if is_picture:
        _check_scaling(source)
    if picture is not None and not is_picture:
        raise UsageError(f"the model's input {list(shape)} is no picture", where="--picture")
    return Job(name, version, names, data, model, is_picture, golden_input(data, model, is_picture, picture))


def _check_scaling(source: Path) -> None:
    """Refuses a run whose model takes other pixels than the library makes, which would run and be wrong.

    Raises:
        DataError: its config.json names another scaling than 0..1, or is damaged.
    """
    path = source / CONFIG_FILE
    if not source.is_dir() or not path.is_file():
        return
    try:
        scaling = json.loads(path.read_bytes())["recipe"].get("input_scaling", PIXEL_SCALING)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DataError("is not the configuration of a run", where=path, fix="restore the file") from None
    if scaling != PIXEL_SCALING:
        raise DataError(
            f"the model takes pixels scaled to {scaling}, the library's functions for pictures make {PIXEL_SCALING}",
            where=source,
            fix="--features makes a library that is given the values themselves; or train with --input-scaling 0..1",
        )


def _find(source: Path, labels: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The model's file and the labels."""
    if source.is_dir():
        for name in (INT8_FILE, LABELS_FILE, REPORT_FILE):
            if not (source / name).is_file():
                raise DataError(
                    f"holds no {name}", where=source, fix="give the --out-directory of a run that has ended"
                )
        return source / INT8_FILE, read_labels(labels or source / LABELS_FILE)
    if not source.is_file():
        raise DataError("there is no such file or folder", where=source, fix="give a run's folder or a .tflite file")
    if labels is None:
        raise UsageError(
            f"{source.name} has no labels with it", where="--labels", fix="name a file with one label per line"
        )
    return source, read_labels(labels)


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({(error.strerror or 'error').lower()})", where=path) from None
    if len(data) > most:
        raise LimitError(f"is larger than {most} bytes", where=path)
    return data


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels of a file, one per line; empty lines at the end do not count.

    Raises:
        DataError: it cannot be read.
        FormatError: a line is empty, too long or there twice; names the line.
    """
    try:
        text = _read(path, MOST_LABELS * (LONGEST_LABEL + 2)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"is no UTF-8 text at byte {error.start}", where=path) from None
    labels = [line.strip() for line in text.rstrip().splitlines()]
    _check_labels(labels, path)
    return tuple(labels)


def _check_labels(labels: Sequence[str], path: Path) -> None:
    if not labels:
        raise FormatError("holds no label", where=path)
    if len(labels) > MOST_LABELS:
        raise LimitError(f"holds {len(labels)} labels, more than {MOST_LABELS}", where=path)
    for number, label in enumerate(labels, 1):
        where = f"{path}:{number}"
        if not label:
            raise FormatError("empty label", where=where)
        if len(label.encode()) > LONGEST_LABEL or not label.isprintable():
            raise FormatError("a label is too long or holds control characters", where=where)
        if label in labels[: number - 1]:
            raise FormatError(f"label {label!r} for the second time", where=where)
