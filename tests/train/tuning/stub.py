"""In place of training: a process that takes train's arguments, counts epochs, and says how good such a network is.

As train does, it locks its folder, keeps a checkpoint, goes on from it, and writes the report last. What it did stands
beside the folder, a line for each thing: `begin`, `resume`, `epoch N`, `end`. `EI_STUB` names a JSON file with `report`
(a finished run's), `seconds` of an epoch, and maybe `exit`, the code with which every process ends at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.tuning.launch import bind

EPOCHS = {"quick": 2, "default": 5, "thorough": 15}
Options = dict[str, str]


def cost_of(options: Options) -> tuple[int, int, int, int]:
    """RAM, RAM with the whole input, flash, instructions; larger with the width, the picture and what is kept."""
    alpha, side = float(options.get("alpha", "0.35")), int(options.get("image_size", "160"))
    kept = 1 - float(options.get("final_sparsity", "0.8"))
    return round(300 * alpha * side), round(900 * alpha * side), round(2e6 * alpha * kept), round(5e3 * alpha * side**2)


def accuracy_of(options: Options) -> float:
    """What costs more is better, and longer training too."""
    alpha, side = float(options.get("alpha", "0.35")), int(options.get("image_size", "160"))
    zeros, effort = float(options.get("final_sparsity", "0.8")), options.get("effort", "default")
    base = 1 - 0.2 / (1 + 4 * alpha) - 8 / side - 0.3 * max(0.0, zeros - 0.75)
    return round(base - 0.1 / EPOCHS[effort] + 0.001 * (int(options.get("seed", "1")) % 3), 6)


def options_of(arguments: list[str]) -> Options:
    """Options with a value, by the recipe's names."""
    pairs = zip(arguments, [*arguments[1:], "--"], strict=True)
    return {
        name[2:].replace("-", "_"): value
        for name, value in pairs
        if name.startswith("--") and not value.startswith("--")
    }


def report_of(template: dict[str, Any], options: Options) -> dict[str, Any]:
    """The template with the figures of this run."""
    ram, whole, flash, instructions = cost_of(options)
    own = template["board"]["own"] | {"ram_bytes": whole, "flash_bytes": flash, "instructions": instructions}
    scores = dict(template["metrics"]["int8"])
    scores["validation"] = scores["validation"] | {"accuracy": accuracy_of(options)}
    board = template["board"] | {"own": own, "rows_ram_bytes": ram}
    return template | {"board": board, "metrics": template["metrics"] | {"int8": scores}, "checks": []}


def on_ray() -> Callable[[Any], Any]:
    """A Ray task with the stub in training's place; it goes to the workers by value, with what they do not inherit."""
    program, settings = __file__, os.environ["EI_STUB"]

    def trial(order: Any) -> Any:
        from train.tuning import ray_node, running

        running.PROGRAM, os.environ["EI_STUB"] = (program,), settings
        return ray_node.trial(order)

    return trial


def main() -> None:
    """Trains, so to speak."""
    parent, cores, *arguments = sys.argv[1:]
    bind(int(parent), cores)
    settings, options = json.loads(Path(os.environ["EI_STUB"]).read_text()), options_of(arguments)
    if code := settings.get("exit"):
        sys.stderr.write(
            json.dumps({"event": "error", "what": "it went wrong", "where": "here", "fix": "mend it"}) + "\n"
        )
        sys.exit(code)
    folder = Path(options["out_directory"])
    folder.mkdir(exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    checkpoint = folder / "checkpoint.npz"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    with folder.with_suffix(".did").open("a", buffering=1) as did:
        did.write("resume\n" if done else "begin\n")
        for epoch in range(done, EPOCHS[options["effort"]]):
            time.sleep(settings["seconds"])
            partial = checkpoint.with_suffix(".part")
            partial.write_text(str(epoch + 1))
            partial.replace(checkpoint)
            did.write(f"epoch {epoch}\n")  # a test may kill who wrote this line
        report = report_of(json.loads(Path(settings["report"]).read_text()), options)
        partial = folder / "report.part"
        partial.write_text(json.dumps(report))
        partial.replace(folder / "report.json")
        checkpoint.unlink()
        did.write("end\n")


if __name__ == "__main__":
    main()
