"""Trials on a Ray cluster of several nodes on loopback: kills and losses change nothing, and what lacks is said."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ei_compat.core.errors import RemoteError, UsageError
from tests.train.tuning.searching import ancestors, histories, sound, until, workers
from train import __version__
from train.tuning import ray_cluster, ray_node
from train.tuning.executors import Settings, open_executor
from train.tuning.ray_node import Order, Refusal
from train.tuning.subject import digest_of
from train.tuning.trials import Outcome, Spec

VALUES = (("alpha", 0.5), ("final_sparsity", 0.7), ("image_size", 96))


class Cluster:
    """A head and a node, of one processor each."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        from ray.cluster_utils import Cluster as Nodes

        small: dict[str, Any] = {"num_cpus": 1, "object_store_memory": ray_cluster.OBJECT_STORE}
        self._nodes = Nodes(initialize_head=True, head_node_args={"include_dashboard": False, **small})
        self._node = self._nodes.add_node(**small)
        self.address: str = self._nodes.address

    def has(self, process: int) -> bool:
        """Whether a process runs on the node."""
        raylets = {info.process.pid for info in self._node.all_processes["raylet"]}
        return bool(raylets & set(ancestors(process)))

    def lose_node(self) -> None:
        """As if its machine were gone: all its processes at once."""
        numbers = sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))
        on_it = [number for number in numbers if self.has(number)]
        for number in (*(info.process.pid for info in self._node.all_processes["raylet"]), *on_it):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._nodes.remove_node(self._node, allow_graceful=False)

    def lose_head(self) -> None:
        for info in self._nodes.head_node.all_processes["gcs_server"]:
            info.process.kill()

    def close(self) -> None:
        self._nodes.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    (tmp_path / "data").mkdir()
    return Spec(tmp_path / "data", digest_of(tmp_path / "data"), tmp_path / "trials", VALUES)


@pytest.fixture
def on_ray(cluster: Cluster, arguments: list[str]) -> list[str]:
    """A search whose trials are the same in whatever order they end: too few for the sampler to learn from."""
    for option, value in (("--max-ram", "1000000"), ("--trials", "4"), ("--top", "1")):
        arguments[arguments.index(option) + 1] = value
    arguments += ["--rungs", "default", "--executor", "ray", "--ray-address", cluster.address]
    return arguments


