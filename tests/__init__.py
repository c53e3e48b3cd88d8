"""Tests, in the folders of what they test; helpers are imported from here as `tests.AREA.NAME`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `train.start` has it, before anything imports NumPy
