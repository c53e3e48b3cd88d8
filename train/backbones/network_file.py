"""The user's own network: a Python file whose `build(input_shape, classes)` returns a Keras model.

The file is the user's code, and is executed. Its model is flattened (`flat.py`) and split where its dense layers
begin; what was frozen in it stays as it is in phase one, and where nothing was, all of it learns.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import EiTrainError, UsageError
from train.backbones import FROM_SCRATCH
from train.backbones.flat import ENTRY, FlatNetwork, assemble, flat
from train.backbones.weights_file import WeightsFile
from train.graph import first_kernel
from train.recipe import Recipe, option_of
from train.scaling import Scaling

if TYPE_CHECKING:
    import tf_keras as keras

    from ei_compat.core.progress import Progress
    from train.backbones import Backbone, Outputs

OF_OTHERS = {"backbone", "alpha", "head_units", "head_dropout", "weights"}  # options that a file answers itself
DEFINITION = "def build(input_shape, classes)"


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A file that is there, whose code has not run yet; see `train.backbones.NetworkSource`.

    Attributes:
        path: where it is.
        code: what it says, compiled.
    """

    path: Path
    code: Any

    @classmethod
    def named(cls, name: str, overridden: Collection[str]) -> NetworkFile:
        """Reads a file.

        Args:
            name: its path.
            overridden: options of the command line.

        Raises:
            UsageError: it cannot be read or is no Python, or another option says what the file has to say.
        """
        if twice := sorted(OF_OTHERS & set(overridden)):
            flag = option_of(twice[0])
            raise UsageError(f"the file of --network says that; leave {flag} out", where=flag)
        path = Path(name)
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise UsageError(f"is no Python: {error.msg}", where=f"{path}:{error.lineno}") from error
        except ValueError as error:
            raise UsageError(f"is no Python: {error}", where=path) from error
        except OSError as error:
            reason = str(error.strerror).lower()
            raise UsageError(f"cannot be read: {reason}", where=f"--network {path}") from error
        return cls(path, code)

    def of(self, task: Outputs, shape: tuple[int, ...], seed: int) -> Backbone:
        """See `NetworkSource.of`; executes the file, and `build` with so many classes as the task has outputs."""
        import tf_keras as keras

        keras.utils.set_random_seed(seed)
        keras.backend.reset_uids()  # names of layers count from 1 in every run
        namespace = {"__name__": "network", "__file__": str(self.path)}
        with self._failing_clearly(), contextlib.redirect_stdout(sys.stderr):
            exec(self.code, namespace)  # noqa: S102 - the user's own, as docs/howto/network.md and SECURITY.md say
            build = namespace.get("build")
            if not callable(build):
                raise UsageError("there is no function build", where=self.path, fix=f"let it hold {DEFINITION}")
            model = build(shape, len(task.labels))
            _give_shape(model, shape)
            network = flat(model)
        network = self._fitting(network, task, shape)
        return UserNetwork(self.path, network)

    @contextlib.contextmanager
    def _failing_clearly(self) -> Any:
        """What the file's code raises becomes a line that says where in it."""
        try:
            yield
        except UsageError as error:
            raise UsageError(error.what, where=error.where or self.path, fix=error.fix) from error
        except EiTrainError:
            raise
        except (Exception, SystemExit) as error:
            line, frame = 0, error.__traceback__
            while frame is not None:
                line = frame.tb_lineno if frame.tb_frame.f_code.co_filename == str(self.path) else line
                frame = frame.tb_next
            reason = (str(error).strip().splitlines() or [""])[0]
            fix = None
            if isinstance(error, ImportError) and "keras" in reason:
                fix = "import tensorflow as tf, and use tf.keras"
            elif isinstance(error, TypeError) and not line:
                fix = f"let it hold {DEFINITION}"
            where = f"{self.path}:{line}" if line else self.path
            raise UsageError(f"{type(error).__name__}: {reason}", where=where, fix=fix) from error

    def _fitting(self, network: FlatNetwork, task: Outputs, shape: tuple[int, ...]) -> FlatNetwork:
        """Refuses a network whose ends are not those of the task."""
        wanted = task.build_head(Recipe(), 1).layers[-1].activation.__name__
        if wanted != "softmax":
            raise UsageError(
                f"a network of one's own trains classification alone, and the data are for {task.name}",
                where=f"--network {self.path}",
                fix="leave --network out",
            )
        if network.shape != shape:
            raise UsageError(
                f"the network takes inputs {network.shape}, and the data give {shape}",
                where=self.path,
                fix="use build's input_shape",
            )
        last, outputs = network.head[-1], len(task.labels)
        if last.config["units"] != outputs or len(last.shape) != 1:
            found = " x ".join(map(str, last.shape))
            raise UsageError(
                f"the network has {found} outputs, and the data have {outputs} classes",
                where=self.path,
                fix="let the last Dense have `classes` units"
                + ("" if len(last.shape) == 1 else ", behind a Flatten or a GlobalAveragePooling2D"),
            )
        if network.activation != wanted:
            raise UsageError(
                f"the network ends with {network.activation}, and {task.name} needs {wanted}",
                where=self.path,
                fix=f'give the last Dense activation="{wanted}"',
            )
        if not any(step.weights and step.trainable for step in (*network.body, *network.head)):
            raise UsageError("every layer is frozen", where=self.path, fix="leave the last ones trainable")
        return network


