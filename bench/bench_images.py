"""Picture preparation against a plain Pillow loop over the same files, in one run.

`python -m bench.bench_images [FOLDER]`: FOLDER holds pictures at any depth; without it 300 photographs' worth of
drawn JPEGs are used. Prints how many times faster `load_images` is, how many cores it got, and how many it could have
used: the number of its threads that were running or ready to run, which does not depend on what else the machine does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ei_compat.media.images import ImageSpec, load_images

SPEC = ImageSpec(160, 160)
SUFFIXES = {".jpg", ".jpeg", ".png"}


def drawn(folder: Path, count: int = 300) -> list[Path]:
    """Pictures of 1280 x 960 that compress about as photographs do."""
    noise = np.random.RandomState(1)
    for number in range(count):
        coarse = Image.fromarray(noise.randint(0, 256, (60, 80, 3), np.uint8))
        coarse.resize((1280, 960), Image.Resampling.BICUBIC).save(folder / f"{number:03d}.jpg", quality=88)
    return sorted(folder.iterdir())


def plain_loop(paths: list[Path]) -> np.ndarray:
    """What people write: open, turn upright, crop, resize, stack."""
    rows = []
    for path in paths:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            rows.append(np.asarray(ImageOps.fit(upright, (SPEC.width, SPEC.height), Image.Resampling.LANCZOS)))
    return np.stack(rows)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds; the better of two runs."""
    best = (float("inf"), 0.0)
    for _ in range(2):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return best


class Runnable:
    """Counts this process's threads that are running or ready to, every few milliseconds; Linux only."""

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        own = str(threading.get_native_id())
        while not self._stop.wait(0.005):
            states = [self._state(task) for task in Path("/proc/self/task").iterdir() if task.name != own]
            self._counts.append(states.count("R"))

    @staticmethod
    def _state(task: Path) -> str:
        try:
            return (task / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # the thread has ended meanwhile
            return ""

    def __enter__(self) -> Runnable:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def mean(self) -> float:
        """Threads, on average."""
        return sum(self._counts) / max(1, len(self._counts))


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        paths = (
            drawn(Path(scratch)) if folder is None else [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES]
        )
        plain_wall, plain_cpu = timed(lambda: plain_loop(paths))
        ours_wall, ours_cpu = timed(lambda: load_images(paths, SPEC))
        with Runnable() as runnable:
            load_images(paths, SPEC)
    print(f"{len(paths)} pictures, {os.cpu_count()} cores")
    print(f"speed against a plain loop: {plain_wall / ours_wall:.2f} times")
    print(f"CPU time against a plain loop: {ours_cpu / plain_cpu:.2f}")
    print(f"cores that it got: {ours_cpu / ours_wall:.2f} (plain loop: {plain_cpu / plain_wall:.2f})")
    print(f"cores that it could use: {runnable.mean:.2f}")


if __name__ == "__main__":
    main()
