"""A finished model that was trained elsewhere, as a network to go on with: its layers, its weights, its trained head.

It is read from a `.keras` or `.h5` file or a SavedModel and never executed as code. What a model does to pixels before
its first layer (Keras' `Rescaling`) becomes the input scaling of the compressed one, which needs no operator for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import DataError, FormatError, UsageError
from ei_compat.media.pixels import InputScaling
from train.backbones.flat import ENTRY, FlatLayers, FlatNetwork, assemble, inlined, split
from train.backbones.keras_file import read_keras_file
from train.backbones.network_file import UserNetwork
from train.backbones.own_layers import Step
from train.backbones.saved_model import read_saved_model
from train.backbones.weights_file import WeightsFile
from train.recipe import Recipe
from train.scaling import Scaling

if TYPE_CHECKING:
    from ei_compat.core.progress import Progress
    from train.backbones import Backbone, Outputs

GIVEN = "given model"  # in the report
TOLERANCE = 1e-3  # of a score between what TensorFlow says of a SavedModel and what its layers say


@dataclass(frozen=True, slots=True)
class GivenModel:
    """A model that was read; see `train.backbones.NetworkSource`.

    Attributes:
        path: of the file or folder.
        network: its layers, without a rescaling of its inputs.
        scaling: what the network is given for pixels, or None where neither the model nor the user says.
        labels: the classes in the order of its outputs, or None for the order of the data.
        notes: what was read in another form than it was written.
    """

    path: Path
    network: FlatNetwork
    scaling: str | None
    labels: tuple[str, ...] | None
    notes: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, *, scaling: str | None, labels: tuple[str, ...] | None) -> GivenModel:
        """Reads a model; TensorFlow has been started.

        Args:
            path: a `.keras` or `.h5` file, or the folder of a SavedModel.
            scaling: what the model is given for pixels, where the user says so.
            labels: the classes in the order of its outputs, where the user says so.

        Raises:
            DataError: there is no such file, or it is no model.
            UsageError: the model cannot be compressed; the message says why.
        """
        import tf_keras as keras

        if not path.exists():
            raise DataError("no such model", where=path, fix="give a .keras or .h5 file, or the folder of a SavedModel")
        keras.backend.reset_uids()  # names of layers count from 1 in every run
        run: Callable[[np.ndarray], np.ndarray] | None = None
        try:
            if path.is_dir():
                layers, run = (found := read_saved_model(path)).layers, found.run
            else:
                layers = inlined(read_keras_file(path))
            layers, scale, offset = _without_rescaling(layers)
            network = split(layers)
        except UsageError as error:
            raise UsageError(error.what, where=error.where or path, fix=error.fix) from error
        if run is not None:
            _compare(network, run, scale, offset, path)
        inner, notes = _inner_scaling(scaling, scale, offset, network.shape, path)
        return cls(path, network, inner, labels, notes)

    def settles(self) -> Mapping[str, object]:
        """Fields of the recipe that the model answers."""
        found: dict[str, object] = {"network": str(self.path), "epochs": 0}
        if self.scaling is not None:
            found["input_scaling"] = InputScaling(self.scaling)
        if len(self.network.shape) == 3:
            found |= {"image_size": self.network.shape[0], "channels": self.network.shape[2]}
        return found

    def check_images(self) -> None:
        """Raises UsageError where pictures cannot be prepared for the model, or it is not known how."""
        shape = self.network.shape
        if len(shape) != 3 or shape[0] != shape[1] or shape[2] not in (1, 3):
            raise UsageError(
                f"the model takes inputs {shape}, and pictures are prepared as squares with 1 or 3 channels",
                where=self.path,
                fix="give arrays with such inputs",
            )
        if self.scaling is None:
            raise UsageError(
                "the model does not say what it was given for pixels",
                where=self.path,
                fix=f"say it with --input-scaling, one of {', '.join(InputScaling)}",
            )

    def of(self, task: Outputs, shape: tuple[int, ...], seed: int) -> Backbone:
        """See `NetworkSource.of`."""
        notes = list(self.notes)
        if task.build_head(Recipe(), 1).layers[-1].activation.__name__ != "softmax":
            raise UsageError(
                f"compress takes classifiers, and the data are for {task.name}", where=self.path, fix="see --task"
            )
        if self.network.shape != shape:
            raise DataError(
                f"the model takes inputs {self.network.shape}, and the data give {shape}",
                where=self.path,
                fix="give the data that it was made for",
            )
        network = _with_softmax(self.network, notes, self.path)
        last, count = network.head[-1], len(task.labels)
        if last.shape != (count,):
            found = " x ".join(map(str, last.shape))
            raise DataError(
                f"the model has {found} outputs, and the data have {count} classes",
                where=self.path,
                fix="give the data that it was made for",
            )
        if self.labels is None:
            notes.append(f"its outputs are taken for {', '.join(task.labels)}, in this order")
        else:
            network = _in_order(network, self.labels, task.labels)
        frozen = [replace(step, trainable=False) for step in network.body]
        learning = [replace(step, trainable=True) for step in network.head]
        return GivenNetwork(self.path, replace(network, body=frozen, head=learning), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class GivenNetwork(UserNetwork):
    """The network of a finished model; see `train.backbones.Backbone` and `Finished`.

    Attributes:
        called: what it is called where results are held against it.
        notes: what is to be said of it.
    """

    called: str = GIVEN
    notes: tuple[str, ...] = ()

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """Those of the file."""
        steps = (*self.network.body, *self.network.head)
        weighted = [step for step in steps if step.weights]
        count = sum(value.size for step in weighted for value in step.weights)
        progress.note(f"{self.path}: {len(weighted)} layers with {count:,} weights")
        for note in self.notes:
            progress.note(f"{self.path}: {note}")
        content = hashlib.sha256()
        for step in steps:
            for value in step.weights:
                content.update(np.ascontiguousarray(value).tobytes())
        return WeightsFile(self.path, None, "given", content.hexdigest())


def _without_rescaling(layers: FlatLayers) -> tuple[FlatLayers, np.ndarray, np.ndarray]:
    """The layers behind those that scale the inputs, and the factor and summand [C] or [] of these."""
    steps, scale, offset = list(layers.steps), np.ones(()), np.zeros(())
    while steps and steps[0].kind == "Rescaling" and len(steps) > 1:
        first = steps.pop(0)
        if sum(first.name in step.inputs for step in steps) == 0 or any(ENTRY in step.inputs for step in steps):
            raise UsageError(f"layer {first.name!r} (Rescaling) is not the only one that reads the inputs")
        factor, summand = (np.asarray(first.config[name], np.float64) for name in ("scale", "offset"))
        scale, offset = scale * factor, offset * factor + summand
        steps = [replace(s, inputs=tuple(ENTRY if n == first.name else n for n in s.inputs)) for s in steps]
    return replace(layers, steps=steps), scale, offset


def _compare(
    network: FlatNetwork, run: Callable[[np.ndarray], np.ndarray], scale: np.ndarray, offset: np.ndarray, path: Path
) -> None:
    """Raises FormatError where the layers that were read do not give what TensorFlow gives."""
    import tf_keras as keras

    inner = np.random.default_rng(1).random((4, *network.shape)) * 2 - 1
    theirs = run(((inner - offset) / scale).astype(np.float32))
    body = assemble(network.body, network.shape, entry=ENTRY, name="backbone")
    head = assemble(network.head, body.output_shape[1:], entry="features", name="head")
    ours = keras.activations.get(network.activation)(head(body(inner.astype(np.float32)))).numpy()
    difference = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    if not difference <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
        raise FormatError(
            f"its operations were not understood: the layers read from it give outputs that differ by {difference:.2g}",
            where=path,
            fix="save it as a .keras or .h5 file",
        )


def _inner_scaling(
    given: str | None, scale: np.ndarray, offset: np.ndarray, shape: tuple[int, ...], path: Path
) -> tuple[str | None, tuple[str, ...]]:
    """What the layers behind the model's own rescaling are given for pixels, and what is to be said of that."""
    if np.all(scale == 1) and np.all(offset == 0):
        return given, ()
    outside = given or InputScaling.UNSIGNED
    own = f"its own rescaling by {np.ravel(scale)[0]:.6g} and {np.ravel(offset)[0]:.6g}"
    for name in InputScaling:
        try:
            inside, wanted = Scaling.of(outside, shape[-1]), Scaling.of(name, shape[-1])
        except UsageError:
            continue  # it needs three channels
        ends = [(scale * inside.black + offset, wanted.black), (scale * inside.white + offset, wanted.white)]
        if inside.place == wanted.place and all(np.allclose(a, b, atol=1e-4) for a, b in ends):
            return str(name), (f"{own} of pixels in {outside} is left out: the compressed model is given {name}",)
    raise UsageError(
        f"{own} of pixels in {outside} gives none of {', '.join(InputScaling)}",
        where=path,
        fix="say what the model itself is given with --input-scaling, or save it without the rescaling",
    )


