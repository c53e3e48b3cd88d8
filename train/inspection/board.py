"""What the INT8 model takes on a board, by the firmware package's own compiler, against TensorFlow Lite Micro."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from firmware.profile import Profile


@dataclass(frozen=True, slots=True)
class Needs:
    """What one runtime needs for one inference.

    Attributes:
        ram_bytes: of the arena, with the whole input in it; TensorFlow Lite Micro's is a lower bound.
        flash_bytes: of weights and, but for TensorFlow Lite Micro, code.
        instructions: of RV32IMC.
        milliseconds: estimated, by chip.
    """

    ram_bytes: int
    flash_bytes: int
    instructions: int
    milliseconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Board:
    """The model on a microcontroller.

    Attributes:
        own: of the library that `ei-train package` writes.
        tflm: of TensorFlow Lite Micro: its whole tensors, the whole file, and what its kernels took elsewhere.
        rows_ram_bytes: of the library's arena where the input comes row by row.
        flash_method, instructions_method: how the library's were found: an estimate, or measured.
        chips: by chip how milliseconds were estimated.
        macs: multiply-accumulates of one inference, zeros included.
        nonzero, weights: how many weights are not zero, of how many.
    """

    own: Needs
    tflm: Needs
    rows_ram_bytes: int
    flash_method: str
    instructions_method: str
    chips: Mapping[str, str]
    macs: int
    nonzero: int
    weights: int


def board_of(int8_file: bytes) -> Board:
    """Compiles the model and estimates what it takes; `ei-train profile` also counts, where QEMU is installed.

    Raises:
        EiTrainError: the compiler refuses it, and says why.
    """
    from firmware.profile import profile_model  # takes a moment, as a rule in the other process

    return from_profile(profile_model(int8_file, count=False))


def from_profile(profile: Profile) -> Board:
    """The same of a profile that is there already."""
    times = {chip: estimate.milliseconds for chip, estimate in profile.times.items()}
    slower = profile.tflm_instructions / max(profile.instructions, 1)
    return Board(
        own=Needs(profile.arena_bytes, profile.flash_bytes, profile.instructions, times),
        tflm=Needs(
            profile.tflm_arena_bytes,
            profile.tflite_bytes,
            profile.tflm_instructions,
            {chip: round(value * slower, 1) for chip, value in times.items()},
        ),
        rows_ram_bytes=profile.rows_arena_bytes,
        flash_method=profile.flash_method,
        instructions_method=profile.method,
        chips={chip: estimate.formula.removeprefix("estimate: ") for chip, estimate in profile.times.items()},
        macs=profile.macs,
        nonzero=profile.nonzero,
        weights=profile.weights,
    )


def read_board(document: Mapping[str, Any]) -> Board:
    """The board of a `report.json`."""
    return Board(**dict(document) | {name: Needs(**document[name]) for name in ("own", "tflm")})


class BoardElsewhere:
    """The board of a file, found by a process of its own while this one goes on; it ends with the block.

    The compiler is plain Python, and so would have to wait for, or hold up, everything else in one process. Where the
    other fails, this one tries, and says why.

    Args:
        int8_file: where the model will lie when `begin` is called.
    """

    def __init__(self, int8_file: Path) -> None:
        self._file = int8_file

    def __enter__(self) -> Self:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # such as no room for another process
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, self._file],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process, which ends the other
            )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            with self._process:
                self._process.kill()

    def begin(self) -> None:
        """Says that the file is there; until then the other has made itself ready."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it is gone, and `board` finds out
                os.write(self._process.stdin.fileno(), b"begin\n")

    def board(self) -> Board:
        """Waits for it; raises what `board_of` does."""
        if self._process is not None:
            said, _ = self._process.communicate()
            if not self._process.returncode:
                return read_board(json.loads(said))
        return board_of(self._file.read_bytes())


def _answer(int8_file: Path) -> None:
    """What the other process does: it makes itself ready, waits for the word, and ends where none comes."""
    import firmware.profile  # noqa: F401 - that `board_of` needs

    if not sys.stdin.readline():
        sys.exit(1)
    json.dump(asdict(board_of(int8_file.read_bytes())), sys.stdout)


if __name__ == "__main__":
    _answer(Path(sys.argv[1]))
