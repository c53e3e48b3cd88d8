"""Networks: the `Backbone` protocol, and the backbones by name.

A backbone is everything that depends on which network learns and on nothing else: how it is built, which published
weights it starts from, and what it takes. What the phases have to know of a network beyond that (what may be pruned,
where an end can begin, which tensors share their scales) is found from the graph of its layers, see `train.graph`.

A backbone of one's own is an object with these members, given to `backbones.BACKBONES.register` or named by an entry
point of the group `ei_train.backbones`; then `--backbone NAME` trains it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from train.recipe import Recipe, option_of
from train.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.backbones.weights_file import WeightsFile


class Backbone(Protocol):
    """A kind of network, without a head.

    Attributes:
        name: what `--backbone` takes: lower case, digits and underscores.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Refuses what the network cannot be built with, before any time is spent.

        Raises:
            UsageError: an option of the recipe does not fit.
            DataError: inputs of this shape do not.
        """
        ...

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """Fields of the recipe that have another default with this network; what the user set stays.

        Args:
            pretrained: whether there are weights to start from.
        """
        ...

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """The published weights that `--weights` asks for, or None where training starts from scratch.

        Raises:
            UsageError: it names a file that does not exist.
            DataError: it asks for weights that cannot be had.
        """
        ...

    def build(
        self, recipe: Recipe, shape: tuple[int, ...], dropout: Callable[[float], Any] | None = None
    ) -> keras.Model:
        """The network with fresh weights: an input named `x_input` of this shape to features [N, D].

        Pixels come as value / 255 less a zero that the input's scaling gives (see `train.scaling`). Its layers have
        names of their own, the same in every run. Every layer is one of Keras' own, used once, and has an INT8 form;
        normalisations are layers behind a convolution or a dense layer, activations are layers.

        Args:
            recipe: gives what the network depends on.
            shape: of one input.
            dropout: makes the dropout layer of a rate, where there is any; Keras' own by default.
        """
        ...

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float) -> None:
        """Puts published weights into what `build` gave, with the rescale of its inputs folded in.

        Phase one leaves all of the network alone then, or the layers that are no longer `trainable`.

        Args:
            model: as it was built.
            file: from `find_weights`.
            zero: what is taken from pixel / 255 before, one value or one for each channel.

        Raises:
            DataError: the file is damaged, or made for another network.
        """
        ...


class Outputs(Protocol):
    """What a whole network has to know of a task; see `train.tasks.Task`."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """A head with the last layer that the task needs."""
        ...


@runtime_checkable
class BringsHead(Protocol):
    """A backbone that is one half of a whole network, whose other half is the head."""

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """See `Task.build_head`."""
        ...

    def deployed_head(self, recipe: Recipe, head: keras.Model) -> keras.Model:
        """See `Task.deployed_head`."""
        ...


@runtime_checkable
class TakesFeatures(Protocol):
    """A backbone that learns on features which are divided by how much they vary; see `train.feature_scaling`."""

    def columns(self, recipe: Recipe, shape: tuple[int, ...]) -> int:
        """How many features in a row have weights of their own in the first layer; those of other rows share them."""
        ...


@runtime_checkable
class NetworkSource(Protocol):
    """What becomes a backbone once the task and the inputs are known."""

    def of(self, task: Outputs, shape: tuple[int, ...], seed: int) -> Backbone:
        """The backbone of the network for this task; TensorFlow has been started.

        Raises:
            UsageError: there is no such network, or it fits neither the task nor inputs of this shape.
        """
        ...


@runtime_checkable
class Finished(BringsHead, Protocol):
    """A whole network that comes trained: it is not trained before fine-tuning, and results are held against it.

    Attributes:
        called: what the report calls it.
    """

    called: str


class FinishedModel(NetworkSource, Protocol):
    """A finished model that was read, which answers a part of the recipe itself."""

    def settles(self) -> Mapping[str, object]:
        """Fields of the recipe that the model answers."""
        ...

    def check_images(self) -> None:
        """Raises UsageError where pictures cannot be prepared for the model, or it is not known how."""
        ...


def finished(path: Path, *, scaling: str | None, labels: tuple[str, ...] | None) -> FinishedModel:
    """Reads a finished model; TensorFlow has been started. See `train.backbones.given_model.GivenModel.read`."""
    model: FinishedModel = pkgutil.resolve_name(GIVEN_MODEL).read(path, scaling=scaling, labels=labels)
    return model


def chosen(recipe: Recipe, overridden: Collection[str]) -> Backbone | NetworkSource | None:
    """The backbone that the recipe asks for, or None where the inputs decide; see `usual`.

    Args:
        recipe: names it, or a file that builds it.
        overridden: names of the recipe's fields that the command line set.

    Raises:
        UsageError: there is none of that name, or the options do not fit together.
    """
    if recipe.network == "none":
        return None if recipe.backbone == AUTO else BACKBONES.named(recipe.backbone)
    source: NetworkSource = pkgutil.resolve_name(NETWORK_FILE).named(recipe.network, overridden)
    return source


def unused_options(backbone: Backbone, overridden: Collection[str]) -> list[str]:
    """The options of the command line that are for other backbones of this package, as it spells them."""
    own = {name for name, users in OPTIONS_OF.items() if backbone.name in users}
    known = {user for users in OPTIONS_OF.values() for user in users}
    if backbone.name not in known:
        return []  # one from outside, which may use any
    return [option_of(name) for name in OPTIONS_OF if name in overridden and name not in own]


def usual(shape: tuple[int, ...]) -> Backbone:
    """The backbone of inputs of this shape where none is asked for: of pictures, of features, of rows of features."""
    return BACKBONES.named({1: "dense", 2: "conv1d"}.get(len(shape), "mobilenet_v2"))


AUTO = "auto"  # in place of a backbone's name
OPTIONS_OF: Mapping[str, Collection[str]] = {  # fields of the recipe that only some backbones use
    "alpha": ("mobilenet_v2", "mobilenet_v1"),
    "units": ("dense",),
    "columns": ("conv1d",),
    "filters": ("conv1d",),
    "kernel_size": ("conv1d",),
    "conv_dropout": ("conv1d",),
}
BACKBONES: Registry[Backbone] = Registry(
    "--backbone",
    "ei_train.backbones",
    {
        "mobilenet_v2": "train.backbones.mobilenet_v2:MOBILENET_V2",
        "mobilenet_v1": "train.backbones.mobilenet_v1:MOBILENET_V1",
        "dense": "train.backbones.dense:DENSE",
        "conv1d": "train.backbones.conv1d:CONV1D",
    },
)
NETWORK_FILE = "train.backbones.network_file:NetworkFile"  # of the option --network
GIVEN_MODEL = "train.backbones.given_model:GivenModel"  # of the command compress

# What changes in a network of images without weights to start from. Five epochs of a head on random features and ten of
# recovery from pruning would leave a network that knows nothing, and only varied pictures keep so free a network from
# learning the set by heart.
FROM_SCRATCH: Mapping[str, object] = {
    "epochs": 40,
    "fine_tune_epochs": 30,
    "fine_tune_share": 1.0,
    "augment": True,
    "min_steps": 0,
}
