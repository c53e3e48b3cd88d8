"""What a package is made of: names, labels and a model, checked before anything is compiled or written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ei_compat.block.run_folder import LABELS, RunFolder, read_labels
from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import read_at_most
from firmware.compiler import CompiledModel, CompiledTensor, compile_model
from firmware.packages.golden import Golden, Reference, golden_input
from firmware.packages.scaling import Scaling, scaling

SENSORS = ("camera", "microphone", "accelerometer", "9dof", "environmental", "fusion", "unknown")
BACKGROUND = "background"  # the first class of a FOMO head, which is no label
MOST_HERTZ = 1e6
MOST_BYTES = 64 << 20  # of a .tflite; no microcontroller has more flash
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")  # with its suffix an Arduino library's may have 63
NUMBER = r"(0|[1-9]\d{0,8})"
VERSION = re.compile(rf"{NUMBER}(?:\.{NUMBER})?(?:\.{NUMBER})?")


@dataclass(frozen=True, slots=True)
class PackageSpec:
    """Everything that goes into a package.

    Attributes:
        name: the package's name as people write it.
        version: as it was given, such as "3".
        labels: in the order of the outputs.
        regression: whether the outputs are numbers rather than scores of classes.
        tflite: the model file's bytes.
        model: the model compiled.
        sensor: where the input comes from, one of `SENSORS`.
        axes: how many values belong to one reading of it.
        frequency: readings a second; 0 where nobody said.
        scaling: what the model wants pixels to be; None where the input is a vector of real values.
        output: which of the model's outputs the labels belong to.
        cells: rows and columns of a FOMO head's output; None for a classifier.
        golden: the built-in input and the output bytes it must give.
        reference: the reference kernels on the model.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    regression: bool
    tflite: bytes
    model: CompiledModel
    sensor: str
    axes: int
    frequency: float
    scaling: Scaling | None
    output: int
    cells: tuple[int, int] | None
    golden: Golden
    reference: Reference

    @property
    def image(self) -> bool:
        """Whether the input is a picture."""
        return self.scaling is not None

    @property
    def result(self) -> CompiledTensor:
        """The output that the labels belong to."""
        return self.model.outputs[self.output]

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
        return self.golden.pixels.shape[0] * self.golden.pixels.shape[1] if self.image else self.golden.features.size


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


def prepare(
    source: Path,
    *,
    name: str,
    version: str,
    labels: Path | None,
    image: Path | None,
    sensor: str | None,
    axes: int | None,
    frequency: float | None,
    input_scaling: str | None,
    max_ram: int | None,
) -> PackageSpec:
    """Reads, checks and compiles.

    Args:
        source: a finished run's folder or a `.tflite` file.
        name: of the package.
        version: of the package.
        labels: a file of labels, one per line; a run's folder has its own, a file may have a `labels.txt` beside it.
        image: the picture to build in; without it a test card.
        sensor: where the input comes from; without it the input's shape decides whether that is a camera.
        axes: values of one reading of the sensor, where the input is the readings themselves; by default 1.
        frequency: readings a second.
        input_scaling: what pixels were made into for training; without it what the run's folder says, or else what the
            input's quantisation shows.
        max_ram: bytes that the arena may have at most.

    Raises:
        UsageError: an option that cannot be.
        DataError: files that are missing, broken or do not fit together.
        ExportError: a model that cannot be compiled, or not into so little memory.
    """
    check_name(name)
    parse_version(version)
    if sensor is not None and sensor not in SENSORS:
        raise UsageError(f"no sensor {sensor!r}", where="--sensor", fix="use " + ", ".join(SENSORS))
    file, names = _find(source, labels)
    data = read_at_most(file, MOST_BYTES)
    model = compile_model(data, name=name, file=str(file), max_ram=max_ram)
    output, cells, names = _labelled(model, names, source)
    run = RunFolder(source.parent if source.is_file() and labels is None else source)
    shape = model.input.shape
    could_be = len(shape) == 4 and shape[0] == 1 and shape[3] in {1, 3}
    trained = source.is_dir() or run.mode() is not None
    sensor = sensor or ("camera" if could_be and (trained or _looks_like_image(shape)) else "unknown")
    if sensor == "camera" and not could_be:
        raise UsageError(f"the model's input {list(shape)} is no picture", where="--sensor", fix="use another")
    chosen = None
    if sensor == "camera":
        chosen = scaling(input_scaling or run.input_scaling(), model.input)
    elif image is not None or input_scaling is not None:
        where = "--picture" if image is not None else "--input-scaling"
        fix = "add --sensor camera" if could_be else None
        raise UsageError(f"the model's input {list(shape)} is not taken for a picture", where=where, fix=fix)
    reference = Reference(data, model)
    golden = golden_input(reference, model, chosen, image, output)
    regression = run.mode() == "regression"
    _check_readings(axes, frequency, model.input, sensor)
    read = (sensor, axes or 1, frequency or 0.0)
    return PackageSpec(name, version, names, regression, data, model, *read, chosen, output, cells, golden, reference)


