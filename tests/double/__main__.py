"""`python -m tests.double PORT [FAULT_RATE] [SEED] [INGESTION_PORT]`: a double in a process of its own, to try things.

Prints one JSON line when it is ready, and answers each line on its standard input with one about its state.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from tests.double import Double, Faults


def main() -> None:
    arguments = [*sys.argv[1:], *["0", "0", "0", ""][len(sys.argv) - 1 :]]
    ingestion_port = int(arguments[3]) if arguments[3] else None
    with Double(int(arguments[0]), ingestion_port=ingestion_port, keep_content=False) as double:
        double.faults = Faults(float(arguments[1]), int(arguments[2]), only="/api/")
        sys.stdout.write(json.dumps(double.env) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            if line.startswith("poison"):
                double.poison, double.poison_drops = b"POISON", "drops" in line
            if line.startswith("clear"):
                double.state.project.samples.clear()
                double.state.project.hashes.clear()
            names = Counter(sample.file_name for sample in double.state.project.samples.values())
            answer = {
                "samples": len(double.state.project.samples),
                "names": len(names),
                "most": max(names.values(), default=0),
                "requests": double.requests,
                "faults": sum(double.faults.count.values()),
                "violations": double.violations[:3],
            }
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


main()
