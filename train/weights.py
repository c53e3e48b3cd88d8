"""ImageNet weights: where they come from, whether they fit, and how they become ours.

The files are Keras' own, one for each width and input size [keras.applications.mobilenet_v2]. Convolutions do not
depend on the input's size, so a file for another size serves where the exact one is missing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError, RemoteError, UsageError

if TYPE_CHECKING:
    import tf_keras as keras

    from ei_compat.core.progress import Progress

PUBLISHED = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
PUBLISHED_SIZES = (96, 128, 160, 192, 224)
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
TOP = {"predictions"}  # the layers of Keras' classifier that have weights; an export's own file holds them
LARGEST_FILE = 64 * 2**20  # bytes; alpha 1.0 without its top has 9.4 MB


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights that was found.

    Attributes:
        path: where it is.
        image_size: the input size that its name gives, or None for a file that the user named.
        origin: "local", "downloaded" or "given".
        sha256: hexadecimal digest of the file.
    """

    path: Path
    image_size: int | None
    origin: str
    sha256: str


def file_name(alpha: float, size: int, *, top: bool = False) -> str:
    """Keras' published name for a width multiplier and an input size, without the classifier or with it."""
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{'' if top else '_no_top'}.h5"


def find_weights(asked: str, *, alpha: float, size: int, progress: Progress) -> WeightsFile | None:
    """Resolves `--weights`.

    Args:
        asked: `auto`, `imagenet`, `none` or the path of a file.
        alpha: MobileNetV2's width multiplier.
        size: the model's input size in pixels; the nearest published size serves, the larger of two as near.
        progress: told where the weights come from, and warned when there are none.

    Returns:
        The file, or None when training starts from scratch.

    Raises:
        UsageError: `asked` is a path without a file.
        DataError: `imagenet` was asked for and there is no file.
    """
    if asked == "none":
        return None
    if asked not in {"auto", "imagenet"}:
        path = Path(asked)
        if not path.is_file():
            raise UsageError(
                "no such weights file", where=f"--weights {asked}", fix="give auto, imagenet, none or a .h5 file"
            )
        return WeightsFile(path, None, "given", _digest(path))
    by_distance = sorted(PUBLISHED_SIZES, key=lambda s: (abs(s - size), -s))
    for near in by_distance:
        for path in (folder / file_name(alpha, near, top=top) for folder in _local_folders() for top in (False, True)):
            if path.is_file():
                return WeightsFile(path, near, "local", _digest(path))
    try:
        path = _download(file_name(alpha, by_distance[0]))
        return WeightsFile(path, by_distance[0], "downloaded", _digest(path))
    except RemoteError as error:
        reason = f"no ImageNet weights for alpha {alpha}: none in {', '.join(map(str, _local_folders()))}, and {error}"
    if asked == "imagenet":
        raise DataError(
            reason, where="--weights imagenet", fix="put a published file in ./weights, or use --weights none"
        )
    progress.warn(f"{reason}; training from scratch, which needs more epochs and more pictures")
    return None


def _local_folders() -> Iterator[Path]:
    """Where weights may lie: in the image, beside the user's work, in an Edge Impulse export, downloaded before."""
    if baked := os.environ.get("EI_TRAIN_WEIGHTS"):
        yield Path(baked)
    yield Path("weights")
    yield Path("transfer-learning-weights") / "keras"
    yield _cache_folder()


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - needs no account
    return Path(home) / "ei-train" / "weights"


def _download(name: str) -> Path:
    """Fetches one published file into the cache, or into the temporary folder where there is no writable home."""
    import requests

    folder = _cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = Path(tempfile.gettempdir())
    partial = folder / f".{name}.{os.getpid()}"
    try:
        with requests.get(PUBLISHED + name, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            answer.raise_for_status()
            size = 0
            with partial.open("wb") as file:
                for chunk in answer.iter_content(2**20):
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise RemoteError("larger than any weights file", where=PUBLISHED + name)
                    file.write(chunk)
        return partial.replace(folder / name)
    except (requests.RequestException, OSError) as error:
        raise RemoteError(f"the download failed ({type(error).__name__})", where=PUBLISHED + name) from error
    finally:
        partial.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(backbone: keras.Model, file: WeightsFile, zero: np.ndarray | float = 0.0) -> None:
    """Puts ImageNet weights into the backbone, with the [-1, 1] rescale and, for one channel, the colours folded in.

    Args:
        backbone: MobileNetV2 for pixels in [0, 1], less `zero`, with 3 or 1 input channels.
        file: weights for 3 channels in [-1, 1].
        zero: what is taken from the pixels before, one value or one for each channel; see `train.scaling`.

    Raises:
        DataError: the file is not HDF5, or a tensor's name or shape does not fit.
    """
    tensors = _read_tensors(file.path)
    channels = backbone.input_shape[-1]
    for layer in backbone.layers:
        if not layer.weights:
            continue
        found = tensors.pop(layer.name, {})
        expected = {v.name.removesuffix(":0").split("/")[-1]: tuple(v.shape) for v in layer.weights}
        if layer.name == "Conv1":
            expected["kernel"] = (*expected["kernel"][:2], 3, expected["kernel"][3])
        shapes = {name: value.shape for name, value in found.items()}
        if shapes != expected:
            raise DataError(
                f"layer {layer.name} should hold {expected} but holds {shapes or 'nothing'}",
                where=file.path,
                fix="give Keras' MobileNetV2 weights of this alpha, without the top",
            )
        layer.set_weights(
            [found[name] for name in expected] if layer.name != "Conv1" else [found["kernel"][:, :, :channels]]
        )
    if unknown := sorted(set(tensors) - TOP):
        raise DataError(
            f"has layers that MobileNetV2 lacks: {', '.join(unknown[:3])}",
            where=file.path,
            fix="give Keras' own MobileNetV2 weights, with or without the top",
        )
    _fold_rescale(backbone, _read_tensors(file.path)["Conv1"]["kernel"], zero)


def _fold_rescale(backbone: keras.Model, kernel: np.ndarray, zero: np.ndarray | float) -> None:
    """Makes a first convolution for [-1, 1] take x = pixel / 255 - z.

    conv(2(x + z) - 1, k) = conv(x, 2k) - sum((1 - 2z)k). The constant moves into the batch
    normalisation's moving mean. Only the padded border differs, which now means the value 0 of x instead of mid-grey.
    With a single channel the three colours see the same value, so their kernels add up.
    """
    convolution, normalisation = backbone.get_layer("Conv1"), backbone.get_layer("bn_Conv1")
    total = ((1 - 2 * np.asarray(zero, np.float32)).reshape(-1, 1) * kernel).sum(axis=(0, 1, 2))
    if backbone.input_shape[-1] == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    convolution.set_weights([2 * kernel])
    gamma, beta, mean, variance = normalisation.get_weights()
    normalisation.set_weights([gamma, beta, mean + total, variance])


def _read_tensors(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Every tensor of a Keras weights file: {layer: {weight: value}}."""
    import h5py

    tensors: dict[str, dict[str, np.ndarray]] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, weight = name.removeprefix("model_weights/").split("/")
            tensors.setdefault(layer, {})[weight.removesuffix(":0")] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError("not an HDF5 file, or a damaged one", where=path, fix="fetch it again") from error
    return tensors
