"""`python -m tests.train.tuning.priced ARGUMENT ...` is `ei-train` whose networks have a price and are not trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.train.tuning import stub
from train.tuning.costs import Answer, Asked
from train.tuning.sketch import Cost


def priced(_: Any, asked: Iterable[Asked]) -> Iterator[tuple[Asked, Answer]]:
    """What the stub says of such a network once it is trained."""
    for sketch, zeros in asked:
        named = dict(sketch.values)
        if named.get("backbone", "mobilenet_v2") == "mobilenet_v1":
            yield (sketch, zeros), "there is no such network"
            continue
        options = {"alpha": named.get("alpha", 0.35), "image_size": sketch.shape[0], "final_sparsity": zeros.share}
        yield (sketch, zeros), Cost(*stub.cost_of({name: str(value) for name, value in options.items()}))


def put_in_place(setattr_: Callable[[Any, str, Any], None]) -> None:
    """Puts prices and the stub in place, by this means."""
    from train.tuning import costs, ray_node, running

    setattr_(costs.Costs, "each", priced)
    setattr_(running, "PROGRAM", (stub.__file__,))
    setattr_(ray_node, "trial", stub.on_ray())


if __name__ == "__main__":
    from train import supervisor

    put_in_place(setattr)
    if lease := os.environ.get("EI_LEASE"):  # seconds
        from train.tuning import database

        database.LEASE_SECONDS = float(lease)
    supervisor.main()
