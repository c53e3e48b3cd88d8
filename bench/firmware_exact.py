"""The long run of bit-exactness: random graphs and real models against the reference kernels, under the sanitizers.

    nice -n 19 python -m bench.firmware_exact [--graphs 200] [--networks 0] [--first 0] [--inputs 200] [--workers 1]
        [MODEL ...]

Graphs are of one kind of operator each; networks are of up to 13 operators with branches, several readers and every
broadcast, built in batches. Models and graphs run under the sanitizers, networks without them. All are given every
input as a whole and row by row.

Prints one line per model and a total; exits 1 on a mismatch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.firmware import graphs, host, networks

GRAPH_INPUTS = 6
BATCH = 20  # networks in one program
FAST = ("-O1", *host.SANITIZED[1:])  # slower to build, faster to run: for the large models


def main() -> int:
    """Compares everything; 0 when every byte is equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--graphs", type=int, default=200)
    parser.add_argument("--networks", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1)
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    workers = host.WORKERS if options.workers == 2 else ()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models:
            wrong, total = host.mismatches(
                path.read_bytes(), Path(folder), options.inputs, (*FAST, *host.SHIPPED, *workers)
            )
            print(f"{path}: {wrong} of {total} bytes differ on {options.inputs} inputs", flush=True)
            bad += wrong
        for seed in range(options.first, options.first + options.graphs):
            wrong, total = host.mismatches(graphs.graph(seed), Path(folder), GRAPH_INPUTS, (*host.SANITIZED, *workers))
            if wrong:
                print(f"graph {seed}: {wrong} of {total} bytes differ", flush=True)
            bad += wrong
        for first in range(options.first, options.first + options.networks, BATCH):
            seeds = range(first, min(first + BATCH, options.first + options.networks))
            datas = [networks.network(s) for s in seeds]
            found = host.batch_mismatches(datas, Path(folder), GRAPH_INPUTS, (*host.PLAIN, *workers))
            for seed, wrong in zip(seeds, found, strict=True):
                if wrong:
                    print(f"network {seed}: {wrong} bytes differ", flush=True)
            bad += sum(found)
            print(f"networks {options.first} to {seeds[-1]}: {bad} bytes differ so far", flush=True)
    print(f"{len(options.models)} models, {options.graphs} graphs and {options.networks} networks: {bad} bytes differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
