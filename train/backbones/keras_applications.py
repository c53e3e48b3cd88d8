"""Networks of `keras.applications` as backbones: their published ImageNet weights, and the rescale that these expect.

Keras publishes one file for each width and input size. Convolutions do not depend on the input's size, so a file for
another size serves where the exact one is missing.

Our pixels come in as [0, 1]. Keras' MobileNets expect [-1, 1]; that rescale is folded into the first convolution and
its batch normalisation, so that the model needs no operator for it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ei_compat.core.errors import DataError, RemoteError, UsageError
from ei_compat.core.files import cache_folder
from train.backbones import FROM_SCRATCH
from train.backbones.weights_file import WeightsFile, digest, read_tensors
from train.graph import Graph, first_kernel

if TYPE_CHECKING:
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.recipe import Recipe

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
SMALLEST_SIDE = 32  # pixels
LARGEST_FILE = 64 * 2**20  # bytes; MobileNetV1 of alpha 1.0 with its top has 17 MB
# Without weights the gradients of everything come through the head, and two layers of strong dropout let little pass:
# MobileNetV1 0.25 on 1,321 pictures of ten signs came to 0.60 behind them and to 0.94 behind little dropout.
OPEN_HEAD: Mapping[str, object] = {"head_dropout": (0.1, 0.1), "learning_rate": 0.002}


class FileName(Protocol):
    """Names a published file."""

    def __call__(self, alpha: float, size: int, *, top: bool = False) -> str:
        """The name for a width multiplier and an input size, without the classifier or with it."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """The files that Keras publishes for one kind of network.

    Attributes:
        folder: of theirs at `KERAS`.
        sizes: input sizes in pixels that there are files for.
        file_name: names them.
    """

    folder: str
    sizes: tuple[int, ...]
    file_name: FileName

    def find(self, asked: str, *, alpha: float, size: int, progress: Progress) -> WeightsFile | None:
        """Resolves `--weights`.

        Args:
            asked: `auto`, `imagenet`, `none` or the path of a file.
            alpha: the network's width multiplier.
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
            return WeightsFile(path, None, "given", digest(path))
        by_distance = sorted(self.sizes, key=lambda s: (abs(s - size), -s))
        for near in by_distance:
            names = [self.file_name(alpha, near, top=top) for top in (False, True)]
            for path in (folder / name for folder in _local_folders() for name in names):
                if path.is_file():
                    return WeightsFile(path, near, "local", digest(path))
        try:
            path = _download(self.folder, self.file_name(alpha, by_distance[0]))
            return WeightsFile(path, by_distance[0], "downloaded", digest(path))
        except RemoteError as error:
            places = ", ".join(map(str, _local_folders()))
            reason = f"no ImageNet weights for alpha {alpha}: none in {places}, and {error}"
        if asked == "imagenet":
            raise DataError(
                reason, where="--weights imagenet", fix="put a published file in ./weights, or use --weights none"
            )
        progress.warn(f"{reason}; training from scratch, which needs more epochs and more pictures")
        return None


@dataclass(frozen=True, slots=True)
class KerasApplication:
    """A network of `keras.applications` up to its last activation, averaged over the picture; see `Backbone`.

    Attributes:
        name: what `--backbone` takes.
        network: what its paper calls it, for messages.
        application: its function in `keras.applications`.
        alphas: the width multipliers that there are.
        published: its weights.
        top: the layers of Keras' classifier that have weights; a file may hold them.
        own_defaults: fields of the recipe that have another default, with weights or without.
    """

    name: str
    network: str
    application: str
    alphas: Collection[float]
    published: PublishedWeights
    top: Collection[str]
    own_defaults: Mapping[str, object] = field(default_factory=dict)

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Pictures from 32x32 on, and a published width."""
        _check_alpha(recipe.alpha, self.alphas, self.name)
        _check_image(shape)

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """See `Backbone.defaults`."""
        return dict(self.own_defaults) if pretrained else {**self.own_defaults, **FROM_SCRATCH, **OPEN_HEAD}

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """Keras' own, for the nearest size."""
        return self.published.find(recipe.weights, alpha=recipe.alpha, size=max(shape[:2]), progress=progress)

    def build(
        self, recipe: Recipe, shape: tuple[int, ...], dropout: Callable[[float], Any] | None = None
    ) -> keras.Model:
        """See `Backbone.build`; there is no dropout."""
        import tf_keras as keras

        pixels = keras.layers.Input(shape, name="x_input")
        application = getattr(keras.applications, self.application)
        cells = application(input_tensor=pixels, alpha=recipe.alpha, include_top=False, weights=None)
        average = keras.layers.GlobalAveragePooling2D(name="average")(cells.output)  # the same name in every run
        return keras.Model(cells.input, average, name=cells.name)

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float = 0.0) -> None:
        """See `Backbone.load_weights`; the file's are for [-1, 1]."""
        _load_published(model, file, zero, network=self.network, top=self.top)


