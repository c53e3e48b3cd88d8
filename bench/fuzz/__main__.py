"""Coverage-guided fuzzing of one parser: `python -m bench.fuzz NAME SECONDS [CORPUS]`, without a name lists them.

Needs atheris, which is no dependency of this project: install it, with numpy, pillow, pydantic, cbor2 and docker, into
an environment of its own and run from the project's root. A crash ends the run with the input written to `crash-*`; at
the end libFuzzer prints how many inputs were tried and how much of the code they reach. Inputs that are JSON are
mutated as JSON half of the time, or hardly any would get past the first parser.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["ei_compat"]):
    from ei_compat.core.errors import EiTrainError
    from tests.ei_compat.remote_targets import REMOTE_TARGETS
    from tests.ei_compat.targets import TARGETS, Target

TARGETS |= {name: Target(*parts) for name, parts in REMOTE_TARGETS.items()}

ODD = [None, True, -1, 0, 1.5, 1e308, 2**70, "", "a", "../x", "\ud800", "nan", [], {}, [[]], {"a": None}, "x" * 300]


def main(name: str, seconds: str, corpus: str | None = None) -> None:
    """Fuzzes the parser of that name; never returns."""
    target = TARGETS[name]
    place = Path(corpus or tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(target.seeds):
        (place / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        with contextlib.suppress(EiTrainError):
            target.parse(data)

    warnings.simplefilter("ignore")  # Pillow's about broken EXIF data and the like
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=20", "-max_len=4096"]
    arguments = [sys.argv[0], *options, "-print_final_stats=1", str(place)]
    atheris.Setup(arguments, one, custom_mutator=mutate)
    atheris.Fuzz()


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Another input: one value of a JSON text replaced, removed or doubled, or bytes changed as libFuzzer does."""
    choose = random.Random(seed)
    if choose.random() < 0.5:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(data)
            changed = json.dumps(_change(value, choose)).encode()
            if len(changed) <= most:
                return changed
    return atheris.Mutate(data, most)


def _change(value: Any, choose: random.Random) -> Any:
    if not isinstance(value, dict | list) or not value or choose.random() < 0.1:
        return choose.choice(ODD)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, what = choose.choice(keys), choose.random()
    if what < 0.1:
        del value[key]
    elif what < 0.2 and isinstance(value, list):
        value.append(value[key])
    elif what < 0.2:
        value[choose.choice(["a", "type", "label", "version"])] = value[key]
    else:
        value[key] = _change(value[key], choose)
    return value


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m bench.fuzz NAME SECONDS [CORPUS]; names: " + " ".join(TARGETS))
    main(*sys.argv[1:4])
