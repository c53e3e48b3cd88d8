"""TensorFlow's start: on a processor that can run it, quiet, and deterministic where that is asked for."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ei_compat.core.errors import TrainingError, UsageError
from train import supervision

# TensorFlow, tf_keras and tfmot import these where they find them, a sixth of all that they import, and do without them
# else, as in the image, which has neither: Keras 3, and what two functions of tf_keras need that nothing here calls.
UNUSED = ("keras", "scipy")
STEPS_TO_OPTIMIZE_FOR = 500  # of training; what fewer save is less than what optimising takes


def start(*, deterministic: bool) -> None:
    """Imports TensorFlow and sets it up; later imports find it ready.

    Args:
        deterministic: use only kernels that give the same bits every time.

    Raises:
        UsageError: TensorFlow is not installed.
        TrainingError: it would kill the process on this processor.
    """
    check_installed()
    check_processor()
    keep_freed_memory()
    with without_native_chatter(), warnings.catch_warnings(), _uncollected(), _hidden(UNUSED):
        # tensorflow-model-optimization 0.8 compares versions with distutils, which warns.
        warnings.filterwarnings("ignore", message="(The )?distutils ", category=DeprecationWarning)
        import tensorflow as tf
        import tensorflow_model_optimization  # noqa: F401 - takes its time too, and belongs to the start
        import tf_keras  # noqa: F401
    use_threads()
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("absl").setLevel("ERROR")
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Within the block packages that are not imported yet count as not installed."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Within the block nothing is collected, and what is made there never will be.

    The modules stay, 300,000 objects that would be looked through a hundred times: a fifth of their import, and a
    second of a run.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collects:
            gc.enable()


def use_threads() -> None:
    """Lets an operator have half of the processors: they are short in so narrow networks, and two run at once.

    On two busy cores a training step of a network's end, at 160 pixels, took 0.25 CPU s with two threads in each
    operator and 0.20 with one, in no more wall time; at 96 pixels 0.12 and 0.08, and a third less wall time.
    """
    import tensorflow as tf

    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        with suppress(RuntimeError):  # TensorFlow is at work in this process already, and keeps what it has
            tf.config.threading.set_intra_op_parallelism_threads(max(1, processors() // 2))


@contextmanager
def optimized_for(steps: int) -> Iterator[None]:
    """Within the block TensorFlow optimises the graphs of functions that are first run there, if it is worth it.

    A training step's is written with care: on two cores optimising it took 0.5 to 2 s, and then a step of a network's
    end took as long as without, one of a whole network 0.9 of it.

    Args:
        steps: how often the function is run.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": steps < STEPS_TO_OPTIMIZE_FOR})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def processors() -> int:
    """How many may be used."""
    return len(cores()) or os.cpu_count() or 1


def cores() -> list[int]:
    """The numbers of the processors that may be used, in order; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def check_installed() -> None:
    """Raises UsageError where what trains is not installed; imports none of it."""
    for name in ("tensorflow", "tf_keras", "tensorflow_model_optimization"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(f"{name} is not installed", fix="pip install 'ei-train[train]'")


def keep_freed_memory() -> None:
    """Has the C library keep large blocks that are freed, for the next that are asked for; a hint, and no more.

    Every training step allocates and frees the same gigabyte of tensors. By default glibc maps each large one anew and
    gives it back (mallopt(3)), and the kernel clears every page of it again: up to half of a step. One arena
    for all threads, so that what one has freed is there for the others.
    """
    m_trim_threshold, m_mmap_max, m_arena_max = -1, -4, -8  # <malloc.h>
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
        libc.mallopt(m_arena_max, 1)


def processor() -> list[str]:
    """The instruction set extensions of this processor, as numpy finds them by asking it."""
    # np.show_runtime() prints the same; there is no public name.
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    return sorted(name for name, found in _multiarray_umath.__cpu_features__.items() if found)


def machine() -> dict[str, Any]:
    """What of the machine may change the last bits of a result: processors that may be used, and their instructions."""
    return {"architecture": platform.machine(), "threads": processors(), "instructions": processor()}


def check_processor() -> None:
    """Raises TrainingError on an x86-64 without AVX: TensorFlow's wheels use it, and end the process where it lacks."""
    if platform.machine().lower() in {"x86_64", "amd64"} and "AVX" not in processor():
        raise TrainingError(
            "this processor has no AVX, which TensorFlow needs",
            fix="use one, or a virtual machine, whose /proc/cpuinfo lists avx",
        )


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Keeps what native code writes past its own log level, while it loads or converts, off the terminal.

    Should the process die meanwhile, its parent shows it.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    chatter = supervision.chatter()
    os.dup2(nowhere if chatter is None else chatter, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        if chatter is not None:
            os.ftruncate(chatter, 0)
            os.lseek(chatter, 0, os.SEEK_SET)
