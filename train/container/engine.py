"""The Docker engine: has an image, starts a container, passes its log and signals on, and says how it ended."""

from __future__ import annotations

import codecs
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.core.errors import DataError, EiTrainError, RemoteError, UsageError
from train import supervision
from train.signals import on_signals

if TYPE_CHECKING:
    from docker.models.containers import Container

    from docker import DockerClient
    from ei_compat.core.progress import Progress
    from train.container.plan import ContainerSpec

FULL = ("no space left on device", "disk quota exceeded")
LOOK_SECONDS = 0.2  # between two looks at whether it is to stop


def connect() -> DockerClient:
    """The engine that the environment names, else the local one.

    Raises:
        UsageError: Docker's Python package is not installed.
        RemoteError: no engine answers.
    """
    try:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        import docker
    except ImportError:
        raise UsageError("needs the package docker", where="run", fix="pip install docker") from None
    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except (DockerException, RequestException) as error:
        denied = "Permission denied" in str(error)
        raise RemoteError(
            "may not be used by you" if denied else "no Docker engine answers",
            where="the engine's socket" if denied else None,
            fix="join the group docker, or use sudo"
            if denied
            else "start Docker, set DOCKER_HOST, or run the command without `run`",
        ) from None
    return client


@contextmanager
def refusals(image: str) -> Iterator[None]:
    """Turns what the engine refuses into one line."""
    from docker.errors import APIError, BuildError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (APIError, BuildError, DockerException, RequestException) as error:
        raise _refusal(str(getattr(error, "explanation", None) or getattr(error, "msg", error)), image) from None


def _refusal(words: str, image: str) -> EiTrainError:
    if _is_full(words):
        return DataError("no space left on the device", where="the Docker engine", fix="docker system prune frees some")
    if "could not select device driver" in words or "nvidia" in words.lower():
        return RemoteError(
            "gives no GPU to containers", where="the Docker engine", fix="install NVIDIA's container toolkit"
        )
    return RemoteError(f"refuses: {words.strip() or 'no reason given'}", where=f"the Docker engine, {image}")


def _is_full(words: str) -> bool:
    return any(sign in words.lower() for sign in FULL)


def have_image(client: DockerClient, image: str, context: Path | None, progress: Progress, *, anew: bool) -> None:
    """Makes sure that there is an image: as it is, built from a folder, or pulled.

    Args:
        client: the engine.
        image: its name.
        context: a folder with a Dockerfile, or None.
        progress: what is done, in lines.
        anew: build it even where there is one.

    Raises:
        RemoteError: it can neither be built nor pulled.
        DataError: the disk is full.
    """
    from docker.errors import DockerException, ImageNotFound

    if not anew:
        with refusals(image):
            try:
                client.images.get(image)
            except ImageNotFound:
                pass
            else:
                return
    if context is not None:
        _build(client, image, context, progress)
        return
    progress.note(f"Pulling {image}")
    repository, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
    try:
        client.images.pull(repository, tag=tag)
    except DockerException as error:
        refusal = _refusal(str(getattr(error, "explanation", error)), image)
        if isinstance(refusal, DataError):
            raise refusal from None
        raise RemoteError(
            "there is no such image here, and it cannot be pulled",
            where=image,
            fix="build it (--build FOLDER, or make build), or name another with --image",
        ) from None


def _build(client: DockerClient, image: str, context: Path, progress: Progress) -> None:
    progress.note(f"Building {image} from {context}; the first time takes minutes")
    if not (context / "Dockerfile").is_file():
        raise DataError("holds no Dockerfile", where=context, fix="name the folder of this program's sources")
    base = os.environ.get("BASE_IMAGE")
    gpu = {"target": "gpu"} if image.endswith(":gpu") else {}
    arguments = ({"BASE_IMAGE": base} if base else {}) | ({"GPU": "1"} if gpu else {})
    build: Any = client.api.build
    with refusals(image):
        for event in build(
            path=str(context), tag=image, rm=True, forcerm=True, decode=True, buildargs=arguments, **gpu
        ):
            if "error" in event:
                raise _failed_build(str(event["error"]).strip(), image)
            if line := str(event.get("stream", "")).strip():
                progress.note(line)


def _failed_build(words: str, image: str) -> EiTrainError:
    if _is_full(words):
        return _refusal(words, image)
    return RemoteError(
        f"the build failed: {words}", where=image, fix="see its log above; BASE_IMAGE names another image to begin with"
    )


def run(client: DockerClient, plan: ContainerSpec) -> int:
    """Runs a container to its end, its log on stdout and stderr; the exit code is its own.

    The first signal is handed to it, so that it saves and ends by itself; the second kills it.

    Raises:
        RemoteError: the engine refuses.
    """
    with refusals(plan.image):
        container = client.containers.create(plan.image, list(plan.arguments), **_settings(plan))
    supervision.saving(True)  # to the end: who is asked to stop hands that on, and waits for the container
    try:
        return _until_the_end(container, plan)
    finally:
        with suppress(Exception):
            container.remove(force=True)


def _settings(plan: ContainerSpec) -> dict[str, Any]:
    from docker.types import DeviceRequest, Mount

    limits = plan.limits
    return {
        "mounts": [Mount(str(path), str(path), "bind", read_only=not may) for path, may in plan.mounts.items()],
        "working_dir": str(plan.folder),
        "environment": dict(plan.environment),
        "user": plan.user,
        "tty": plan.terminal,
        "device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])] if limits.gpu else None,
        "mem_limit": limits.memory,
        "nano_cpus": None if limits.cpus is None else round(limits.cpus * 1e9),
        "network_mode": "none" if limits.offline else None,
    }


def _until_the_end(container: Container, plan: ContainerSpec) -> int:
    """Passes the log on from a thread of its own, so that a signal cuts nothing of it short."""
    with _heard() as heard:
        with refusals(plan.image):
            attach: Any = container.attach  # whose type does not know that both kinds of log are read
            log = attach(stream=True, demux=not plan.terminal)
            container.start()
        _fit(container, plan)
        done, handed = threading.Event(), 0
        threading.Thread(target=_pass_on, args=(log, done), daemon=True).start()
        while not done.wait(LOOK_SECONDS):
            if heard and handed < supervision.stops():
                with suppress(Exception):  # it may have ended by now
                    container.kill("SIGKILL" if handed else heard[0].name)
                handed += 1
    with refusals(plan.image):
        ended = container.wait()
        container.reload()
    if container.attrs["State"].get("OOMKilled"):
        sys.stderr.write("error: out of memory; give it more with --memory, or use a smaller --batch-size\n")
    return int(ended["StatusCode"])


@contextmanager
def _heard() -> Iterator[list[signal.Signals]]:
    """The signals that come in the block; they do nothing else."""
    heard: list[signal.Signals] = []
    before: Any = on_signals(lambda number, _: heard.append(signal.Signals(number)))
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on(log: Iterable[bytes | tuple[bytes | None, bytes | None]], done: threading.Event) -> None:
    decoders = [codecs.getincrementaldecoder("utf-8")(errors="replace") for _ in range(2)]
    try:
        for part in log:
            contents = part if isinstance(part, tuple) else (part, None)
            for stream, content, decoder in zip((sys.stdout, sys.stderr), contents, decoders, strict=True):
                if content:
                    stream.write(decoder.decode(content))
                    stream.flush()
    finally:
        done.set()


def _fit(container: Container, plan: ContainerSpec) -> None:
    if plan.terminal:
        size = shutil.get_terminal_size()
        with suppress(Exception):  # it may have ended by now
            container.resize(size.lines, size.columns)
