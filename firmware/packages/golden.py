"""The golden input: what a package's example classifies and its self-test compares, with the reference's answer.

The answer comes from TensorFlow Lite's reference kernels and not from our own engine, so that a self-test on a board
checks the compiler, the C compiler and the board at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import ExportError
from firmware.compiler import CompiledModel, CompiledTensor
from firmware.compiler.repair import without_stray_dimensions
from firmware.packages.scaling import RANGES, Scaling, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """An input and its output.

    Attributes:
        pixels: uint8 [H, W, C] of a picture; empty otherwise.
        features: float32 [N] of anything else; empty otherwise.
        output: the output's bytes as they lie in memory.
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.float32]
    output: NDArray[np.uint8]


def golden_input(
    reference: Reference, model: CompiledModel, scaling: Scaling | None, image: Path | None, output: int
) -> Golden:
    """Makes the golden input and has the reference interpreter compute its output.

    Args:
        reference: the model's reference.
        model: the model compiled.
        scaling: what the model wants pixels to be; None where the input is no picture.
        image: a file to use; without it a test card is drawn.
        output: which of the model's outputs is compared.

    Raises:
        ImageError: the file is no picture.
        ExportError: the interpreter refuses the model.
    """
    pixels, features = np.zeros((0, 0, 0), np.uint8), np.zeros(0, np.float32)
    if scaling is not None:
        pixels = test_card(*model.input.shape[1:]) if image is None else _load(image, model.input.shape)
        values = quantize(scaling.apply(pixels), model.input)
    else:
        features = sweep(model.input)
        values = quantize(features, model.input)
    return Golden(pixels, features, reference.outputs_of(values)[output])


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from ei_compat.media.images import ImageSpec, load_image

    return load_image(path, ImageSpec(shape[2], shape[1], shape[3]))


def test_card(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """A picture that exercises everything: a gradient in each channel, a disc, bars and every byte from 0 to 255."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1)
    blue = (x * 37 + y * 101) % 256
    disc = (2 * x - width) ** 2 + (2 * y - height) ** 2 < (min(height, width) * 3 // 4) ** 2
    bars = (x * 8 // max(width, 1)) % 2 == 1
    blue = np.where(disc, 255 - red, np.where(bars & (y * 4 >= height * 3), 255, blue))
    card = np.stack([red, np.where(disc, 255 - green, green), blue], axis=-1)
    return (card if channels == 3 else card[:, :, 1:2]).astype(np.uint8)


def sweep(tensor: CompiledTensor) -> NDArray[np.float32]:
    """A feature vector that steps through the input's whole range."""
    size = int(np.prod(tensor.shape))
    low, _ = RANGES[tensor.dtype]
    steps = low + (np.arange(size) * 97 + 13) % 256
    return ((steps - tensor.quantization.zero_point) * tensor.quantization.scale).astype(np.float32)


class Reference:
    """TensorFlow Lite's reference kernels on a model.

    Args:
        tflite: the model file's bytes.
        model: the same compiled; its input and output are what is given and returned, whatever the file's ends are.

    Raises:
        ExportError: the interpreter refuses the model.
    """

    def __init__(self, tflite: bytes, model: CompiledModel) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.model = model
        with _refusals():
            self.interpreter = Interpreter(
                model_content=without_stray_dimensions(tflite),
                experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
                num_threads=1,
            )
            self.interpreter.allocate_tensors()
        self.given = self.interpreter.get_input_details()[0]
        self.outputs = self.interpreter.get_output_details()

    def __call__(self, values: NDArray[np.int8]) -> NDArray[np.uint8]:
        """The outputs' bytes as they lie in memory, one output after the other, for an input's bytes."""
        return np.concatenate(self.outputs_of(values))

    def outputs_of(self, values: NDArray[np.int8]) -> list[NDArray[np.uint8]]:
        """The same, output by output."""
        tensor = self.model.input
        given: NDArray[np.generic] = values.reshape(self.given["shape"])
        if self.given["dtype"] == np.float32:  # the file quantises by itself
            steps = given.astype(np.float32) - np.float32(tensor.quantization.zero_point)
            given = steps * np.float32(tensor.quantization.scale)
        with _refusals():
            self.interpreter.set_tensor(self.given["index"], given)
            self.interpreter.invoke()
        parts: list[NDArray[np.uint8]] = []
        for details, output in zip(self.outputs, self.model.outputs, strict=True):
            found = self.interpreter.get_tensor(details["index"]).reshape(-1)
            whole = quantize(found, output) if details["dtype"] == np.float32 else found
            parts.append(whole.view(np.uint8))
        return parts


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the reference interpreter refuses the model: {error}", fix="export it again") from None
