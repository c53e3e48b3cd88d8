"""What a container is started with: its image, what it sees of this machine, and as whom it works."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ei_compat.core.errors import UsageError

RESULTS = "--out-directory"  # of training: the one place that it writes to
BESIDE = ("train_input.json", "parameters.json")  # that training reads in the working directory
PASSED = re.compile(r"EI_[A-Z_]+|TF_CONFIG|NO_COLOR|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY")
OURS = {"EI_TRAIN_IMAGE", "EI_TRAIN_REVISION", "EI_TRAIN_WEIGHTS"}  # not for the container: it has its own
SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "run", "sbin", "sys", "usr", "var")
SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([kmgt]?)(?:i?b)?", re.IGNORECASE)
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
LEAST_MEMORY = 6 << 20  # bytes, which the engine asks for


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container may use.

    Attributes:
        gpu: whether it gets all GPUs.
        memory: bytes, or None.
        cpus: processors, or None.
        offline: whether it has no network.
    """

    gpu: bool = False
    memory: int | None = None
    cpus: float | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container.

    Attributes:
        image: its name.
        arguments: of the program.
        mounts: absolute paths of this machine, which are the same in the container, and whether it may write there.
        folder: the working directory, so that relative paths mean what they mean here.
        environment: variables that are passed on.
        user: uid and gid; None where the image finds them out.
        limits: see `Limits`.
        terminal: whether a person watches, so that there are bars.
        made: the folder of results, where it was not there before.
    """

    image: str
    arguments: tuple[str, ...]
    mounts: Mapping[Path, bool]
    folder: Path
    environment: Mapping[str, str]
    user: str | None
    limits: Limits
    terminal: bool
    made: Path | None = None

    def tidy(self) -> None:
        """Removes the folder of results that was made for nothing."""
        if self.made is not None and self.made.is_dir() and not any(self.made.iterdir()):
            self.made.rmdir()

    def command_line(self) -> str:
        """The `docker run` that does the same; of variables the names, for their values may be secret."""
        return shlex.join(["docker", "run", "--rm", *self._options(), self.image, *self.arguments])

    def _options(self) -> Iterator[str]:
        yield from ("-t",) if self.terminal else ()
        for path, writable in self.mounts.items():
            yield from ("--volume", f"{path}:{path}" + ("" if writable else ":ro"))
        yield from ("--workdir", str(self.folder))
        for name in self.environment:
            yield from ("--env", name)
        yield from ("--user", self.user) if self.user else ()
        yield from ("--gpus", "all") if self.limits.gpu else ()
        yield from ("--memory", str(self.limits.memory)) if self.limits.memory else ()
        yield from ("--cpus", f"{self.limits.cpus:g}") if self.limits.cpus else ()
        yield from ("--network", "none") if self.limits.offline else ()


def make_plan(
    image: str,
    arguments: Sequence[str],
    limits: Limits,
    environment: Mapping[str, str],
    *,
    terminal: bool,
    make_folder: bool = True,
) -> ContainerSpec:
    """Works out what a container needs for a command line that was written for this machine.

    Training sees what its options name, for reading alone, and the folder of its results, which is made here so that it
    belongs to the user. Other commands see the working directory, and other paths that they name for reading alone.

    Args:
        image: its name.
        arguments: the command line.
        limits: of the container.
        environment: what of it begins as Edge Impulse's variables do, and a few others, is passed on.
        terminal: whether a person watches.
        make_folder: make the folder of results.

    Raises:
        UsageError: a path would hide the container's own system.
    """
    folder = Path.cwd()
    words = list(arguments) or ["--help"]
    mounts: dict[Path, bool] = {}
    made = None
    training = words[0].startswith("-") or words[0] == "train"
    if not training:
        mounts[folder] = True
    for path in _named(words):
        if path.exists():
            mounts.setdefault(path.absolute(), False)
    if training:
        mounts |= {folder / name: False for name in BESIDE if (folder / name).is_file()}
        results = _value(words, RESULTS)
        if results is not None:
            place = Path(results).absolute()
            if make_folder and not place.is_dir():
                place.mkdir(parents=True)
                made = place
            mounts[place] = True
    mounts = {path: writable for path, writable in mounts.items() if not _covered(path, writable, mounts)}
    for path in mounts:
        _refuse_system(path)
    return ContainerSpec(
        image=image,
        arguments=tuple(words),
        mounts=dict(sorted(mounts.items())),
        folder=folder,
        environment={k: v for k, v in environment.items() if PASSED.fullmatch(k) and k not in OURS},
        user=f"{os.getuid()}:{os.getgid()}" if os.getuid() else None,
        limits=limits,
        terminal=terminal,
        made=made,
    )


def _named(words: Sequence[str]) -> Iterator[Path]:
    """Whatever may be a path: words, and values behind an equals sign."""
    for word in words:
        text = word.partition("=")[2] if word.startswith("-") else word
        if text and "\0" not in text:
            yield Path(text)


def _value(words: Sequence[str], option: str) -> str | None:
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else next(iter(words[index + 1 : index + 2]), None)
    return None


def _covered(path: Path, writable: bool, mounts: Mapping[Path, bool]) -> bool:
    """Whether another mount holds this one already, with the same rights or more."""
    return any(path.is_relative_to(other) and (may or not writable) for other, may in mounts.items() if other != path)


def _refuse_system(path: Path) -> None:
    if path == Path("/") or (len(path.parts) == 2 and path.parts[1] in SYSTEM) or path.is_relative_to("/opt/ei-train"):
        raise UsageError(
            "would hide the container's own system", where=path, fix="work in a folder of your own, or use docker run"
        )


def parse_memory(text: str) -> int:
    """Bytes of a size such as 4g or 512m.

    Raises:
        UsageError: it is none, or too small for any container.
    """
    match = SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * UNITS[match[2].lower()]) if match else 0
    if size < LEAST_MEMORY:
        raise UsageError(f"{text!r} is no size of at least 6m", where="--memory", fix="use one such as 4g or 512m")
    return size
