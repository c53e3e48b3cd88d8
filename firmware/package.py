"""From a trained model to something to flash or run: the C library as a zip, or the Linux runner.

The zip is the same bytes for the same input, and appears whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import replaced_file
from ei_compat.core.progress import SILENT, Progress
from firmware.packages import arduino, esp_idf, linux, native, trial
from firmware.packages.archive import zip_bytes
from firmware.packages.library import FIRMWARE, Files
from firmware.packages.spec import PackageSpec, prepare

__all__ = ["TARGETS", "Packaged", "package"]

TARGETS: Mapping[str, Callable[[PackageSpec], Files]] = {
    "esp-idf": esp_idf.files,
    "arduino": arduino.files,
    "linux": linux.files,
}
LICENSE = FIRMWARE / "LICENSE"


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package that was written.

    Attributes:
        path: the file.
        target: what it is for.
        size: its bytes.
        sha256: its digest.
        files: how many files are in it; 1 for an executable.
        checked: how many inputs the compiled C was run on here, every byte as the reference has it; 0 where there is
            no C compiler.
        spec: what it was made of.
    """

    path: Path
    target: str
    size: int
    sha256: str
    files: int
    checked: int
    spec: PackageSpec


def package(
    source: Path,
    *,
    name: str,
    version: str,
    target: str = "esp-idf",
    output: Path | None = None,
    labels: Path | None = None,
    image: Path | None = None,
    sensor: str | None = None,
    axes: int | None = None,
    frequency: float | None = None,
    input_scaling: str | None = None,
    max_ram: int | None = None,
    progress: Progress = SILENT,
) -> Packaged:
    """Packages a model.

    Args:
        source: a finished run's folder, or an INT8 `.tflite` file with `labels`.
        name: of the library; letters, digits, hyphens, underscores.
        version: such as 3 or 1.0.2.
        target: `esp-idf`, `arduino` or `linux`.
        output: the file to write; by default, in the working directory, `{name}-v{version}.zip`, for `arduino`
            `{name}-v{version}-arduino.zip`, for `linux` `{name}-v{version}.eim`, or where there is no C
            compiler `{name}-v{version}-linux.zip`. With `linux` a name that ends in .zip gets the sources.
        labels: a file with one label per line.
        image: the picture that the example classifies and the self-test compares; by default a test card.
        sensor: where the input comes from: camera, microphone, accelerometer, 9dof, environmental, fusion or unknown.
            Without it an input in the shape of a picture is one.
        axes: values of one reading of the sensor, such as 3 of an accelerometer, where the input is the readings
            themselves; by default 1.
        frequency: readings a second, such as 62.5; what applications sample with.
        input_scaling: what pixels were made into for training, one of Edge Impulse's six names. Without it what the
            run says, or else what the input's quantisation shows.
        max_ram: bytes that the arena of `run_classifier` may have at most; where it must, layers run twice.
        progress: is told what is being done.

    Raises:
        UsageError: an option that cannot be.
        DataError: input that cannot be read or does not fit together, or output that cannot be written.
        ExportError: a model that cannot be compiled or does not fit into `max_ram`, no C compiler for `linux`, or
            compiled C that gives another byte than the reference.
    """
    if target not in TARGETS:
        raise UsageError(f"no target {target!r}", where="--target", fix="use " + ", ".join(TARGETS))
    executable = target == "linux" and (native.has_compiler() if output is None else output.suffix != ".zip")
    ending = ".eim" if executable else ".zip" if target == "esp-idf" else f"-{target}.zip"
    path = output or Path(f"{name}-v{version}{ending}")
    if path.is_dir():
        raise UsageError("is a folder", where=path, fix="name a file with -o")
    if not path.parent.is_dir():
        raise DataError("there is no such folder", where=path.parent, fix="make it first")
    with progress.task("package", 4, "steps") as task:
        spec = prepare(
            source, name=name, version=version, labels=labels, image=image, sensor=sensor, axes=axes,
            frequency=frequency, input_scaling=input_scaling, max_ram=max_ram,
        )  # fmt: skip
        task.advance()
        checked = trial.run(spec)
        task.advance()
        contents = TARGETS[target](spec)
        content = linux.build(contents) if executable else zip_bytes(_with_license(contents, target, spec))
        task.advance()
        with replaced_file(path) as stream:
            stream.write(content)
            if executable:
                Path(stream.name).chmod(0o755)
        task.advance()
    digest = hashlib.sha256(content).hexdigest()
    return Packaged(path, target, len(content), digest, 1 if executable else len(contents) + 1, checked, spec)


def _with_license(contents: Files, target: str, spec: PackageSpec) -> Files:
    """The zip's content with the licence of the engine at its root."""
    root = f"{spec.name}_inferencing/" if target == "arduino" else ""
    return contents | {f"{root}LICENSE": LICENSE.read_bytes()}
