"""Searches inside an image, as a user without an account there, on a read-only root and without a network.

    python -m bench.search_image [ei-train:tune] [local|ray|job]

Two real trials of the demo's data, as small as can be, and the winner's two further seeds. `ray` has its cluster in the
container, `job` is submitted by `ray job submit` to a head on the container's loopback. All that is left must be the
user's, and a winner among it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

USER = 1234
CONFINED = [
    *("--network", "none", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108 - the container's own
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", f"{USER}:{USER}"),
]
SPACE = """
backbone: mobilenet_v2
alpha: 0.35
image_size: 32
channels: 3
final_sparsity: {low: 0.5, high: 0.8, step: 0.1}
head: {head_units: "16", head_dropout: "0.2"}
weights: none
epochs: 1
fine_tune_epochs: 2
min_steps: 0
learning_rate: 0.001
fine_tune_learning_rate: 0.001
augment: false
"""
SEARCH = [
    *("tune", "/scripts/data", "/scripts/tuned", "--space", "/scripts/space.yaml", "--max-ram", "64KiB"),
    *("--trials", "2", "--rungs", "default", "--top", "1", "--workers", "1", "--log-format", "plain"),
]
HEAD = "ray start --head --disable-usage-stats --include-dashboard=true --dashboard-host=127.0.0.1 >/dev/null"
RUNS = 4  # two trials, and two further seeds of the better one


def inside(image: str, folder: Path, *arguments: str, entrypoint: str | None = None) -> None:
    """Runs a command in the image, the folder being its volume; ends the program where it fails."""
    options = [*CONFINED, "--volume", f"{folder}:/scripts", *(["--entrypoint", entrypoint] if entrypoint else [])]
    done = subprocess.run(["docker", "run", "--rm", *options, image, *arguments], check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(arguments)} ended with {done.returncode}")


def search(image: str, executor: str, folder: Path) -> None:
    """One search, by the executor."""
    match executor:
        case "job":
            command = shlex.join(["ei-train", *SEARCH, "--executor", "ray", "--ray-address", "auto"])
            job = f"ray job submit --address http://127.0.0.1:8265 -- {command}"
            inside(image, folder, "-c", f"{HEAD} && {job}", entrypoint="/bin/sh")
        case "ray":
            inside(image, folder, *SEARCH, "--executor", "ray")
        case _:
            inside(image, folder, *SEARCH)


def check(folder: Path) -> str:
    """What was found; ends the program where something lacks, or is somebody else's."""
    found = json.loads((folder / "tuned" / "tune.json").read_text())
    states = [each["state"] for each in found["trials"]]
    assert states == ["trained"] * 2, states
    finished = {path.parent.name for path in (folder / "tuned" / "trials").glob("*/report.json")}
    assert len(finished) == RUNS, finished
    assert (folder / "tuned" / "best" / "report.json").exists()
    others = [path for path in folder.rglob("*") if path.lstat().st_uid != USER and path.name != "space.yaml"]
    assert not others, others
    return f"{len(finished)} runs, of the winner {found['winner']['validation_by_seed']}"


def main() -> None:
    """Prints what the search said, and what was found of it."""
    image, executor = [*sys.argv[1:], *("ei-train:tune", "local")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.chown(folder, USER, USER)
        (folder / "space.yaml").write_text(SPACE)
        inside(image, folder, "demo", "data", "--per-class", "12")
        began = time.monotonic()
        search(image, executor, folder)
        print(f"{image} {executor}: {check(folder)} in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