def _give_shape(model: Any, shape: tuple[int, ...]) -> None:
    """Builds a Sequential without an input shape."""
    if type(model).__name__ == "Sequential" and not getattr(model, "inputs", None) and model.layers:
        model.build((None, *shape))


@dataclass(frozen=True, slots=True)
class UserNetwork:
    """The network that a file built; see `train.backbones.Backbone` and `BringsHead`.

    Attributes:
        path: of the file.
        network: what it built, with its weights.
    """

    path: Path
    network: FlatNetwork
    name: str = "network"

    def check(self, recipe: Recipe, shape: tuple[int, ...]) -> None:
        """Nothing more: the network was built for inputs of this shape."""

    def defaults(self, *, pretrained: bool) -> Mapping[str, object]:
        """See `Backbone.defaults`."""
        if pretrained:
            return {}
        return FROM_SCRATCH if len(self.network.shape) == 3 else {**FROM_SCRATCH, "augment": False}

    def find_weights(self, recipe: Recipe, shape: tuple[int, ...], progress: Progress) -> WeightsFile | None:
        """Those that `build` gave, where it froze layers that have some."""
        network = self.network
        if recipe.weights not in {"auto", "none"}:
            raise UsageError("the file of --network loads its weights itself", where=f"--weights {recipe.weights}")
        for name in network.unused:
            progress.warn(f"layer {name!r} has a regularizer or a constraint, which training here has not")
        weighted = [step for step in network.body if step.weights]
        if not network.frozen:
            progress.note(f"{self.path}: no layer is frozen, so all {len(weighted) + len(network.head)} learn")
            return None
        progress.note(
            f"{self.path}: {len(network.frozen)} of {len(weighted)} layers with weights before the dense ones "
            "are frozen, and learn from fine-tuning on"
        )
        content = hashlib.sha256()
        for step in (*network.body, *network.head):
            for value in step.weights:
                content.update(np.ascontiguousarray(value).tobytes())
        return WeightsFile(self.path, None, "built", content.hexdigest())

    def build(
        self, recipe: Recipe, shape: tuple[int, ...], dropout: Callable[[float], Any] | None = None
    ) -> keras.Model:
        """See `Backbone.build`; a frozen beginning takes what is deployed, so its kernel gets the input's scaling."""
        body = assemble(self.network.body, shape, entry=ENTRY, name="backbone", dropout=dropout)
        scaling = Scaling.of(recipe.input_scaling, shape[-1]) if len(shape) == 3 else None
        if scaling is None or scaling.plain:
            return body
        try:
            first = first_kernel(body)
        except ValueError as error:
            raise UsageError(
                f"the network does not begin with a convolution, which --input-scaling {scaling.name} goes into",
                where=self.path,
            ) from error
        if not first.trainable:
            kernel, place = first.kernel.numpy(), list(scaling.place)
            first.kernel.assign(kernel[..., place, :] * scaling.gain[place][:, np.newaxis])
        return body

    def load_weights(self, model: keras.Model, file: WeightsFile, zero: np.ndarray | float) -> None:
        """Nothing: the network was built with them."""

    def build_head(self, recipe: Recipe, features: int, dropout: Callable[[float], Any] | None = None) -> keras.Model:
        """The network's dense layers, as it gave them."""
        import tf_keras as keras

        head = assemble(self.network.head, (features,), entry="features", name="head", dropout=dropout)
        head.layers[-1].activation = keras.activations.get(self.network.activation)
        return head

    def deployed_head(self, recipe: Recipe, head: keras.Model) -> keras.Model:
        """See `Task.deployed_head`; with Keras' own dropout."""
        plain = self.build_head(recipe, head.input_shape[-1])
        plain.set_weights(head.get_weights())
        return plain
