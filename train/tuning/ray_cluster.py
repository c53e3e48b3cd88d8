"""The executor of a Ray cluster: every trial is a task of Ray Core. Only this and `ray_node` import Ray.

Ray finds a node with free processors, and another one where a node is lost; the trial goes on there from its
checkpoint. Nothing of a trial passes through Ray but its spec and its outcome.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import train
from ei_compat.core.errors import RemoteError, UsageError
from ei_compat.core.words import first_line
from train import backend
from train.tuning import ray_node
from train.tuning.executors import CORES_A_TRIAL, Settings
from train.tuning.ray_node import Order, Refusal
from train.tuning.running import PATIENCE_SECONDS
from train.tuning.trials import Outcome, Spec

LOCAL, AUTO = "local", "auto"  # in place of an address
RETRIES = 10  # of a task whose node or worker was lost; each goes on from the checkpoint
OBJECT_STORE = 80 << 20  # bytes, about the least that Ray allows; nothing is kept there
REACH_SECONDS = 5.0  # in which a cluster's port answers
NODES_SECONDS = 60.0  # in which the first node with a processor is there
WATCH_SECONDS, MISSES = 2.0, 3  # between two looks at the cluster; looks in a row that it may fail to answer
GO_ON = "run the same command again to go on"


class Ray:
    """Trials as tasks of a Ray cluster; see `Executor`.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        RemoteError: the cluster cannot be reached, or has no processors.
    """

    name: ClassVar[str] = "ray"

    def __init__(self, settings: Settings) -> None:
        self._where = f"--ray-address {settings.address or LOCAL}"
        self._ray = _connected(settings.address or LOCAL, self._where)
        self._asked: dict[Future[Outcome], Any] = {}  # and the reference to what its task will return
        self._marks: dict[Path, Path] = {}
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._lost: RemoteError | None = None
        try:
            nodes = self._nodes()
        except BaseException:
            self._ray.shutdown()
            raise
        self._processors = max(
            1, min(max(nodes), sum(nodes) // settings.workers if settings.workers else CORES_A_TRIAL)
        )
        self._slots = settings.workers or sum(node // self._processors for node in nodes)
        self._task = self._ray.remote(num_cpus=self._processors, max_retries=RETRIES)(ray_node.trial)
        self._gcs = self._ray.get_runtime_context().gcs_address
        threading.Thread(target=self._watch, name="ray watch", daemon=True).start()

    @property
    def slots(self) -> int:
        """See `Executor`."""
        return self._slots

    def submit(self, spec: Spec) -> Future[Outcome]:
        """See `Executor`."""
        future: Future[Outcome] = Future()
        with self._lock:
            if self._lost is not None:
                future.set_exception(self._lost)
                return future
            reference = self._task.remote(Order(spec, train.__version__, self._mark(spec.root), self._processors))
            self._asked[future] = reference
        reference.future().add_done_callback(partial(self._ended, future, spec))
        return future

    def close(self) -> None:
        """See `Executor`."""
        self._closing.set()
        with self._lock:
            asked = dict(self._asked)
        for mark in self._marks.values():  # a trial ends without it, should Ray's word not reach it
            mark.unlink(missing_ok=True)
        if self._lost is None:
            for reference in asked.values():
                self._ray.cancel(reference)
            wait(asked, PATIENCE_SECONDS + REACH_SECONDS)
            self._ray.shutdown()

    def _mark(self, root: Path) -> Path:
        """A file by which nodes know the folder."""
        if root not in self._marks:
            root.mkdir(parents=True, exist_ok=True)
            mark = root / f".driver-{secrets.token_hex(8)}"
            mark.touch()
            self._marks[root] = mark
        return self._marks[root]

    def _nodes(self) -> list[int]:
        """Processors of each node that has some; waits for the first one, which a cluster may yet have to start."""
        end = time.monotonic() + NODES_SECONDS
        while True:
            alive = [node for node in self._ray.nodes() if node["Alive"]]
            if found := [count for node in alive if (count := int(node["Resources"].get("CPU", 0)))]:
                return found
            if time.monotonic() > end:
                raise RemoteError(
                    f"none of the {len(alive)} nodes has a processor for trials",
                    where=self._where,
                    fix="add a node, with `ray start --num-cpus`",
                )
            time.sleep(WATCH_SECONDS)

    def _ended(self, future: Future[Outcome], spec: Spec, answer: Future[Any]) -> None:
        """Hands on what came of a task; in a thread of Ray's."""
        with self._lock:
            if future not in self._asked:
                return  # the cluster is lost
            del self._asked[future]
        error = answer.exception()
        if error is not None:
            self._failed(future, spec, error)
        elif isinstance(found := answer.result(), Refusal):
            future.set_exception(RemoteError(found.what, where=found.where, fix=found.fix))
        else:
            future.set_result(found)

    def _failed(self, future: Future[Outcome], spec: Spec, error: BaseException) -> None:
        kinds = self._ray.exceptions
        if isinstance(error, kinds.TaskCancelledError):
            future.set_result(Outcome(spec.digest, 128 + signal.SIGTERM, error="stopped"))
        elif isinstance(error, kinds.RayTaskError | kinds.RuntimeEnvSetupError):  # what a worker raised
            fix = f"install ei-train[tune] {train.__version__} on every node"
            future.set_exception(
                RemoteError(f"a node cannot run trials: {_last_line(error)}", where=self._where, fix=fix)
            )
        else:
            reason = f"Ray gave it up after {1 + RETRIES} tries: {first_line(error)}"
            future.set_result(Outcome(spec.digest, 128 + signal.SIGKILL, 1 + RETRIES, error=reason))

    def _watch(self) -> None:
        """Fails what is asked where the cluster is gone; Ray would keep silent, and end the process a minute later."""
        misses = 0
        while not self._closing.wait(WATCH_SECONDS):
            misses = 0 if self._answers() else misses + 1
            if misses == MISSES:
                break
        else:
            return
        with self._lock:
            self._lost = RemoteError("the Ray cluster is lost", where=self._where, fix=GO_ON)
            asked, self._asked = self._asked, {}
        for future in asked:
            future.set_exception(self._lost)

    def _answers(self) -> bool:
        """Whether the cluster's head answers, and counts the node of this process among the living."""
        try:
            _reach(self._gcs)
            here = self._ray.get_runtime_context().get_node_id()
            return any(node["Alive"] and node["NodeID"] == here for node in self._ray.nodes())
        except Exception:  # whatever Ray raises of a cluster that is about to go
            return False


