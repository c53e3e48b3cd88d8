"""Several processes that train one network together, on one machine or on many, as `TF_CONFIG` describes them.

Each takes its share of every batch; gradients and the statistics of batch normalisation are averaged over all of them
in every step (synchronous data parallelism, https://www.tensorflow.org/guide/distributed_training). So the batch, the
number of steps and the learning rate are those of a single process. The features of the frozen backbone and the head
on them take seconds and are computed by everyone; what the chief computed counts.

All of them see the same data and the same output directory, in which the chief alone writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import TrainingError, UsageError
from train.supervision import HOW_TO_GO_ON

if TYPE_CHECKING:
    import tensorflow as tf

VARIABLE = "TF_CONFIG"
ROLES = ("chief", "worker")  # of tf.distribute's, those that train; in the order in which they are counted
FORM = 'as in {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
FINISHED = bytes(16)  # what all agree on at the end, see `check_agreement`
DIGEST_WORDS = 8  # of 16 bits, which float32 adds up exactly


@dataclass(frozen=True, slots=True)
class Place:
    """This process's place: `index` among `count`; 0 is the chief."""

    index: int
    count: int


def read_place(environment: Mapping[str, str]) -> Place | None:
    """This process's place by `TF_CONFIG`, or None where it trains alone.

    Raises:
        UsageError: the variable is not what TensorFlow documents, or names a role that has nothing to do here.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster") or {}, config.get("task") or {}
        sizes = [len(cluster.get(role, ())) for role in ROLES]
        role, index = task.get("type", ROLES[1]), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError("is not what TensorFlow describes a cluster with", where=VARIABLE, fix=FORM) from error
    if sum(sizes) <= 1:
        return None
    if role not in ROLES or sizes[0] > 1:
        raise UsageError(
            f"role {role!r}, with {sizes[0]} chiefs, cannot train here", where=VARIABLE, fix="use one chief and workers"
        )
    if not 0 <= index < sizes[ROLES.index(role)]:
        raise UsageError(f"there is no {role} number {index}", where=VARIABLE, fix=FORM)
    return Place(index + sum(sizes[: ROLES.index(role)]), sum(sizes))


class LostError(TrainingError):
    """Another process of the cluster is gone, or out of reach."""

    def __init__(self) -> None:
        fix = f"{HOW_TO_GO_ON}, on all of them"
        super().__init__("another process of the cluster is lost", where=VARIABLE, fix=fix)


class Workers:
    """The processes of a cluster, joined; made before anything else is done with TensorFlow, and waits for all.

    Args:
        place: of this process.
    """

    def __init__(self, place: Place) -> None:
        import tensorflow as tf

        self.place = place
        with _losses_named():
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes."""
        return self.place.index == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """What this process takes of a batch; all of it where it has fewer rows than there are processes."""
        return rows[self.place.index :: self.place.count] if len(rows) >= self.place.count else rows

    def compile(self, step: Callable[..., Any], signature: Sequence[tf.TensorSpec]) -> Callable[..., Any]:
        """A function of the whole cluster: everyone calls it, and `sum` works within it."""
        import tensorflow as tf

        @tf.function(autograph=False, input_signature=signature)
        def together(*arguments: tf.Tensor) -> Any:
            return self._strategy.run(step, arguments)

        def call(*arguments: Any) -> Any:
            with _losses_named():
                return together(*arguments)

        return call

    def sum(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The sum over all processes of each float32 tensor; part of a compiled function's graph.

        All go as one vector: each exchange costs a round trip in every step, and in the first far more.
        """
        import tensorflow as tf

        vector = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, vector)
        parts = tf.split(total, [tensor.shape.num_elements() for tensor in tensors])
        return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def follow_chief(self, variables: Sequence[tf.Variable]) -> Callable[[], None]:
        """Compiles what gives everyone the chief's values."""
        import tensorflow as tf

        def follow() -> None:
            own = [tf.cast(v, tf.float32) if self.is_chief else tf.zeros(v.shape, tf.float32) for v in variables]
            for variable, value in zip(variables, self.sum(own), strict=True):
                variable.assign(tf.cast(value, variable.dtype))

        return self.compile(follow, [])

    def check_agreement(self, digest: bytes) -> None:
        """Makes sure that everyone is about to do the same.

        Raises:
            UsageError: another process gave another digest.
            LostError: another process is lost.
        """
        import tensorflow as tf

        words = np.frombuffer(digest[: 2 * DIGEST_WORDS], np.uint16).astype(np.float32)
        spread = self.compile(lambda own: self.sum([own, own * own]), [tf.TensorSpec([len(words)], tf.float32)])
        total, squares = (value.numpy() for value in spread(words))
        if (total != words * self.place.count).any() or not np.allclose(squares, words * words * self.place.count):
            raise UsageError(
                "the processes differ in options, data, weights, versions or the step they start at",
                where=VARIABLE,
                fix="give all of them the same command line, data and output directory",
            )


@contextmanager
def _losses_named() -> Iterator[None]:
    """Tells a lost process from other failures of TensorFlow.

    Raises:
        LostError: that was it.
    """
    import tensorflow as tf

    errors = tf.errors
    try:
        yield
    except (errors.UnavailableError, errors.AbortedError, errors.CancelledError, errors.DeadlineExceededError) as error:
        raise LostError from error
    except errors.OpError as error:
        if "ollective" in str(error) or "heartbeat" in str(error):
            raise LostError from error
        raise
