"""A trial on a node of a Ray cluster: what a worker process there does, and what it has to find there.

The node must see the driver's folders, at the same paths, and have the same ei-train. What it lacks it says before
anything is trained: results in a folder of its own would be lost without a word.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from train import __version__, backend
from train.tuning.running import LOOK_SECONDS, run
from train.tuning.subject import digest_of
from train.tuning.trials import Outcome, Spec

SEEN_SECONDS = 15.0  # in which a file of another machine is seen here; NFS keeps attributes of folders that long
THREADS = "TF_NUM_INTRAOP_THREADS"  # of TensorFlow, which would take one for each processor that it sees


@dataclass(frozen=True, slots=True)
class Order:
    """A trial, and what its driver knows the node by.

    Attributes:
        spec: what is trained.
        version: of the driver's ei-train.
        mark: a file that the driver has put into the folder of the trials, and that is there for as long as it works.
        processors: that the trial may use.
    """

    spec: Spec
    version: str
    mark: Path
    processors: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node cannot run trials; see `RemoteError`."""

    what: str
    where: str
    fix: str


def trial(order: Order) -> Outcome | Refusal:
    """Trains, unless the node lacks what that takes; a training whose task is cancelled is stopped, and then saves."""
    refusal = lacks(order)
    if refusal is not None:
        return refusal
    stop = threading.Event()
    with processors(order.processors) as cores, ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(run, order.spec, cores, stop)
        try:
            while not wait([outcome], LOOK_SECONDS).done:  # between two waits Ray's interrupts are heard, mostly
                if _is_gone(order.mark):
                    stop.set()
            return outcome.result()
        finally:
            stop.set()  # for a task that is cancelled, or a worker that has to end


def lacks(order: Order) -> Refusal | None:
    """What the node lacks, if anything."""
    here, spec = f"Ray node {_address()}", order.spec
    if order.version != __version__:
        fix = "install the same version on every node"
        return Refusal(f"has ei-train {__version__}, the driver {order.version}", here, fix)
    end = time.monotonic() + SEEN_SECONDS
    while not order.mark.is_file():
        if time.monotonic() > end:
            fix = "mount the same file system on every node, at the same path"
            return Refusal(f"does not see the driver's {spec.root}", here, fix)
        time.sleep(LOOK_SECONDS)
    if _digest(spec.data) != spec.data_digest:
        return Refusal(f"has other data, or none, in {spec.data}", here, "give every node the same data at this path")
    return None


def _is_gone(mark: Path) -> bool:
    """Whether the driver has taken its mark away, as it does where it stops."""
    try:
        mark.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # the file system does not answer for the moment
    return False


@cache
def _digest(folder: Path) -> str:
    """Of the data; found once for each worker process."""
    return digest_of(folder)


def _address() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


@contextmanager
def processors(count: int) -> Iterator[Sequence[int]]:
    """So many processors of this node that no other trial has, the rest made up of those that one has; none for any.

    Each that is taken is a lock on a file, which the kernel lets go of with its process. A container may be given less
    of its machine than it sees, and other containers cannot be seen from it: there, TensorFlow is told the number.
    """
    seen = backend.cores()
    if _granted() < len(seen):
        os.environ[THREADS] = str(max(1, count // 2))  # what `backend.use_threads` makes of so many
        yield ()
        return
    os.environ.pop(THREADS, None)
    if count >= len(seen):
        yield ()
        return
    folder = Path(tempfile.gettempdir(), f"ei-train-processors-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    taken: list[int] = []
    with ExitStack() as locks:
        for core in seen:
            handle = os.open(folder / str(core), os.O_CREAT | os.O_RDWR, 0o600)
            locks.callback(os.close, handle)
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken.append(core)
            if len(taken) == count:
                break
        yield [*taken, *(core for core in seen if core not in taken)][:count]


def _granted() -> float:
    """Processors that Ray counts on this node."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    return float(next((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["NodeID"] == here), 0.0))
