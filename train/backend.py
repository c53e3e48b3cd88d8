"""TensorFlow's start: quiet, and deterministic where that is asked for."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def start(*, deterministic: bool) -> None:
    """Imports TensorFlow and sets it up; later imports find it ready.

    Args:
        deterministic: use only kernels that give the same bits every time.
    """
    with without_native_chatter(), warnings.catch_warnings():
        # tensorflow-model-optimization 0.8 compares versions with distutils, which warns.
        warnings.filterwarnings("ignore", message="(The )?distutils ", category=DeprecationWarning)
        import tensorflow as tf
        import tensorflow_model_optimization  # noqa: F401 - takes its time too, and belongs to the start
        import tf_keras  # noqa: F401
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("absl").setLevel("ERROR")
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Keeps what TensorFlow's C++ side writes past its own log level, while it loads or converts, off the terminal."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