def _connected(address: str, where: str) -> Any:
    """Ray, connected to a cluster, or to one of its own on this machine.

    No statistics are sent, no dashboard is started, and what workers and Ray itself print is kept from the terminal.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("Ray is not installed", where="--executor ray", fix="pip install 'ei-train[ray]'")
    if "://" in address:
        raise UsageError("is no address of a cluster's head", where=where, fix="give HOST:PORT, auto or local")
    if address not in {LOCAL, AUTO}:
        try:
            _reach(address)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            fix = "give HOST:PORT of its head, as `ray start --head` prints it"
            raise RemoteError(f"no Ray cluster answers there ({reason})", where=where, fix=fix) from None
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster started here; Ray would let trials starve at 15
    if address == LOCAL:  # all of it on loopback, where Ray would ask which way the internet is; named after two others
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import ray

    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # deaths of nodes; no setting keeps them off stdout
    with _steady():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **_own_cluster(address))
        except Exception as error:  # Ray raises no less general a kind where a node does not start
            hint = "start one with `ray start --head`, or give local" if address == AUTO else None
            raise RemoteError(f"Ray cannot be used: {first_line(error)}", where=where, fix=hint) from None
    return ray


def _own_cluster(address: str) -> Mapping[str, Any]:
    """What a cluster is like that is started here."""
    if address != LOCAL:
        return {}
    own = {"num_cpus": backend.processors(), "num_gpus": 0, "object_store_memory": OBJECT_STORE}
    return {"include_dashboard": False, **own}


@contextmanager
def _steady() -> Iterator[None]:
    """Keeps our working directory and handlers of signals through Ray's start.

    Ray has workers import from the driver's working directory first, where an export may hold a train.py: for that time
    it is the folder of this very code.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)} if in_main else {}
    working = os.open(".", os.O_RDONLY)
    os.chdir(Path(train.__file__).parents[1])
    try:
        yield
    finally:
        os.fchdir(working)
        os.close(working)
        for number, handler in before.items():
            signal.signal(number, handler)


def _reach(address: str) -> None:
    """Raises OSError where nobody answers at HOST:PORT, ValueError where it is none."""
    host, colon, port = address.rpartition(":")
    if not colon:
        raise ValueError("it has no port")
    with socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS):
        pass


def _last_line(error: BaseException) -> str:
    with suppress(IndexError):
        return str(error).strip().splitlines()[-1]
    return type(error).__name__
