"""What a search on networks that cost nothing to train does, watched from outside."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from train.cli.main import main

SPACE = """
alpha: [0.35, 0.5, 0.75, 1.0]
final_sparsity: {low: 0.5, high: 0.9, step: 0.1}
image_size: [160, 128, 96]
backbone: [mobilenet_v2, mobilenet_v1]
channels: 3
head: {head_units: "64", head_dropout: "0.3"}
epochs: 5
learning_rate: 0.001
fine_tune_learning_rate: 0.0005
augment: false
"""
MOST_RAM = 17_000


def run(arguments: list[str]) -> int:
    """Runs the program in this process; its exit code."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def histories(out: Path) -> dict[str, list[str]]:
    """What was done in each trial's folder."""
    return {path.stem: path.read_text().splitlines() for path in (out / "trials").glob("*.did")}


def sound(out: Path, digests: set[str]) -> None:
    """The same trials are finished, and none was begun twice."""
    found = histories(out)
    assert {digest for digest, lines in found.items() if lines[-1] == "end"} == digests
    for digest, lines in found.items():
        counts = Counter(lines)
        epochs = sorted(line for line in counts if line.startswith("epoch"))
        begun_again = counts["begin"] - 1  # only where it was killed before its first epoch
        assert begun_again <= 0 or lines[: begun_again + 1] == ["begin"] * (begun_again + 1), digest
        assert all(counts[line] <= 2 for line in epochs), digest
        assert counts["end"] == 1, digest


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for it, or for the end of the process; one that takes too long is ended, and what it said is told."""
    end = time.monotonic() + 200
    while not reached() and process.poll() is None:
        if time.monotonic() > end:
            process.kill()
            raise AssertionError(process.communicate()[0])
        time.sleep(0.01)


def workers(out: Path) -> dict[int, str]:
    """Processes that train in a folder of the search, with its name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        folder = next((word for word in words if word.startswith(f"{out}/trials/")), None)
        if folder is not None and "--out-directory" in words:
            found[int(path.parent.name)] = Path(folder).name
    return found


def ancestors(process: int) -> Iterator[int]:
    """The processes above one, from its parent on, as far as they are there."""
    while process > 1:
        try:
            status = Path(f"/proc/{process}/stat").read_text()
        except OSError:
            return  # it is gone
        process = int(status.rpartition(")")[2].split()[1])
        yield process


def did(out: Path, number: int) -> list[str]:
    """What was done where this process trains."""
    name = workers(out).get(number)
    return histories(out).get(name, []) if name else []
