"""The model's other forms: a SavedModel and a Keras file, each zipped as Edge Impulse's own training does."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from train.model import Network, as_one_model, build_head
from train.quantize import freeze

if TYPE_CHECKING:
    from train.recipe import Recipe

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every zip member, so that the same model makes the same names and dates


def saved_model_zip(network: Network) -> bytes:
    """A SavedModel for serving, its files under `saved_model/`: `x_input` [N, H, W, C] in [0, 1] to `y_pred`.

    The weights are constants of the graph.
    """
    import tensorflow as tf

    frozen = freeze(network, batch=None)  # TensorFlow spends seconds on saving 300 variables, whatever their size
    module = tf.Module()

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(frozen.inputs[0].shape, tf.float32, "x_input")])
    def serve(x_input: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y_pred": frozen(x_input)[0]}

    module.serve = serve
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        return _zipped(Path(folder), "saved_model")


def keras_zip(network: Network, recipe: Recipe, classes: int) -> bytes:
    """`model.h5`, which `keras.models.load_model` opens without any code of ours, zipped."""
    plain = Network(network.backbone, build_head(recipe, classes))  # with Keras' own dropout
    plain.head.set_weights(network.head.get_weights())
    plain.backbone.trainable = True  # as of a fresh model; which of its layers learned here is no business of the file
    with tempfile.TemporaryDirectory() as folder:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*HDF5", category=UserWarning)  # the format users ask for
            as_one_model(plain).save(Path(folder) / "model.h5", include_optimizer=False)
        return _zipped(Path(folder), "")


def _zipped(folder: Path, root: str) -> bytes:
    """A zip of every file and empty folder below `folder`, in a stable order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = str(Path(root) / path.relative_to(folder))
            member = zipfile.ZipInfo(name + "/" * path.is_dir(), EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, b"" if path.is_dir() else path.read_bytes())
    return buffer.getvalue()