def _with_softmax(network: FlatNetwork, notes: list[str], path: Path) -> FlatNetwork:
    """The network with the last activation of a classifier, where it has another that says the same."""
    last = network.head[-1]
    if network.activation == "softmax":
        return network
    if network.activation == "linear" and last.shape != (1,):
        notes.append("it ends without an activation, so its outputs are taken for logits, and a softmax is added")
        return replace(network, activation="softmax")
    if network.activation in {"sigmoid", "linear"} and last.shape == (1,):
        kernel, *bias = (np.concatenate([-value / 2, value / 2], axis=-1) for value in last.weights)
        two = replace(last, config={**last.config, "units": 2}, shape=(2,), weights=[kernel, *bias])
        notes.append("its one output, the score of the second class, becomes two with a softmax")
        return replace(network, head=[*network.head[:-1], two], activation="softmax")
    raise UsageError(
        f"the model ends with {network.activation}, and a classifier of one class a picture with softmax",
        where=path,
        fix="give one that ends with softmax, one sigmoid, or logits",
    )


def _in_order(network: FlatNetwork, labels: tuple[str, ...], wanted: tuple[str, ...]) -> FlatNetwork:
    """The network with its outputs in the order of the data's classes."""
    if sorted(labels) != sorted(wanted):
        unknown = sorted(set(labels) ^ set(wanted))
        raise UsageError(
            f"{unknown[0] if unknown else labels[0]!r} is not in both the file and the data's {', '.join(wanted)}",
            where="--labels",
            fix="give the data's classes in the order of the model's outputs",
        )
    order = [labels.index(name) for name in wanted]
    last: Step = network.head[-1]
    return replace(
        network, head=[*network.head[:-1], replace(last, weights=[value[..., order] for value in last.weights])]
    )
