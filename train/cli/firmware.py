"""`package` and `profile`: a trained model as a C library, and what it takes on a microcontroller."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer

from ei_compat.block.run_folder import RunFolder
from ei_compat.core.words import counted
from train.cli import console, names, units
from train.cli.examples import examples
from train.result import Columns

if TYPE_CHECKING:
    from firmware.compiler import CompiledLayer
    from firmware.package import Packaged
    from firmware.profile import Choice, Profile

MODEL = typer.Argument(help="A finished run's folder, or an INT8 .tflite file.", show_default=False)
ESTIMATE = typer.Option(False, "--estimate", help="Estimate, even where QEMU could count.")
AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile as the terminal shows it."""

    schema: ClassVar[str] = "profile/1"
    profile: Profile
    model: Path

    def as_json(self) -> dict[str, Any]:
        """See `Profile.as_json`."""
        return {"model": str(self.model)} | self.profile.as_json()

    def as_tables(self) -> list[Columns]:
        """Totals against TensorFlow Lite Micro, then one row per layer."""
        return [self._totals(), self._layers()]

    def _totals(self) -> Columns:
        p = self.profile
        stack = "not measured" if p.stack_bytes is None else f"{p.stack_bytes:,}"
        rows = [
            ("flash, bytes", f"{p.flash_bytes:,}", f"{p.tflite_bytes:,}", p.flash_method, "the whole .tflite, no code"),
            (
                "arena, bytes",
                f"{p.rows_arena_bytes:,}",
                f"{p.tflm_arena_bytes:,}",
                "exact",
                "at least: its whole tensors",
            ),
            ("with the whole input", f"{p.arena_bytes:,}", "", "exact", ""),
            ("stack, bytes", stack, "", "painted, in QEMU", ""),
            ("instructions", f"{p.instructions:,}", f"{p.tflm_instructions:,}", p.method, "estimate: 9.4 per MAC"),
            ("on two cores", *_two_cores(p), ""),
            ("the same, all dense", f"{p.dense_instructions:,}", "", "estimate", ""),
        ]
        rows += [(f"{board}, ms", f"{t.milliseconds:g}", "", t.formula, "") for board, t in p.times.items()]
        caption = f"{p.macs:,} multiply-accumulates, {p.nonzero:,} of {p.weights:,} weights are not zero"
        return Columns(str(self.model), ["", "this", "TFLM", "this one's source", "TFLM's source"], rows, caption)

    def _layers(self) -> Columns:
        header = ["layer", "input", "output", "weights", "encoding", "bytes", "dense", "instructions", "dense"]
        rows = [[*_about(layer), *map("{:,}".format, _needs(layer))] for layer in self.profile.layers]
        return Columns("Layers", header, rows)


def _two_cores(p: Profile) -> tuple[str, str, str]:
    if p.two_workers is None:
        return "not measured", "", ""
    return f"{p.two_workers:,}", "", f"the longer core's: {p.instructions / p.two_workers:.2f} times as fast"


def _about(layer: CompiledLayer) -> tuple[str, ...]:
    shapes = ("x".join(map(str, shape)) for shape in (layer.input_shape, layer.output_shape))
    return layer.name, *shapes, f"{layer.nonzero:,}/{layer.weights:,}", layer.encoding


def _needs(layer: CompiledLayer) -> tuple[int, ...]:
    return layer.bytes, layer.dense_bytes, layer.instructions, layer.dense_instructions


