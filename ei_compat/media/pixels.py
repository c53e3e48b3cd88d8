"""8-bit pixels and the numbers that networks are given for them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ei_compat.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TORCH_MEAN, TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB, on 0..1
BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, BGR, on 0..255


class InputScaling(StrEnum):
    """Scaling of 8-bit pixels to a network's input: Edge Impulse's `imageInputScaling`."""

    ZERO_TO_ONE = "0..1"
    MINUS_ONE_TO_ONE = "-1..1"
    SIGNED = "-128..127"
    UNSIGNED = "0..255"
    TORCH = "torch"
    BGR_MEAN = "bgr-subtract-imagenet-mean"


def scale_pixels(pixels: NDArray[np.uint8], scaling: str = InputScaling.ZERO_TO_ONE) -> NDArray[np.float32]:
    """8-bit pixels as a network is given them.

    Args:
        pixels: uint8 [..., C], RGB or gray.
        scaling: one of `InputScaling`; the two by ImageNet's statistics need three channels.

    Returns:
        float32 of the same shape; BGR for `bgr-subtract-imagenet-mean`.
    """
    import numpy as np

    mode = _scaling(scaling, pixels.shape[-1])
    values = pixels.astype(np.float32)
    match mode:
        case InputScaling.ZERO_TO_ONE:
            values /= 255
        case InputScaling.MINUS_ONE_TO_ONE:
            values /= np.float32(127.5)
            values -= 1
        case InputScaling.SIGNED:
            values -= 128
        case InputScaling.TORCH:
            values /= 255
            values -= np.array(TORCH_MEAN, np.float32)
            values /= np.array(TORCH_DEVIATION, np.float32)
        case InputScaling.BGR_MEAN:
            values = values[..., ::-1] - np.array(BGR_MEAN, np.float32)
    return values


def unscale_pixels(values: NDArray[Any], scaling: str = InputScaling.ZERO_TO_ONE) -> NDArray[np.uint8]:
    """The 8-bit pixels that `scale_pixels` gives these values for; others are rounded to the nearest."""
    import numpy as np

    mode = _scaling(scaling, values.shape[-1])
    match mode:
        case InputScaling.ZERO_TO_ONE:
            pixels: NDArray[Any] = values * 255
        case InputScaling.MINUS_ONE_TO_ONE:
            pixels = (values + 1) * 127.5
        case InputScaling.SIGNED:
            pixels = values + 128
        case InputScaling.UNSIGNED:
            pixels = values
        case InputScaling.TORCH:
            pixels = (values * np.array(TORCH_DEVIATION, np.float32) + np.array(TORCH_MEAN, np.float32)) * 255
        case InputScaling.BGR_MEAN:
            pixels = (values + np.array(BGR_MEAN, np.float32))[..., ::-1]
    rounded: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded


def value_range(scaling: str) -> tuple[float, float]:
    """The least and the greatest value that `scale_pixels` can give."""
    import numpy as np

    ends = scale_pixels(np.array([[0] * 3, [255] * 3], np.uint8), scaling)
    return float(ends.min()), float(ends.max())


def quantize(values: NDArray[np.float32], scale: float, zero_point: int, dtype: str = "int8") -> NDArray[Any]:
    """Real values as the bytes of a network's input, `int8` or `uint8`.

    The nearest step, halves away from zero, in float32: so does C's `roundf` in Edge Impulse's SDK and in our library,
    while `np.rint` takes halves to the even neighbour.
    """
    import numpy as np

    steps = values / np.float32(scale)
    whole = np.trunc(steps)
    whole += np.where(np.abs(steps - whole) >= 0.5, np.sign(steps), 0)
    ends = np.iinfo(dtype)
    quantized: NDArray[Any] = np.clip(whole + zero_point, ends.min, ends.max).astype(dtype)
    return quantized


def _scaling(name: str, channels: int) -> InputScaling:
    if name not in set(InputScaling):
        raise UsageError(f"no image input scaling {name!r}", fix="use one of " + ", ".join(InputScaling))
    mode = InputScaling(name)
    if mode in {InputScaling.TORCH, InputScaling.BGR_MEAN} and channels != 3:
        raise UsageError(f"image input scaling {name} needs 3 channels, not {channels}")
    return mode
