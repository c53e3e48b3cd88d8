"""Batches of samples, read ahead of whoever works on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ei_compat.media.pixels import scale_pixels

if TYPE_CHECKING:
    import tensorflow as tf

    from train.samples import Samples
    from train.views import Views


Result = TypeVar("Result")
AT_ONCE = 2  # whatever the machine has; see `train.backend.use_threads`


def as_input(x: tf.Tensor) -> tf.Tensor:
    """Pixels as the data holds them, uint8 or float32, to float32 in [0, 1]; features pass through."""
    import tensorflow as tf

    return tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else x


def as_float(x: np.ndarray) -> np.ndarray:
    """The same for arrays."""
    return scale_pixels(x) if x.dtype == np.uint8 else x


def batches(
    samples: Samples | Views,
    order: np.ndarray,
    size: int,
    first: int = 0,
    share: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches (x, y, ...) in the given order, from batch `first` on; the next one is read while this one is used.

    Where a `share` of each is asked for, only that is read.
    """
    chunks = [order[start : start + size] for start in range(first * size, len(order), size)]
    chunks = chunks if share is None else [share(chunk) for chunk in chunks]
    with ThreadPoolExecutor(1) as reader:
        ahead = [reader.submit(samples.take, chunk) for chunk in chunks[:2]]
        for number in range(len(chunks)):
            yield ahead.pop(0).result()
            if number + 2 < len(chunks):
                ahead.append(reader.submit(samples.take, chunks[number + 2]))


def two_at_once(work: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Result]:
    """What a function gives for each of the arguments, in their order; it works on two at once."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        running: deque[Any] = deque()
        for each in arguments:
            running.append(workers.submit(work, *each))
            if len(running) > AT_ONCE:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
