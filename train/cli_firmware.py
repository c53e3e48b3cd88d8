"""`package` and `profile`: a trained model as a C library, and what it takes on a microcontroller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ei_compat.errors import DataError
from train import console
from train.console import Columns

if TYPE_CHECKING:
    from firmware.package import Packaged
    from firmware.profile import Profile

AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
COUNT = typer.Option(True, help="Count instructions in QEMU where it is installed; without it they are estimates.")


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile as the terminal shows it; without `layers` only what the model takes in all."""

    profile: Profile
    title: str
    layers: bool = True

    def as_json(self) -> dict[str, Any]:
        """See `Profile.as_json`."""
        return self.profile.as_json()

    def as_tables(self) -> list[Columns]:
        """What it takes beside TensorFlow Lite Micro, and each layer."""
        return [self._totals(), self._by_layer()] if self.layers else [self._totals()]

    def _totals(self) -> Columns:
        p = self.profile
        rows = [
            _versus("flash", p.flash_bytes, p.tflite_bytes, "B"),
            _versus("RAM (arena)", p.arena_bytes, p.tflm_arena_bytes, "B"),
            _versus("instructions", p.instructions, p.tflm_instructions, ""),
        ]
        zeros = f"{100 * (1 - p.nonzero / p.weights):.0f} % of the weights are zero; " if p.weights else ""
        stack = f"stack {p.stack_bytes} B; " if p.stack_bytes is not None else ""
        times = ", ".join(f"{board} {time.milliseconds:.0f} ms" for board, time in p.times.items())
        caption = (
            f"{zeros}{stack}flash: {p.flash_method}, instructions: {p.method}; estimates: {times}. TensorFlow Lite Micro: "
            "the .tflite without its interpreter, whole tensors without its bookkeeping, its usual cost per multiplication"
        )
        return Columns(self.title, ["", "ei-train", "TFLM", "less"], rows, caption)

    def _by_layer(self) -> Columns:
        rows = [
            [
                layer.name,
                f"{layer.input_shape} > {layer.output_shape}",
                layer.encoding,
                f"{100 * layer.nonzero / layer.weights:.0f} %" if layer.weights else "",
                f"{layer.bytes:,}",
                f"{layer.instructions:,}",
                f"{layer.dense_instructions:,}",
            ]
            for layer in self.profile.layers
        ]
        header = ["layer", "shapes", "weights", "not zero", "bytes", "instructions", "dense"]
        return Columns("Layers", header, rows)


def _versus(name: str, ours: int, theirs: int, unit: str) -> list[str]:
    less = f"{100 * (1 - ours / theirs):.0f} %" if theirs else ""
    return [name, f"{ours:,} {unit}".strip(), f"{theirs:,} {unit}".strip(), less]


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package as the terminal shows it."""

    packaged: Packaged
    profile: Profile

    def as_json(self) -> dict[str, Any]:
        """The file, what is in it, and what it takes on a board."""
        done = self.packaged
        return {
            "path": str(done.path),
            "target": done.target,
            "size": done.size,
            "sha256": done.sha256,
            "files": done.files,
            "labels": list(done.job.labels),
            "profile": self.profile.as_json(),
        }

    def as_tables(self) -> list[Columns]:
        """What the model takes, titled by the file."""
        done = self.packaged
        return ProfileView(self.profile, f"{done.path}: {done.target}, {done.size:,} bytes", layers=False).as_tables()


def package(
    source: Path = typer.Argument(help="A finished run's folder, or an INT8 .tflite file.", show_default=False),
    name: str = typer.Option(..., help="Of the library: letters, digits, hyphens, underscores."),
    version: str = typer.Option(..., help="Such as 3 or 1.0.2."),
    target: str = typer.Option("esp-idf", help="esp-idf, arduino or linux (an .eim for the Linux SDKs)."),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="The file to write; NAME-vVERSION.zip or .eim in this folder without it. "
        "With --target linux a name in .zip gets the sources.",
    ),
    labels: Path | None = typer.Option(None, help="A file with one label per line; a run's folder has its own."),
    picture: Path | None = typer.Option(
        None, help="The picture that the example classifies and the self-test compares; a test card without it."
    ),
    features: bool = typer.Option(False, "--features", help="The input is no picture, although its shape could be one."),
    count: bool = COUNT,
    as_json: bool = AS_JSON,
) -> None:  # fmt: skip
    """Make the C library of a model: an ESP-IDF component, an Arduino library, or a Linux runner."""
    from firmware.package import package as make_package
    from firmware.profile import profile_model

    packaged = make_package(
        source, name=name, version=version, target=target, output=output, labels=labels, picture=picture,
        features=features,
    )  # fmt: skip
    profile = profile_model(packaged.job.tflite, file=source, count=count)
    console.show(PackageView(packaged, profile), as_json=as_json)


def profile(
    model: Path = typer.Argument(help="An INT8 .tflite file, or a finished run's folder.", show_default=False),
    count: bool = COUNT,
    as_json: bool = AS_JSON,
) -> None:
    """Show what a model takes: flash, memory and instructions, in total and per layer."""
    from firmware.packages.job import INT8_FILE
    from firmware.profile import profile_file

    file = model / INT8_FILE if model.is_dir() else model
    if not file.is_file():
        raise DataError("there is no such file", where=file, fix="give an INT8 .tflite file or a run's folder")
    console.show(ProfileView(profile_file(file, count=count), str(file)), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(package)
    app.command()(profile)
