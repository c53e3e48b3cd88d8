"""`split` and `convert --to` each format on 20,000 small pictures, against a plain loop over the same files.

    python -m bench.bench_formats [PICTURES] [FORMAT ...]

The loop is what a person writes who knows the set: it reads every source file, takes a picture's size from its header
where the target holds sizes, links the picture, and writes the label files that our run wrote. Both are whole processes
that take turns in one run; CPU seconds are compared, since other work on the machine does not count there, and wall
seconds are shown. Of several turns the quickest counts on both sides. Our modules are compiled before, as they are
where the program is installed. The bars are twice the loop and 100 MB.
"""

# The plain loop is to be as fast as it can be.
# ruff: noqa: PTH103, PTH116, PTH118, PTH123

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BAR, MOST_MEMORY = 2.0, 100
TURNS = 3
CLASSES, BOXES = "classes", "boxes"
SOURCE = {
    "split": CLASSES,
    "ei": CLASSES,
    "folders": CLASSES,
    "file-names": CLASSES,
    "openmv": CLASSES,
    "csv": CLASSES,
    "remo": CLASSES,
    "arrays": CLASSES,
    "ei-labels": BOXES,
    "open-images": BOXES,
    "csv-boxes": BOXES,
    "remo-boxes": BOXES,
    "coco": BOXES,
    "yolo": BOXES,
    "voc": BOXES,
}
# Targets for which the loop needs the pictures' sizes: they hold them, or pixels where the source has shares.
SIZED = {"ei-labels", "csv-boxes", "remo", "remo-boxes", "coco", "voc"}
SIDE = 16  # pixels


def make(root: Path, count: int) -> None:
    """The same pictures as class folders and as a YOLO set."""
    from PIL import Image

    noise = random.Random(1)
    boxes, classes = root / BOXES, [root / CLASSES / f"class {number}" for number in range(10)]
    for folder in (boxes / "images", boxes / "labels", *classes):
        folder.mkdir(parents=True)
    (boxes / "classes.txt").write_text("a\nb\n")
    for number in range(count):
        image = classes[number % 10] / f"{number:06d}.jpg"
        Image.frombytes("RGB", (SIDE, SIDE), noise.randbytes(3 * SIDE * SIDE)).save(image)
        os.link(image, boxes / "images" / image.name)
        (boxes / "labels" / f"{number:06d}.txt").write_text(f"{number % 2} 0.5 0.5 0.25 0.25\n")


def plain(source: Path, done: Path, target: Path, kind: str) -> None:
    """Reads the source and writes what our run wrote into `done`, with nothing else done."""
    from PIL import Image

    content, images = {}, {}
    for folder, _, names in os.walk(source):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as stream:
                content[path] = len(stream.read())
            if name.endswith(".jpg"):
                images[os.stat(path).st_ino] = path
    if kind == "arrays":
        import numpy as np

        target.mkdir(parents=True)
        rows = np.lib.format.open_memmap(target / "x.npy", "w+", "float32", (len(images), SIDE, SIDE, 3))
        for at, path in enumerate(images.values()):
            rows[at] = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        return
    for folder, _, names in os.walk(done):
        to = os.path.join(target, os.path.relpath(folder, done))
        os.makedirs(to)
        for name in names:
            written = os.path.join(folder, name)
            path = images.get(os.stat(written).st_ino)
            if path is None:
                with open(written, "rb") as old, open(os.path.join(to, name), "wb") as new:
                    new.write(old.read())
            else:
                if kind in SIZED:
                    with Image.open(path) as image:
                        assert image.size == (SIDE, SIDE)
                os.link(path, os.path.join(to, name))


def timed(command: list[str], target: Path) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak megabytes of a process that writes into a new folder."""
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def compile_once(folder: Path) -> None:
    """Lets what runs from now on keep its byte code in a folder of its own."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def measured(kind: str, root: Path) -> tuple[list[str], list[str], Path, Path]:
    """Our command line and the loop's for one table row, and where each writes."""
    source, ours, theirs = root / SOURCE[kind], root / f"{kind} ours", root / f"{kind} plain"
    command = ["split", str(source), str(ours)]
    if kind != "split":
        command = ["convert", str(source), str(ours), "--to", kind]
        command += ["--image-size", str(SIDE)] if kind == "arrays" else []
    plain_command = [sys.executable, __file__, "plain", *map(str, (source, ours, theirs)), kind]
    return [sys.executable, "-m", "train", *command], plain_command, ours, theirs


def main() -> None:
    """Prints the table; exit status 1 where a bar is not met."""
    arguments = sys.argv[1:]
    count = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 20_000
    missed = []
    print(f"{'':12} {'ours':>14} {'plain loop':>14} {'ratio':>6} {'memory':>8}")
    print(f"{'':12} {'CPU s  (wall)':>14} {'CPU s  (wall)':>14}")
    with tempfile.TemporaryDirectory() as scratch:
        root, few = Path(scratch), Path(scratch, "few")
        compile_once(root / "byte code")
        for folder, images in ((few, 40), (root, count)):  # not in this process, whose memory its children begin with
            subprocess.run([sys.executable, __file__, "make", str(folder), str(images)], check=True)
        for kind in arguments or SOURCE:
            ours, _, written, _ = measured(kind, few)
            timed(ours, written)
            ours, theirs, written, copied = measured(kind, root)
            turns = [(timed(ours, written), timed(theirs, copied)) for _ in range(TURNS)]
            wall, cpu, memory = min((turn[0] for turn in turns), key=lambda each: each[1])
            loop_wall, loop, _ = min((turn[1] for turn in turns), key=lambda each: each[1])
            ratio = cpu / loop
            times = f"{cpu:6.2f} ({wall:5.1f}) {loop:6.2f} ({loop_wall:5.1f})"
            print(f"{kind:12} {times} {ratio:6.2f} {memory:5} MB", flush=True)
            missed += [kind] if ratio > BAR or memory > MOST_MEMORY else []
    if missed:
        sys.exit(f"not within {BAR:g} times the loop and {MOST_MEMORY} MB: {', '.join(missed)}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, images]:
            make(Path(folder), int(images))
        case ["plain", source, done, target, kind]:
            plain(Path(source), Path(done), Path(target), kind)
        case _:
            main()
