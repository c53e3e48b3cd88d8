"""The model's other forms: a SavedModel and a Keras file, each zipped as Edge Impulse's own training does."""

from __future__ import annotations

import io
import json
import secrets
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

from train.network import Network, as_one_model

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every zip member, so that the same model makes the same names and dates


def saved_model_zip(frozen: Any) -> bytes:
    """A SavedModel for serving, its files under `saved_model/`: `x_input` [N, H, W, C] as deployed to `y_pred`.

    The weights are constants of the graph: TensorFlow spends seconds on saving 300 variables, whatever their size.

    Args:
        frozen: from `quantize.freeze`.
    """
    import tensorflow as tf

    module = tf.Module()

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(frozen.inputs[0].shape, tf.float32, "x_input")])
    def serve(x_input: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y_pred": frozen(x_input)[0]}

    module.serve = serve
    folder = f"ram://ei-train-{secrets.token_hex(8)}"  # TensorFlow's file system in memory: no disk can be full
    try:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        return _zipped(_files_below(folder, "saved_model/"))
    finally:
        tf.io.gfile.rmtree(folder)


def keras_zip(network: Network) -> bytes:
    """`model.h5`, which `load_model` of Keras 3 and of tf-keras opens without any code of ours, zipped."""
    import h5py

    with h5py.File("model.h5", "w", driver="core", backing_store=False) as file:  # in memory
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*HDF5", category=UserWarning)  # the format users ask for
            as_one_model(network).save(file, include_optimizer=False)
        file.attrs["model_config"] = json.dumps(_for_keras_3(json.loads(file.attrs["model_config"])))
        file.flush()
        return _zipped({"model.h5": file.id.get_file_image()})


def _for_keras_3(config: Any) -> Any:
    """The configuration without what Keras 3 refuses and Keras 2 has by default: groups of a depthwise convolution."""
    if isinstance(config, list):
        return [_for_keras_3(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DepthwiseConv2D":
        return config | {"config": {name: value for name, value in config["config"].items() if name != "groups"}}
    return {name: _for_keras_3(value) for name, value in config.items()}


def _files_below(folder: str, root: str) -> dict[str, bytes]:
    """Every file and empty folder (a name that ends in a slash) below a folder of TensorFlow's file systems."""
    import tensorflow as tf

    found: dict[str, bytes] = {}
    for place, folders, names in tf.io.gfile.walk(folder):
        inside = root + "".join(f"{part}/" for part in place.removeprefix(folder).split("/") if part)
        for name in names:
            with tf.io.gfile.GFile(f"{place.rstrip('/')}/{name}", "rb") as file:
                found[inside + name] = file.read()
        if not names and not folders:
            found[inside] = b""
    return found


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, in a stable order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, files[name])
    return buffer.getvalue()
