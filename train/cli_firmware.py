"""`profile`: what a model takes on a microcontroller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from train import console
from train.console import Columns

if TYPE_CHECKING:
    from firmware.profile import Profile

MODEL = typer.Argument(help="An INT8 .tflite file.", show_default=False)


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A profile as the terminal shows it."""

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
            ("arena, bytes", f"{p.arena_bytes:,}", f"{p.tflm_arena_bytes:,}", "exact", "at least: its whole tensors"),
            ("stack, bytes", stack, "", "painted, in QEMU", ""),
            ("instructions", f"{p.instructions:,}", f"{p.tflm_instructions:,}", p.method, "estimate: 9.4 per MAC"),
            ("the same, all dense", f"{p.dense_instructions:,}", "", "estimate", ""),
        ]
        rows += [(f"{board}, ms", f"{t.milliseconds:g}", "", t.formula, "") for board, t in p.times.items()]
        caption = f"{p.macs:,} multiply-accumulates, {p.nonzero:,} of {p.weights:,} weights are not zero"
        return Columns(str(self.model), ["", "this", "TFLM", "this one's source", "TFLM's source"], rows, caption)

    def _layers(self) -> Columns:
        header = ["layer", "input", "output", "weights", "encoding", "bytes", "dense", "instructions", "dense"]
        rows = [
            [
                layer.name, layer.input_shape, layer.output_shape, f"{layer.nonzero:,}/{layer.weights:,}",
                layer.encoding, f"{layer.bytes:,}", f"{layer.dense_bytes:,}", f"{layer.instructions:,}",
                f"{layer.dense_instructions:,}",
            ]
            for layer in self.profile.layers
        ]  # fmt: skip
        return Columns("Layers", header, rows)


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""

    @app.command()
    def profile(
        model: Path = MODEL,
        estimate: bool = typer.Option(False, "--estimate", help="Estimate, even where QEMU could count."),
        json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    ) -> None:
        """Flash, memory and instructions of a model, per layer, against TensorFlow Lite Micro."""
        from firmware.profile import profile_file

        console.show(ProfileView(profile_file(model, count=not estimate), model), as_json=json)