def _check_readings(axes: int | None, frequency: float | None, tensor: CompiledTensor, sensor: str) -> None:
    """Raises UsageError where the input cannot be readings of so many values."""
    if sensor == "camera" and (axes is not None or frequency is not None):
        where = "--axes" if axes is not None else "--frequency"
        raise UsageError("a camera has neither axes nor a frequency here", where=where, fix="leave the option out")
    if axes is not None and (axes < 1 or _values(tensor) % axes):
        raise UsageError(
            f"the input's {_values(tensor)} values are no readings of {axes}", where="--axes", fix="give a divisor"
        )
    if frequency is not None and not 0 < frequency <= MOST_HERTZ:
        raise UsageError(f"{frequency:g} is no frequency", where="--frequency", fix="give readings a second")


def _looks_like_image(shape: tuple[int, ...]) -> bool:
    """Whether an input that could be a picture is taken for one: spectrograms and windows of motion have its shape too.

    Three channels and no side of a few pixels, or one channel and a camera's shape.
    """
    _, height, width, channels = shape
    long, short = max(height, width), min(height, width)
    if channels == 3:
        return short >= 4 and long <= 4 * short
    return short >= 8 and any(long * b == short * a for a, b in ((1, 1), (4, 3), (3, 2), (16, 9)))


def _values(tensor: CompiledTensor) -> int:
    count = 1
    for side in tensor.shape:
        count *= side
    return count


def _labelled(
    model: CompiledModel, names: tuple[str, ...], source: Path
) -> tuple[int, tuple[int, int] | None, tuple[str, ...]]:
    """Which output the labels belong to, the cells of a FOMO head, and the labels without a head's background."""
    for number, tensor in enumerate(model.outputs):
        shape = tensor.shape
        if len(shape) == 4 and shape[0] == 1 and shape[1] * shape[2] > 1 and shape[3] > 1:
            own = names[1:] if len(names) == shape[3] and names[0].lower() == BACKGROUND else names
            if len(own) == shape[3] - 1:
                return number, (shape[1], shape[2]), own
    fitting = [i for i, tensor in enumerate(model.outputs) if _values(tensor) == len(names)]
    if len(fitting) != 1:
        found = ", ".join(f"{_values(t)} outputs {list(t.shape)}" for t in model.outputs)
        raise DataError(
            f"the model has {found}, but there are {len(names)} labels",
            where=source, fix="give the labels that the model was trained with, one per line in a file, as --labels",
        )  # fmt: skip
    return fitting[0], None, names


def _find(source: Path, labels: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The model's file and the labels."""
    if source.is_dir():
        run = RunFolder(source)
        run.check_finished()
        return run.int8_model(), run.labels() if labels is None else read_labels(labels)
    if not source.is_file():
        raise DataError("there is no such file or folder", where=source, fix="give a run's folder or a .tflite file")
    beside = source.parent / LABELS
    if labels is None and not beside.is_file():
        raise UsageError(
            f"{source.name} has no labels with it", where="--labels", fix="name a file with one label per line"
        )
    return source, read_labels(labels or beside)
