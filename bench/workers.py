"""Trains with two processes on this machine, kills one of them at several moments, and goes on; or compares accuracy.

    python -m bench.workers ends
    python -m bench.workers accuracy DATA [OPTION ...]

`ends` draws a small set. Where one process is killed the other must say so in one line and end with exit code 4, and
`--resume` on both must finish; once the chief goes on alone it needs nobody any more. `accuracy` trains on DATA with
two processes and with one, with these options of `ei-train train`, and prints what either reaches and its seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.bench_conversion import ROOT, ei_train

SMALL = [
    *("--image-size", "32", "--weights", "none", "--epochs", "2", "--fine-tune-epochs", "3", "--min-steps", "0"),
    *("--head-units", "8", "--head-dropout", "0", "--max-int8-drop", "1", "--max-prune-drop", "1"),
]
SECONDS = 420
LOST = "error: TF_CONFIG: another process of the cluster is lost; run again with --resume to go on, on all of them"
CHIEF, WORKER = 0, 1
TRAINING, TUNING, WAITING, ALONE = "Training model", "Epoch 1/3", "Waiting for the chief", "Finished training"
KILLS = {  # who is killed, at whose line; exit codes of chief and worker
    "worker while the head is trained": (WORKER, CHIEF, TRAINING, (4, -9)),
    "worker while fine-tuning": (WORKER, CHIEF, TUNING, (4, -9)),
    "chief while fine-tuning": (CHIEF, WORKER, TUNING, (-9, 4)),
    "worker while the chief goes on alone": (WORKER, WORKER, WAITING, (0, -9)),
    "chief while it goes on alone": (CHIEF, CHIEF, ALONE, (-9, 4)),
}


class End(NamedTuple):
    """How a process ended."""

    code: int
    output: str
    errors: list[str]


def main() -> None:
    """Prints what happened, and ends with 1 where something was not as it must be."""
    with tempfile.TemporaryDirectory() as scratch:
        if sys.argv[1:] == ["ends"]:
            sys.exit(ends(Path(scratch)))
        if sys.argv[1:2] != ["accuracy"] or len(sys.argv) < 3:
            sys.exit(__doc__)
        accuracy(Path(sys.argv[2]), Path(scratch), sys.argv[3:])


def ends(folder: Path) -> bool:
    """Whether anything went wrong."""
    ei_train("demo", folder / "demo", "--per-class", "12")
    data, out, wrong = folder / "demo", folder / "out", False

    def say(what: str, found: list[End], codes: tuple[int, int], also: bool = True) -> None:
        nonlocal wrong
        good = tuple(end.code for end in found) == codes and also
        wrong |= not good
        print(f"{'as it must be' if good else 'WRONG'}: {what}: {[end.code for end in found]}", flush=True)
        for end in found:
            print(*(f"    {line}" for line in end.errors), sep="\n", flush=True)

    say("a whole run", together(data, out, SMALL), (0, 0))
    again = together(data, out, SMALL)
    say("the same again", again, (2, 2), all("--overwrite" in end.errors[-1] for end in again))
    say("a finished run resumed", together(data, out, [*SMALL, "--resume"]), (0, 0))
    for what, (victim, watched, line, codes) in KILLS.items():
        shutil.rmtree(out)
        found = together(data, out, SMALL, victim, watched, line)
        said = all(end.errors == [LOST] for end in found if end.code == 4)
        say(f"{what}, killed", found, codes, said)
        say("    and resumed", together(data, out, [*SMALL, "--resume"]), (0, 0))
        wrong |= not (out / "report.json").exists()
    return wrong


def together(
    data: Path, out: Path, options: list[str], victim: int = -1, watched: int = 0, line: str = ""
) -> list[End]:
    """Runs two processes to their ends; kills the victim once the watched one has printed the line."""
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second)]
    processes = [start(data, out, options, {"worker": hosts}, index) for index in range(2)]
    outputs: list[list[str]] = [[], []]

    def read(index: int) -> None:
        for text in processes[index].stdout or ():
            outputs[index].append(text)
            if index == watched and line and text.startswith(line):
                processes[victim].kill()

    readers = [threading.Thread(target=read, args=(index,)) for index in range(2)]
    for reader in readers:
        reader.start()
    timer = threading.Timer(SECONDS, lambda: [process.terminate() for process in processes])
    timer.start()
    errors = [process.stderr.read().splitlines() for process in processes]
    for reader in readers:
        reader.join()
    timer.cancel()
    return [
        End(process.wait(), "".join(output), error)
        for process, output, error in zip(processes, outputs, errors, strict=True)
    ]


def start(
    data: Path, out: Path, options: list[str], cluster: dict[str, list[str]] | None, index: int
) -> subprocess.Popen[str]:
    """Starts one process of the cluster, with one thread, or one that is alone."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    if cluster is not None:
        config = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment |= {"TF_CONFIG": json.dumps(config), "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    command = [sys.executable, "-m", "train", "train", "--data-directory", data, "--out-directory", out]
    return subprocess.Popen(
        [*map(str, command), "--log-format", "plain", *options],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def accuracy(data: Path, folder: Path, options: list[str]) -> None:
    """Prints the accuracy of both files on each set, with one process and with two, and the seconds."""
    for count in (1, 2):
        began, out = time.monotonic(), folder / str(count)
        if count == 1:
            process = start(data.resolve(), out, options, None, 0)
            process.communicate()
            codes = [process.returncode]
        else:
            codes = [end.code for end in together(data.resolve(), out, options)]
        seconds = time.monotonic() - began
        metrics = json.loads((out / "report.json").read_text())["metrics"]
        shares = {k: {s: round(one["accuracy"], 4) for s, one in by_set.items()} for k, by_set in metrics.items()}
        print(f"{count} processes: exit {codes}, {seconds:.0f} s, {shares}", flush=True)


if __name__ == "__main__":
    main()
