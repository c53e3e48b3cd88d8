"""The training service. TensorFlow is imported only inside the functions that need it, so that help answers at once."""

import os

__version__ = "0.2.0"

# tensorflow-model-optimization refuses any model but legacy Keras'; both must be told before TensorFlow is imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# oneDNN's kernels take half the time of TensorFlow's own, but TensorFlow uses them unasked on a few processors only.
if os.uname().machine == "x86_64":
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