@pytest.mark.slow
def test_a_killed_driver_and_a_lost_node_change_nothing(
    cluster: Cluster,
    program: Callable[[], subprocess.Popen[str]],
    on_ray: list[str],
    stubbed: Callable[..., None],
    tmp_path: Path,
) -> None:
    calm, disturbed = tmp_path / "calm", tmp_path / "out"
    on_ray[:], there = [*on_ray[:2], str(calm), *on_ray[3 : on_ray.index("--executor")]], on_ray.copy()
    assert "Winner" in program().communicate(timeout=300)[0]
    on_ray[:] = there
    stubbed(seconds=1)
    process = program()
    until(lambda: bool(_halfway(disturbed)), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    cut = set(_halfway(disturbed))
    process = program()
    seen = set[str]()
    until(lambda: bool(seen.update(_on_the_node(cluster, disturbed, cut)) or seen), process)
    (lost,) = seen
    cluster.lose_node()
    stubbed(seconds=0)
    said, _ = process.communicate(timeout=300)
    assert "Winner" in said
    assert not [line for line in said.splitlines() if "ray" in line.lower()]
    assert process.returncode == 0
    sound(disturbed, set(histories(calm)))
    for digest in {*cut, lost}:
        assert histories(disturbed)[digest].count("resume") == (digest in cut) + (digest == lost)
    results = [json.loads((folder / "tune.json").read_text()) for folder in (calm, disturbed)]
    assert results[0]["winner"]["digest"] == results[1]["winner"]["digest"]


def _halfway(out: Path) -> list[str]:
    """Trials of which some epochs are trained, and some are not."""
    return [digest for digest, lines in histories(out).items() if lines[-1:] in (["epoch 0"], ["epoch 1"], ["epoch 2"])]


def _on_the_node(cluster: Cluster, out: Path, cut: set[str]) -> set[str]:
    """Those that are trained there, and have come further than where they were cut."""
    there = {digest for number, digest in workers(out).items() if cluster.has(number)}
    return {each for each in there & {*_halfway(out)} if each not in cut or "resume" in histories(out)[each]}


@pytest.mark.slow
def test_a_stop_leaves_checkpoints_and_a_lost_head_is_said_in_a_line(
    cluster: Cluster,
    program: Callable[[], subprocess.Popen[str]],
    on_ray: list[str],
    stubbed: Callable[..., None],
    tmp_path: Path,
) -> None:
    stubbed(seconds=4)  # no trial ends before it is stopped
    process = program()
    until(lambda: bool(_halfway(tmp_path / "out")), process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 130, said
    assert not workers(tmp_path / "out")
    assert said.splitlines()[-1] == "error: stopped by SIGINT; run the same command again to go on"
    assert not list((tmp_path / "out" / "trials").glob(".driver-*"))
    begun = _halfway(tmp_path / "out")
    stubbed(seconds=20)  # nothing ends before the loss is seen
    process = program()
    until(lambda: any("resume" in lines for lines in histories(tmp_path / "out").values()), process)
    cluster.lose_head()
    said, _ = process.communicate(timeout=200)
    assert process.returncode == RemoteError.exit_code, said
    where = f"--ray-address {cluster.address}"
    assert said.splitlines()[-1] == f"error: {where}: the Ray cluster is lost; run the same command again to go on"
    assert any("resume" in histories(tmp_path / "out")[digest] for digest in begun)


def test_an_address_where_nobody_is_costs_no_wait() -> None:
    for address, said in (
        ("127.0.0.1:1", r"no Ray cluster answers there \(Connection refused\); give HOST:PORT"),
        ("localhost", r"no Ray cluster answers there \(it has no port\)"),
        ("localhost:x", "no Ray cluster answers there"),
    ):
        with pytest.raises(RemoteError, match=f"--ray-address {address}: {said}"):
            open_executor("ray", Settings(address=address))
    with pytest.raises(UsageError, match="ray://h:1: is no address of a cluster's head; give HOST:PORT, auto or local"):
        open_executor("ray", Settings(address="ray://h:1"))


def test_a_cluster_that_is_started_here_is_on_loopback_alone() -> None:
    """Nobody else reaches it, for Ray asks for no password, and nothing is asked of the network."""
    code = """
from train.tuning.executors import Settings, open_executor
opened = open_executor("ray", Settings(workers=1))
import ray
print(ray.get_runtime_context().gcs_address.rpartition(":")[0], *(each["NodeManagerAddress"] for each in ray.nodes()))
opened.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "127.0.0.1 127.0.0.1\n", "")


def test_ray_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"--executor ray: Ray is not installed; pip install 'ei-train\[ray\]'"):
        open_executor("ray", Settings())


class Fake:
    """Ray, as far as a node's processors go."""

    exceptions = SimpleNamespace(TaskCancelledError=KeyError, RayTaskError=OSError, RuntimeEnvSetupError=IndexError)

    def __init__(self, *processors: int) -> None:
        self._nodes = [{"Alive": True, "NodeID": "a", "Resources": {"CPU": float(count)}} for count in processors]
        self.asked: dict[str, int] = {}

    def nodes(self) -> list[dict[str, Any]]:
        return [*self._nodes, {"Alive": False, "NodeID": "b", "Resources": {"CPU": 99.0}}]

    def remote(self, **options: int) -> Callable[[Any], Any]:
        self.asked = options
        return lambda function: function

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(gcs_address="127.0.0.1:1", get_node_id=lambda: "a")

    def shutdown(self) -> None:
        pass


@pytest.mark.parametrize(
    ("processors", "workers", "each", "slots"),
    [
        pytest.param((0, 8, 5), None, 2, 6, id="two each"),
        pytest.param((1, 1), None, 1, 2, id="small nodes"),
        pytest.param((8, 8), 2, 8, 2, id="divided among workers"),
        pytest.param((2,), 5, 1, 5, id="more workers than processors"),
        pytest.param((4, 4), 1, 4, 1, id="no more than a node has"),
    ],
)
def test_a_cluster_is_divided_among_trials(
    processors: tuple[int, ...], workers: int | None, each: int, slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(*processors)
    monkeypatch.setattr(ray_cluster, "_connected", lambda *_: fake)
    opened = ray_cluster.Ray(Settings(workers))
    opened.close()
    assert (opened.slots, fake.asked) == (slots, {"num_cpus": each, "max_retries": ray_cluster.RETRIES})


def test_a_cluster_without_processors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_connected", lambda *_: Fake(0, 0))
    monkeypatch.setattr(ray_cluster, "NODES_SECONDS", 0.0)
    with pytest.raises(RemoteError, match="none of the 2 nodes has a processor for trials; add a node"):
        ray_cluster.Ray(Settings())


def test_what_became_of_a_task_is_told_apart(monkeypatch: pytest.MonkeyPatch, spec: Spec) -> None:
    monkeypatch.setattr(ray_cluster, "_connected", lambda *_: Fake(2))
    opened = ray_cluster.Ray(Settings())

    def ended(error: BaseException | None, result: Any = None) -> Any:
        future, answer = Future[Any](), Future[Any]()
        opened._asked[future] = None
        answer.set_result(result) if error is None else answer.set_exception(error)
        opened._ended(future, spec, answer)
        return future

    assert ended(KeyError()).result(1) == Outcome(spec.digest, 143, error="stopped")
    died = ended(ValueError("The node died.\nMore.")).result(1)
    assert (died.code, died.metric, died.error) == (137, None, "Ray gave it up after 11 tries: The node died.")
    assert ended(None, Outcome(spec.digest, 0, 1, 0.5)).result(1).metric == 0.5
    with pytest.raises(RemoteError, match="a node cannot run trials: No module named 'train'; install"):
        ended(OSError("Traceback\nNo module named 'train'")).result(1)
    with pytest.raises(RemoteError, match="node: lacks; mend"):
        ended(None, Refusal("lacks", "node", "mend")).result(1)
    opened.close()


def test_a_node_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, spec: Spec, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_node, "_address", lambda: "10.0.0.7")
    monkeypatch.setattr(ray_node, "SEEN_SECONDS", 0.0)
    mark = tmp_path / "mark"
    order = Order(spec, __version__, mark, 1)
    says = f"does not see the driver's {spec.root}"
    assert ray_node.trial(order) == Refusal(
        says, "Ray node 10.0.0.7", "mount the same file system on every node, at the same path"
    )
    mark.touch()
    assert ray_node.lacks(order) is None
    other = ray_node.lacks(replace(order, spec=replace(spec, data_digest="1")))
    assert other is not None
    assert other.what == f"has other data, or none, in {spec.data}"
    old = ray_node.lacks(replace(order, version="0.0.1"))
    assert old is not None
    assert old.what == f"has ei-train {__version__}, the driver 0.0.1"


def test_a_trial_ends_with_its_drivers_mark(monkeypatch: pytest.MonkeyPatch, spec: Spec, tmp_path: Path) -> None:
    """For Ray's word that a task is cancelled does not always arrive."""
    mark, trains = tmp_path / "mark", threading.Event()
    mark.touch()
    monkeypatch.setattr(ray_node, "processors", lambda _: contextlib.nullcontext(()))
    monkeypatch.setattr(ray_node, "LOOK_SECONDS", 0.01)

    def run(spec: Spec, _: object, stop: threading.Event) -> Outcome:
        trains.set()
        return Outcome(spec.digest, 143, error="stopped" if stop.wait(20) else "went on")

    monkeypatch.setattr(ray_node, "run", run)
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(ray_node.trial, Order(spec, __version__, mark, 1))
        assert trains.wait(20)
        time.sleep(0.1)
        assert not outcome.done()
        mark.unlink()
        assert outcome.result(20) == Outcome(spec.digest, 143, error="stopped")


def test_processors_of_a_node_are_divided_and_shared_only_where_they_run_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 5, 6})
    monkeypatch.setattr(ray_node, "_granted", lambda: 4.0)
    with ray_node.processors(2) as first, ray_node.processors(2) as second, ray_node.processors(2) as third:
        assert (first, second, third) == ([3, 4], [5, 6], [3, 4])
    with ray_node.processors(3) as again:
        assert again == [3, 4, 5]
    monkeypatch.setenv(ray_node.THREADS, "9")
    with ray_node.processors(4) as whole:  # trains with as many threads as without Ray, to the same bytes
        assert (whole, os.environ.get(ray_node.THREADS)) == ((), None)
    monkeypatch.setattr(ray_node, "_granted", lambda: 2.0)  # a container that may use two of them
    monkeypatch.setenv(ray_node.THREADS, "9")
    with ray_node.processors(2) as cores:
        assert (cores, os.environ[ray_node.THREADS]) == ((), "1")  # half, as an operator has without Ray
