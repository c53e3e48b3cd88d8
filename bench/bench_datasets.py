"""Reading and listing an Edge Impulse export of 100,000 entries: CPU seconds against `json.load`, and memory.

`python -m bench.bench_datasets [ENTRIES]`. Each figure comes from a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MEASURE = """
import resource, sys, time
start = time.process_time()
{work}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(time.process_time() - start, peak)
"""
OURS = """
from ei_compat.formats import open_dataset
dataset = open_dataset(sys.argv[1])
listed = [(sample.id, sample.category, sample.label) for sample in dataset.samples]
assert len(listed) == int(sys.argv[2])
"""
PLAIN = """
import json
assert len(json.load(open(sys.argv[1] + "/info.labels"))["files"]) == int(sys.argv[2])
"""


def made(root: Path, count: int) -> None:
    """An export with empty files under names of the usual length."""
    (root / "training").mkdir()
    files = []
    for number in range(count):
        path = f"training/class {number % 50}.picture {number:06d}.4g9rugge.ingestion-dd78489dc-45k85.jpg"
        (root / path).touch()
        label = {"type": "label", "label": f"class {number % 50}"}
        files.append({"path": path, "name": f"picture {number:06d}", "category": "training", "label": label})
        files[-1] |= {"metadata": {"site": str(number % 7)}, "boundingBoxes": []}
    (root / "info.labels").write_text(json.dumps({"version": 1, "files": files}))


def run(work: str, root: Path, count: int) -> tuple[float, int]:
    """CPU seconds and peak megabytes of a piece of work in a process of its own."""
    command = [sys.executable, "-c", MEASURE.format(work=work), str(root), str(count)]
    seconds, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, __file__, "make", scratch, str(count)], check=True)  # or its memory counts here
        ours, plain = run(OURS, Path(scratch), count), run(PLAIN, Path(scratch), count)
    print(f"{count} entries: {ours[0]:.1f} CPU seconds, {ours[0] / plain[0]:.1f} times json.load")
    print(f"peak memory: {ours[1]} MB (json.load alone: {plain[1]} MB)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        made(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