def _local_folders() -> Iterator[Path]:
    """Where weights may lie: in the image, beside the user's work, in an Edge Impulse export, downloaded before."""
    if baked := os.environ.get("EI_TRAIN_WEIGHTS"):
        yield Path(baked)
    yield Path("weights")
    yield Path("transfer-learning-weights") / "keras"
    yield cache_folder("weights")


def _download(group: str, name: str) -> Path:
    """Fetches one published file into the cache, or into the temporary folder where there is no writable home."""
    import requests

    address = KERAS + group + name
    folder = cache_folder("weights")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = Path(tempfile.gettempdir())
    partial = folder / f".{name}.{os.getpid()}"
    try:
        with requests.get(address, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            answer.raise_for_status()
            size = 0
            with partial.open("wb") as file:
                for chunk in answer.iter_content(2**20):
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise RemoteError("larger than any weights file", where=address)
                    file.write(chunk)
        return partial.replace(folder / name)
    except (requests.RequestException, OSError) as error:
        raise RemoteError(f"the download failed ({type(error).__name__})", where=address) from error
    finally:
        partial.unlink(missing_ok=True)


def _load_published(
    backbone: keras.Model, file: WeightsFile, zero: np.ndarray | float, *, network: str, top: Collection[str]
) -> None:
    """Puts ImageNet weights into the backbone, with the [-1, 1] rescale and, for one channel, the colours folded in.

    Args:
        backbone: for pixels in [0, 1], less `zero`, with 3 or 1 input channels.
        file: weights for 3 channels in [-1, 1].
        zero: what is taken from the pixels before, one value or one for each channel; see `train.scaling`.
        network: its name, for messages.
        top: the layers of Keras' classifier that have weights; a file may hold them.

    Raises:
        DataError: the file is not HDF5, or a tensor's name or shape does not fit.
    """
    tensors, first, channels = read_tensors(file.path), first_kernel(backbone), backbone.input_shape[-1]
    colours = tensors.get(first.name, {}).get("kernel", np.empty(0))  # of that shape, or refused below
    for layer in backbone.layers:
        if not layer.weights:
            continue
        found = tensors.pop(layer.name, {})
        expected = {v.name.removesuffix(":0").split("/")[-1]: tuple(v.shape) for v in layer.weights}
        if layer is first:
            expected["kernel"] = (*expected["kernel"][:2], 3, expected["kernel"][3])
        shapes = {name: value.shape for name, value in found.items()}
        if shapes != expected:
            raise DataError(
                f"layer {layer.name} should hold {expected} but holds {shapes or 'nothing'}",
                where=file.path,
                fix=f"give Keras' {network} weights of this alpha, without the top",
            )
        layer.set_weights(
            [found[name] for name in expected] if layer is not first else [found["kernel"][:, :, :channels]]
        )
    if unknown := sorted(set(tensors) - set(top)):
        raise DataError(
            f"has layers that {network} lacks: {', '.join(unknown[:3])}",
            where=file.path,
            fix=f"give Keras' own {network} weights, with or without the top",
        )
    _fold_rescale(backbone, colours, zero)


def _fold_rescale(backbone: keras.Model, kernel: np.ndarray, zero: np.ndarray | float) -> None:
    """Makes a first convolution for [-1, 1] take x = pixel / 255 - z.

    conv(2(x + z) - 1, k) = conv(x, 2k) - sum((1 - 2z)k). The constant moves into the batch
    normalisation's moving mean. Only the padded border differs, which now means the value 0 of x instead of mid-grey.
    With a single channel the three colours see the same value, so their kernels add up.
    """
    convolution = first_kernel(backbone)
    normalisation: Any = Graph.of(backbone).normalisation_of(convolution)
    total = ((1 - 2 * np.asarray(zero, np.float32)).reshape(-1, 1) * kernel).sum(axis=(0, 1, 2))
    if backbone.input_shape[-1] == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    convolution.set_weights([2 * kernel])
    gamma, beta, mean, variance = normalisation.get_weights()
    normalisation.set_weights([gamma, beta, mean + total, variance])


def _check_alpha(alpha: float, published: Collection[float], network: str) -> None:
    """Raises UsageError where there is no network of that width."""
    if alpha not in published:
        *most, last = map(str, published)
        raise UsageError(
            f"{network} has the widths {', '.join(most)} and {last}", where=f"--alpha {alpha:g}", fix="use one of them"
        )


def _check_image(shape: tuple[int, ...]) -> None:
    """Raises DataError where inputs of this shape are no pictures that are large enough."""
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape[:2]) < SMALLEST_SIDE:
        raise DataError(
            f"inputs of shape {shape} are no pictures this network can take",
            fix=f"give (height, width, channels) with at least {SMALLEST_SIDE} pixels a side and 1 or 3 channels",
        )
