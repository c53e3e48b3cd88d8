"""How fast and how safely 20,000 small files upload, against a bare `requests` loop, measured in one run.

    python -m bench.bench_upload [FILES] [BYTES]

prints ratios. The double of the ingestion service runs in a process of its own on the same machine, so its work is in
every figure.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARALLEL = 20
KILLS = 10
UPLOADER = ROOT / "tests" / "double" / "upload_folder.py"


class Service:
    """The double, in a process of its own."""

    def __init__(self, fault_rate: float = 0.0) -> None:
        command = [sys.executable, "-m", "tests.double", "0", str(fault_rate), "7"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.env = os.environ | self._line() | {"PYTHONPATH": str(ROOT)}

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def ask(self, what: str = "state") -> dict[str, Any]:
        """The double's state; `clear` empties it first."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()


def bare(service: Service, files: list[Path]) -> float:
    """Seconds that a plain loop takes: a session, a pool of threads, one file a request."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_connections=PARALLEL, pool_maxsize=PARALLEL))
    url = service.env["EI_INGESTION_ENDPOINT"] + "/api/training/files"

    def send(path: Path) -> None:
        headers = {"x-api-key": service.env["EI_API_KEY"], "x-label": path.name.split(".")[0]}
        with path.open("rb") as stream:
            answer = session.post(url, headers=headers, files=[("data", (path.name, stream, "image/jpeg"))])
        assert answer.json()["files"][0]["success"]

    began = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(send, files):
            pass
    return time.perf_counter() - began


def uploader(service: Service, folder: Path, journal: Path, options: dict[str, int]) -> subprocess.Popen[str]:
    """Our upload, started in a process of its own."""
    command = [sys.executable, str(UPLOADER), str(folder), str(journal), json.dumps(options)]
    return subprocess.Popen(command, env=service.env, stdout=subprocess.PIPE, text=True)


def ours(service: Service, folder: Path, journal: Path, options: dict[str, int]) -> dict[str, float]:
    """Our upload's figures."""
    out, _ = uploader(service, folder, journal, options).communicate()
    figures: dict[str, float] = json.loads(out)
    return figures


def killed(service: Service, folder: Path, journal: Path, whole: float, options: dict[str, int]) -> dict[str, float]:
    """Our upload, killed at random times and restarted, then left to finish."""
    for _ in range(KILLS):
        process = uploader(service, folder, journal, options)
        time.sleep(0.4 + random.random() * whole / KILLS * 1.5)
        process.kill()
        process.communicate()
    return ours(service, folder, journal, options)


def poisoned(service: Service, files: list[Path], folder: Path) -> None:
    """One file that the service fails on, among all of them: what it costs, beside the same upload without it."""
    victim = files[len(files) // 2]
    content = victim.read_bytes()
    for how in ("poison says so", "poison drops"):
        service.ask("clear")
        whole = ours(service, files[0].parent, folder / f"{how} before.journal", {})
        service.ask(how)
        service.ask("clear")
        victim.write_bytes(b"POISON" + content)
        figures = ours(service, files[0].parent, folder / f"{how}.journal", {})
        victim.write_bytes(content)
        lost = [failure["key"] for failure in figures["failures"]]  # type: ignore[attr-defined]
        ratio, right = whole["seconds"] / figures["seconds"], lost == [victim.name]
        print(f"one file of {len(files)} that the service fails on ({how}): it alone is named: {right}; ", end="")
        print(f"{figures['arrived']:.0f} arrived at {ratio:.2f} times the rate without it")


def make_files(folder: Path, count: int, size: int) -> list[Path]:
    """Files of random content in six classes."""
    source = random.Random(1)
    for number in range(count):
        (folder / f"class{number % 6}.{number:06}.jpg").write_bytes(source.randbytes(size))
    return sorted(folder.glob("*.jpg"))


def main() -> None:
    """Runs every measurement and prints it at once."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    count, size = (int(each) for each in [*sys.argv[1:], "20000", "2000"][:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "files")
        folder.mkdir()
        files = make_files(folder, count, size)
        service = Service()
        plain = bare(service, files)
        print(f"bare requests loop: {count / plain:.0f} files/s")
        for label, options in (("one file a request", {"batch_files": 1}), ("as it comes", {})):
            service.ask("clear")
            figures = ours(service, folder, Path(name, f"{len(options)}.journal"), options)
            ratio = plain / figures["seconds"]
            print(f"ei_compat, {label}: {ratio:.2f} times the bare loop's rate, peak {figures['peak_mb']:.0f} MB")
        poisoned(service, files, Path(name))
        fewer = Path(name, "fewer")
        fewer.mkdir()
        for path in files[: count // 10]:
            (fewer / path.name).hardlink_to(path)
        service.ask("clear")
        small = ours(service, fewer, Path(name, "fewer.journal"), {})
        print(f"a tenth of the files: peak {small['peak_mb']:.0f} MB")
        service.stop()
        for rate in (0.0, 0.05):
            service = Service(rate)
            options = {"batch_files": 10}
            killed(service, folder, Path(name, f"{rate}.killed"), plain / 2, options)
            state = service.ask()
            exact = state["samples"] == state["names"] == count and state["most"] == 1 and not state["violations"]
            print(f"killed {KILLS} times, {state['faults']} faults: every file exactly once: {exact} {state}")
            service.stop()


if __name__ == "__main__":
    main()
