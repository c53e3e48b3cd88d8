"""Finished models in the files of Keras 2 and Keras 3: `.keras` (a zip) and `.h5`, read as data and never executed."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import EiTrainError, FormatError
from train.backbones.keras_config import rebuild

if TYPE_CHECKING:
    import tf_keras as keras

CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # in a .keras file
LARGEST_CONFIG, LARGEST_WEIGHTS = 64 << 20, 4 << 30  # bytes
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ALIASES = {"depthwise_kernel": "kernel"}  # Keras 3 calls it so


def read_keras_file(path: Path) -> keras.Model:
    """The model of a `.keras` or `.h5` file, told apart by what is in it.

    Raises:
        FormatError: it is neither, is damaged, or holds weights without a model.
        UsageError: a layer is none of those that are known here.
    """
    import h5py

    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
        if is_hdf5:
            with h5py.File(path, "r") as group:
                return _of_h5(group)
        with zipfile.ZipFile(path) as archive:
            return _of_keras(archive)
    except zipfile.BadZipFile:
        raise FormatError(
            "is no Keras model", where=path, fix="give a .keras or .h5 file, or the folder of a SavedModel"
        ) from None
    except EiTrainError as error:
        raise type(error)(error.what, where=error.where or path, fix=error.fix) from error
    except (OSError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise  # a path that is not there, or may not be read
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise FormatError(
            f"is damaged, or no Keras model ({type(error).__name__}: {reason})", where=path, fix="save it again"
        ) from error


def _of_keras(archive: zipfile.ZipFile) -> keras.Model:
    import h5py

    names = set(archive.namelist())
    if not {CONFIG, WEIGHTS} <= names:
        raise FormatError(f"has no {CONFIG} and {WEIGHTS}", fix="give what `model.save` wrote")
    document = json.loads(_member(archive, CONFIG, LARGEST_CONFIG))
    with h5py.File(io.BytesIO(_member(archive, WEIGHTS, LARGEST_WEIGHTS)), "r") as file:
        store = NumberedStore(file)
        model = rebuild(document, store)
        store.refuse_rest()
    return model


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise FormatError(f"{name} is larger than {most} bytes")
    return archive.read(name)


def _of_h5(file: Any) -> keras.Model:
    if "model_config" not in file.attrs:
        raise FormatError("holds weights and no model", fix="save the whole model with `model.save`")
    text = file.attrs["model_config"]
    store = NamedStore.of_file(file["model_weights"])
    model = rebuild(json.loads(text), store)
    store.refuse_rest()
    return model


def _snake(kind: str) -> str:
    """A class's name as the file calls its layers: `SeparableConv2D` is `separable_conv2d`."""
    between = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", between).lower()


@dataclass(slots=True)
class NumberedStore:
    """Weights as `.keras` files have them: layers go by their class and a number, variables by a number.

    Attributes:
        group: of a model; its layers are below `layers`.
        read: the names of the arrays that were asked for, of the whole file.
    """

    group: Any
    read: set[str] = field(default_factory=set)
    _seen: Counter[str] = field(default_factory=Counter)

    def of_layer(self, kind: str, name: str) -> Sequence[np.ndarray]:
        """See `Store.of_layer`."""
        group = self._next(kind)
        variables = {} if group is None else group.get("vars", {})
        said = getattr(variables, "attrs", {}).get("name", name)
        if said != name:
            raise FormatError(f"the weights of layer {name!r} are those of {said!r}")
        numbers = sorted((each for each in variables if each.isdigit()), key=int)
        self.read |= {variables[each].name for each in numbers}
        return [variables[each][()] for each in numbers]

    def of_model(self, kind: str, name: str) -> NumberedStore:
        """See `Store.of_model`."""
        return NumberedStore(self._next(kind) or {}, self.read)

    def _next(self, kind: str) -> Any:
        name = _snake(kind)
        number, self._seen[name] = self._seen[name], self._seen[name] + 1
        return self.group.get("layers", {}).get(f"{name}_{number}" if number else name)

    def refuse_rest(self) -> None:
        """Raises FormatError where a layer's weights were never asked for."""
        held: list[str] = []
        self.group["layers"].visititems(lambda _, each: held.append(each.name) if hasattr(each, "shape") else None)
        rest = [name for name in held if name not in self.read and "generator" not in name]
        if rest:
            raise FormatError(f"holds weights of no layer of its configuration: {rest[0]}")


@dataclass(slots=True)
class NamedStore:
    """Weights as `.h5` files have them: by the names of layers.

    Attributes:
        layers: for each name the weights, as (name of the variable, value); of a model within the model all of them.
    """

    layers: dict[str, list[tuple[str, np.ndarray]]]
    _inner: list[NamedStore] = field(default_factory=list)

    @classmethod
    def of_file(cls, group: Any) -> NamedStore:
        """Those of `model_weights`."""
        found: dict[str, list[tuple[str, np.ndarray]]] = {}
        for layer in _texts(group.attrs, "layer_names"):
            names = _texts(group[layer].attrs, "weight_names")
            found[layer] = [(name.removesuffix(":0"), group[layer][name][()]) for name in names]
        return cls(found)

    def of_layer(self, kind: str, name: str) -> Sequence[np.ndarray]:
        """See `Store.of_layer`."""
        found = self.layers.pop(name, [])
        called = [ALIASES.get(each.split("/")[-1], each.split("/")[-1]) for each, _ in found]
        if len(set(called)) != len(called):
            raise FormatError(f"layer {name!r} has two weights of one name")
        return [value for _, value in found]

    def of_model(self, kind: str, name: str) -> NamedStore:
        """See `Store.of_model`; the names within say which layer a weight belongs to."""
        inner: dict[str, list[tuple[str, np.ndarray]]] = {}
        for called, value in self.layers.pop(name, []):
            inner.setdefault(called.split("/")[-2], []).append((called, value))
        self._inner.append(store := _Nested(inner))
        return store

    def refuse_rest(self) -> None:
        """Raises FormatError where a layer's weights were never asked for."""
        for store in (self, *self._inner):
            if rest := [name for name, weights in store.layers.items() if weights]:
                raise FormatError(f"holds weights of no layer of its configuration: {rest[0]}")


class _Nested(NamedStore):
    """Of a model within the model, in which all models further in share one list."""

    def of_model(self, kind: str, name: str) -> NamedStore:
        return self


def _texts(attributes: Mapping[str, Any], name: str) -> list[str]:
    """A list of names, which is stored in parts where it is long."""
    parts = [name] if name in attributes else []
    while f"{name}{len(parts)}" in attributes and parts != [name]:
        parts.append(f"{name}{len(parts)}")
    found = [each for part in parts for each in attributes[part]]
    return [each.decode() if isinstance(each, bytes) else str(each) for each in found]
