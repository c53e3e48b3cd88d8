"""The golden input: what a package's example classifies and its self-test compares, with the reference's answer.

The answer comes from TensorFlow Lite's reference kernels and not from our own engine, so that a self-test on a board
checks the compiler, the C compiler and the board at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.errors import ExportError
from firmware.compiler import CompiledModel, CompiledTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
PIXEL_SCALE = np.float32(1 / 255)  # at which a pixel's byte is the input's byte


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """An input and its output.

    Attributes:
        pixels: uint8 [H, W, C] of a picture; empty otherwise.
        features: float32 [N] of anything else; empty otherwise.
        output: the output tensor's bytes, int8 or uint8 [N].
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.float32]
    output: NDArray[np.int8]


def golden_input(tflite: bytes, model: CompiledModel, is_picture: bool, picture: Path | None) -> Golden:
    """Makes the golden input and has the reference interpreter compute its output.

    Args:
        tflite: the model file's bytes.
        model: the model compiled.
        is_picture: whether the input is a picture.
        picture: a file to use; without it a test card is drawn.

    Raises:
        PictureError: the file is no picture.
        ExportError: the interpreter refuses the model.
    """
    pixels, features = np.zeros((0, 0, 0), np.uint8), np.zeros(0, np.float32)
    if is_picture:
        pixels = test_card(*model.input.shape[1:]) if picture is None else _load(picture, model.input.shape)
        values = quantize(pixels.astype(np.float32) / np.float32(255), model.input)
    else:
        features = sweep(model.input)
        values = quantize(features, model.input)
    return Golden(pixels, features, interpret(tflite, values))


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from ei_compat.images import PictureSpec, load_picture

    return load_picture(path, PictureSpec(shape[2], shape[1], shape[3]))


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


def quantize(values: NDArray[np.float32], tensor: CompiledTensor) -> NDArray[np.int8]:
    """Real values as the input tensor's bytes: the nearest step, halves away from zero, float32 as in the library."""
    low, high = RANGES[tensor.dtype]
    steps = values / np.float32(tensor.quantization.scale)
    whole = np.trunc(steps)
    whole += np.where(np.abs(steps - whole) >= 0.5, np.sign(steps), 0)
    quantized: NDArray[np.int8] = np.clip(whole + tensor.quantization.zero_point, low, high).astype(tensor.dtype)
    return quantized


def interpret(tflite: bytes, values: NDArray[np.int8]) -> NDArray[np.int8]:
    """The output bytes, flat, that the reference kernels compute for input bytes.

    Raises:
        ExportError: the interpreter refuses the model.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]
        interpreter.set_tensor(given["index"], values.reshape(given["shape"]))
        interpreter.invoke()
        output: NDArray[np.int8] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).reshape(-1)
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the reference interpreter refuses the model: {error}", fix="export it again") from None
    return output
