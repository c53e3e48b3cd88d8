"""The constrained search against random search at equal trials, on costs and an accuracy that are formulas.

No network is built or trained: RAM, flash and instructions follow MobileNetV2's shapes roughly, the accuracy rises with
all of them, has an optimum in the rates, and carries the noise of a validation set of 2,500 pictures. Every trial
counts, also one that does not fit. Of either search the three trials that looked best are measured three times more, as
`tune` does with other seeds; what is compared is the noiseless accuracy of the one whose mean is the best.

    python -m bench.bench_tune [--trials 500] [--seeds 20] [--first 1]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna

from train.tuning.boards import Budget
from train.tuning.sketch import Cost
from train.tuning.space import space_of
from train.tuning.study import Study

BUDGET = Budget(ram_bytes=30_000, flash_bytes=350_000, instructions=60_000_000)
NOISE = 0.006  # standard deviation of a share of 0.9 of 2,500 pictures
TOP, SEEDS = 3, 3
MARKS = (50, 100, 200, 500)  # trials after which the best so far is noted
Sampler = Callable[[int], optuna.samplers.BaseSampler]


def cost_of(values: Mapping[str, Any]) -> Cost | None:
    """What such a network takes; None where there is none."""
    alpha, side, kept = values["alpha"], values["image_size"], 1 - values["final_sparsity"]
    second = values["backbone"] == "mobilenet_v2"
    if alpha == (0.25 if second else 0.35):
        return None
    head = sum(map(int, values["head_units"].split(",")))
    weights = (450_000 if second else 1_400_000) * alpha**1.4 + (1280 if second else 1024 * alpha) * head
    macs = (1700 if second else 2500) * side**2 * alpha**1.1
    ram = side * (110 if second else 70) * (1 + alpha) + side * values["channels"] * 4
    return Cost(round(ram), round(ram + side**2 * values["channels"]), round(24_000 + weights * (kept * 1.6 + 0.1)),
                round(macs * (0.4 + 1.6 * kept)))  # fmt: skip


def accuracy_of(values: Mapping[str, Any]) -> float:
    """How good such a network is, without noise."""
    alpha, side, zeros = values["alpha"], values["image_size"], values["final_sparsity"]
    lost = 0.10 * math.exp(-2.2 * alpha) + 0.55 * (24 / side) ** 1.2 + 0.08 * max(0.0, zeros - 0.6) ** 1.5 / alpha
    lost += 0.010 * (values["backbone"] == "mobilenet_v1") + 0.012 * (values["channels"] == 1)
    lost += 0.008 * math.log10(values["learning_rate"] / 1e-3) ** 2
    lost += 0.020 * math.log10(values["fine_tune_learning_rate"] / 6e-4) ** 2
    lost += {"128,64": 0.0, "64": 0.003, "32": 0.008}[values["head_units"]]
    return 0.97 - lost + 0.006 * values["augment"] + 0.002 * (values["epochs"] == 10)


def search(sampler: Sampler | None, trials: int, seed: int) -> tuple[list[float], int]:
    """The winner at each mark, and how many trials fitted."""
    study = Study(None, space_of({}), seed=seed, higher_is_better=True, sampler=sampler)
    random = np.random.default_rng(seed)
    seen: list[tuple[float, float]] = []  # measured, real
    kept = []
    for count in range(1, trials + 1):
        asked = study.ask()
        assert asked is not None
        number, values = asked
        cost = cost_of(values)
        excess = {"built": 1.0} if cost is None else BUDGET.excess(cost)
        if max(excess.values()) > 0:
            study.infeasible(number, excess, "")
        else:
            real = accuracy_of(values)
            seen.append((real + float(random.normal(0, NOISE)), real))
            study.done(number, excess, seen[-1][0])
        if count in MARKS or count == trials:
            kept.append(_winner(seen, seed))
    return kept, len(seen)


def _winner(seen: list[tuple[float, float]], seed: int) -> float:
    random = np.random.default_rng([seed, 1])
    best = sorted(seen, reverse=True)[:TOP]
    return max(((real + random.normal(0, NOISE, SEEDS).mean(), real) for _, real in best), default=(0.0, 0.0))[1]


def main() -> None:
    """Prints a line for each seed, and the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    samplers: dict[str, Sampler | None] = {
        "constrained": None,
        "random": lambda seed: optuna.samplers.RandomSampler(seed),
    }
    found: dict[str, list[float]] = {name: [] for name in samplers}
    for seed in range(given.first, given.first + given.seeds):
        line: dict[str, Any] = {"seed": seed}
        for name, sampler in samplers.items():
            best, fitting = search(sampler, given.trials, seed)
            found[name].append(best[-1])
            line[name] = {"best": [round(each, 4) for each in best], "fitting": fitting}
        print(json.dumps(line), flush=True)
    medians = {name: statistics.median(each) for name, each in found.items()}
    wins = sum(ours > theirs for ours, theirs in zip(*found.values(), strict=True))
    print(f"medians {medians}; the constrained search wins {wins} of {given.seeds}")
    assert medians["constrained"] > medians["random"]


if __name__ == "__main__":
    main()
