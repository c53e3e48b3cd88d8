"""The long run of bit-exactness: random graphs and real models against the reference kernels, under the sanitizers.

    nice -n 19 python bench/firmware_exact.py [--graphs 200] [--first 0] [--inputs 200] [MODEL ...]

Prints one line per model and a total; exits 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "firmware")]

import graphs  # noqa: E402
import host  # noqa: E402

GRAPH_INPUTS = 6
FAST = ("-O1", *host.SANITIZED[1:])  # slower to build, faster to run: for the large models


def main() -> int:
    """Compares everything; 0 when every byte is equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models:
            wrong, total = host.mismatches(path.read_bytes(), Path(folder), options.inputs, FAST)
            print(f"{path}: {wrong} of {total} bytes differ on {options.inputs} inputs", flush=True)
            bad += wrong
        for seed in range(options.first, options.first + options.graphs):
            wrong, total = host.mismatches(graphs.graph(seed), Path(folder), GRAPH_INPUTS, host.SANITIZED)
            if wrong:
                print(f"graph {seed}: {wrong} of {total} bytes differ", flush=True)
            bad += wrong
    print(f"{len(options.models)} models and {options.graphs} graphs: {bad} bytes differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
