"""What TensorFlow's start asks of the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ei_compat.core.errors import UsageError
from train import backend

FAULTS = """
import resource, sys
import numpy as np
from train.backend import keep_freed_memory

def clear(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        np.ones(40 << 20, np.uint8)  # as large as the planes of a first block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory()
clear(2)
print(clear(20))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_that_was_freed_is_not_cleared_by_the_kernel_again() -> None:
    faults = {
        name: int(subprocess.run([sys.executable, "-c", FAULTS, name], capture_output=True, check=True).stdout)
        for name in ("kept", "mapped")
    }

    assert faults["kept"] < 20 < faults["mapped"]


def test_without_tensorflow_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)

    with pytest.raises(UsageError, match=r"tensorflow_model_optimization is not installed; pip install 'ei-train"):
        backend.start(deterministic=False)


UNUSED = """
import sys
from train import backend

backend.start(deterministic=False)
print(*(name in sys.modules for name in backend.UNUSED))
import keras, scipy
"""


def test_what_nothing_uses_is_not_imported_and_stays_there_for_who_does() -> None:
    found = subprocess.run([sys.executable, "-c", UNUSED], capture_output=True, text=True, check=True).stdout

    assert found.split() == ["False", "False"]


@pytest.mark.skipif("TF_NUM_INTRAOP_THREADS" in os.environ, reason="the environment says how many threads")
def test_an_operator_has_half_of_the_processors() -> None:
    import tensorflow as tf

    assert tf.config.threading.get_intra_op_parallelism_threads() == max(1, backend.processors() // 2)


def test_only_what_is_run_often_is_optimized() -> None:
    import tensorflow as tf

    def left_out() -> bool:
        return bool(tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False))

    with backend.optimized_for(backend.STEPS_TO_OPTIMIZE_FOR):
        assert not left_out()
    with backend.optimized_for(backend.STEPS_TO_OPTIMIZE_FOR - 1):
        assert left_out()
    assert not left_out()
