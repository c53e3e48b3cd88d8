"""Files of weights: what is known of one, and what it holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ei_compat.core.errors import DataError


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


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_tensors(path: Path) -> dict[str, dict[str, np.ndarray]]:
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
