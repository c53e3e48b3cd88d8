"""Hostile models: mutates real and random `.tflite` files for some time and watches the compiler and its C.

    nice -n 19 python -m bench.firmware_fuzz SECONDS [MODEL ...]

Every file must compile or be refused with an error of ours, each within a time limit; of those that compile, a share
is built with the address and undefined-behaviour sanitizers and run on extreme inputs. Prints one line; exits 1 on a
finding.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from ei_compat.core.errors import EiTrainError
from firmware.compiler import compile_model
from tests.firmware import graphs, host

LIMIT = 60  # seconds for one file
RUN_ONE_IN = 40  # of the files that compile


def mutated(data: bytes, r: random.Random) -> bytes:
    """The file with some damage: bytes, words, truncation, copied or swapped pieces."""
    changed = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 4, 16))):
        at = r.randrange(len(changed))
        match r.randrange(6):
            case 0:
                changed[at] = r.randrange(256)
            case 1:
                changed[at] ^= 1 << r.randrange(8)
            case 2:
                value = r.choice(
                    (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, r.randrange(1 << 32), len(changed))
                )
                at -= at % 4
                changed[at : at + 4] = value.to_bytes(4, "little")[: len(changed) - at]
            case 3:
                del changed[max(8, at) :]
            case 4:
                size = r.randrange(1, 64)
                to = r.randrange(len(changed))
                changed[to : to + size] = changed[at : at + size]
            case _:
                at -= at % 4
                small = (int.from_bytes(changed[at : at + 4], "little") + r.randrange(-8, 9)) & 0xFFFFFFFF
                changed[at : at + 4] = small.to_bytes(4, "little")[: len(changed) - at]
    return bytes(changed)


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError


def main() -> int:
    """Runs for the given time; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("seconds", type=float)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    r = random.Random(options.seed)
    seeds = [p.read_bytes() for p in options.models] + [graphs.graph(i) for i in range(60)]
    counts = {"files": 0, "refused": 0, "compiled": 0, "run": 0, "slowest": 0.0}
    findings = []
    signal.signal(signal.SIGALRM, _too_long)
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            data = mutated(r.choice(seeds), r)
            counts["files"] += 1
            started = time.monotonic()
            signal.alarm(LIMIT)
            try:
                model = compile_model(data, name="model")
                counts["compiled"] += 1
                signal.alarm(0)
                if counts["compiled"] % RUN_ONE_IN == 0:
                    built = host.Host(data, Path(folder), host.SANITIZED)
                    built(host.images(model.input.shape, 8, counts["files"], model.input.dtype))
                    counts["run"] += 1
            except EiTrainError:
                counts["refused"] += 1
            except BaseException as error:
                signal.alarm(0)
                if isinstance(error, KeyboardInterrupt):
                    raise
                path = Path(tempfile.gettempdir()) / f"finding{len(findings)}.tflite"
                path.write_bytes(data)
                findings.append(f"{path}: {type(error).__name__}: {str(getattr(error, 'stderr', error))[-300:]}")
                print(findings[-1], flush=True)
            signal.alarm(0)
            counts["slowest"] = max(counts["slowest"], time.monotonic() - started)
    print(f"{counts}, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