@dataclass(frozen=True, slots=True)
class FrontView:
    """What less memory costs, as the terminal shows it."""

    schema: ClassVar[str] = "front/1"
    choices: tuple[Choice, ...]
    model: Path

    def as_json(self) -> dict[str, Any]:
        """The choices, the one with the fewest instructions first."""
        return {"model": str(self.model), "front": [asdict(choice) for choice in self.choices]}

    def as_tables(self) -> list[Columns]:
        """One row per choice."""
        least = self.choices[0].instructions
        rows = [
            (
                f"{c.rows_arena_bytes:,}",
                f"{c.arena_bytes:,}",
                f"{c.instructions:,}",
                f"{100 * (c.instructions / least - 1):+.1f} %" if c.again else "",
                ", ".join(c.again) or "none",
            )
            for c in self.choices
        ]
        header = ["arena, bytes", "with the whole input", "instructions", "more", "layers that run twice"]
        caption = "Instructions are estimates. package --max-ram takes the first row that fits."
        return [Columns(str(self.model), header, rows, caption)]


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package as the terminal shows it."""

    schema: ClassVar[str] = "package/1"
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
            "labels": list(done.spec.labels),
            "sensor": done.spec.sensor,
            "input_scaling": done.spec.scaling.name if done.spec.scaling else None,
            "inputs_checked": done.checked,
            "profile": self.profile.as_json(),
        }

    def as_tables(self) -> list[Columns]:
        """What the model takes beside TensorFlow Lite Micro."""
        done, p = self.packaged, self.profile
        rows = [
            _versus("flash", p.flash_bytes, p.tflite_bytes, " B"),
            _versus("RAM (arena)", p.rows_arena_bytes, p.tflm_arena_bytes, " B"),
            _versus("with the whole input", p.arena_bytes, p.tflm_arena_bytes, " B"),
            _versus("instructions", p.instructions, p.tflm_instructions, ""),
        ]
        facts = [_taken(done)]
        facts += [
            f"{counted(done.checked, 'input')} run here, every byte as the reference's" if done.checked else NOT_RUN
        ]
        facts += [f"{100 * (1 - p.nonzero / p.weights):.0f} % of the weights are zero"] if p.weights else []
        facts += [f"stack {p.stack_bytes} B"] if p.stack_bytes is not None else []
        facts += [f"flash {p.flash_method}", f"instructions by {p.method}"]
        times = ", ".join(f"{board} {time.milliseconds:.0f} ms" for board, time in p.times.items())
        caption = (
            f"{', '.join(facts)}. Estimates: {times}. TFLM: the whole .tflite without any code, "
            "at least its whole tensors, and 9.4 instructions per multiply-accumulate."
        )
        title = f"{done.path}: {done.target}, {done.size:,} bytes"
        return [Columns(title, ["", "ei-train", "TFLM", "less"], rows, caption)]


NOT_RUN = "not run here, for want of a C compiler: run its self-test on the board"


def _taken(done: Packaged) -> str:
    """What the input was taken for."""
    if done.spec.scaling:
        return f"input: pixels, scaled to {done.spec.scaling.name} (--input-scaling)"
    return f"input: {done.spec.values} real values, sensor {done.spec.sensor} (--sensor)"


def _versus(name: str, ours: int, theirs: int, unit: str) -> tuple[str, ...]:
    return name, f"{ours:,}{unit}", f"{theirs:,}{unit}", f"{100 * (1 - ours / theirs):.0f} %" if theirs else ""


def package(
    source: Path = MODEL,
    name: str = typer.Option(..., help="Of the library: letters, digits, hyphens, underscores."),
    version: str = typer.Option(..., help="Such as 3 or 1.0.2."),
    target: str = typer.Option(
        "esp-idf",
        autocompletion=names.TARGETS,
        help="esp-idf, arduino, or linux: a runner for Edge Impulse's Linux SDKs.",
    ),
    output: Path | None = typer.Option(
        None,
        "--output",
        "-o",
        help="The file to write; without it NAME-vVERSION.zip here, for arduino NAME-vVERSION-arduino.zip, for linux "
        "NAME-vVERSION.eim. For linux a .zip gets the sources.",
    ),
    labels: Path | None = typer.Option(
        None, help="A file with one label per line; else the run's, or labels.txt beside it."
    ),
    image: Path | None = typer.Option(
        None, "--picture", help="What the example classifies and the self-test compares; without it a test card."
    ),
    sensor: str | None = typer.Option(
        None,
        autocompletion=names.SENSORS,
        help="Where the input comes from: camera, microphone, accelerometer, 9dof, environmental, fusion, unknown; "
        "without it an input in a camera's shape is a picture.",
    ),
    axes: int | None = typer.Option(
        None, help="Values of one reading, such as 3 of an accelerometer, where the input is the readings themselves."
    ),
    frequency: float | None = typer.Option(None, help="Readings a second, such as 62.5; applications sample with it."),
    input_scaling: str | None = typer.Option(
        None,
        autocompletion=names.INPUT_SCALINGS,
        help="What pixels were made into for training: 0..1, -1..1, -128..127, 0..255, torch, "
        "bgr-subtract-imagenet-mean; without it what the run says or the model's input shows.",
    ),
    max_ram: str | None = typer.Option(
        None,
        help="What the arena may take at most, such as 32KiB; where it must, layers run twice, see profile --front.",
    ),
    estimate: bool = ESTIMATE,
    as_json: bool = AS_JSON,
) -> None:
    """Make the C library of a model: an ESP-IDF component, an Arduino library, or a Linux runner."""
    from firmware.package import package as make_package
    from firmware.profile import profile_compiled

    packaged = make_package(
        source,
        name=name,
        version=version,
        target=target,
        output=output,
        labels=labels,
        image=image,
        sensor=sensor,
        axes=axes,
        frequency=frequency,
        input_scaling=input_scaling,
        max_ram=None if max_ram is None else units.size(max_ram, "--max-ram"),
    )
    if output is None and target == "linux" and packaged.path.suffix == ".zip":
        console.warn(f"no C compiler here, so {packaged.path} holds the sources: run make where the model is to run")
    profile = profile_compiled(packaged.spec.model, len(packaged.spec.tflite), count=not estimate)
    console.show(PackageView(packaged, profile), as_json=as_json)


def profile(
    model: Path = MODEL,
    front: bool = typer.Option(
        False, "--front", help="Show what less memory costs: the arena against instructions where layers run twice."
    ),
    estimate: bool = ESTIMATE,
    as_json: bool = AS_JSON,
) -> None:
    """Flash, memory and instructions of a model, per layer, against TensorFlow Lite Micro."""
    from firmware import profile as profiles

    file = RunFolder(model).int8_model() if model.is_dir() else model
    if front:
        console.show(FrontView(profiles.front(file.read_bytes(), file=file), file), as_json=as_json)
        return
    console.show(ProfileView(profiles.profile_file(file, count=not estimate), file), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=examples("package"))(package)
    app.command(epilog=examples("profile"))(profile)
