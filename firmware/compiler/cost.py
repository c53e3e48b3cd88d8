"""What layers cost on RV32IMC, in instructions: a model calibrated on QEMU's counts (see `bench/firmware_fit.py`).

The constants are instructions per unit of work of the engine's kernels, built with gcc 12 at -O2.
"""

from __future__ import annotations

TILES = (12, 10, 8, 6, 5, 4, 3, 2, 1)  # pixels that can share one pass over the weights
QUADS = (4, 3, 2, 1)  # the same where a pass takes four output channels
PER_TILE_CHANNEL = 60  # constants of a channel, loop
PER_OUTPUT = 7  # requantisation and store
PER_DENSE_WEIGHT = 3  # per weight and tile: load, step, loop
PER_QUAD = 200  # four channels of a tile: their constants, loop
PER_QUAD_OUTPUT = 9
PER_QUAD_TAP = 6.5  # per tap, four channels and tile: weights, step, loop
PER_QUAD_MAC = 2.35  # multiply, add, a quarter of a load
PER_SPATIAL_TAP = 4.1  # per tap, four channels and tile of a kernel wider than 1x1: where its pixels lie
PER_PAIR = 11  # per pair of weights and tile
PER_MAC = 3  # load, multiply, add
PER_DEPTHWISE_CHANNEL = 91
PER_DEPTHWISE_OUTPUT = 30  # 3x3
PER_STRIDED_OUTPUT = 35  # 3x3 in steps of two
PER_DEPTHWISE_TAP = 7.9  # of any other kernel
PER_ADD = 45
PER_SUM = 15  # a sum in linear form
PER_MUL = 51
PER_COPY = 5
PER_LAYOUT = 14  # between the model's order and planes
PER_ROW = 130  # of any layer: the scheduler, the call
PER_SOURCE_ROW = 200  # of the picture, and
PER_SOURCE_BYTE = 1.7  # copied a word at a time
PER_POOL_OUTPUT = 60
PER_POOL_INPUT = 5
PER_MEAN_OUTPUT = 70
PER_SOFTMAX_ROW = 270
PER_SOFTMAX = 48
CHANNEL_FORMS = {  # of a channel's constants: bytes, and instructions more than the fastest takes to read them
    "merged": (8, 0),
    "exact": (9, 7),
    "packed": (6, 13),
    "snapped": (4, 7),
}
TILE_BYTES = {"dense": (240, 80), "sparse": (300, 100), "quad": (230, 145)}  # of a tile function: at all and per pixel
FLASH_INSTRUCTIONS = 66  # instructions per inference that a byte of flash is worth
SMALL_BYTES, SMALL_FACTOR = 1 << 16, 2  # a model of fewer bytes of weights is for a small chip, where it is worth more


def dense(channels: int, taps: int, pixels: int, passes: int) -> int:
    """A convolution with every weight stored, in so many passes over them."""
    weights = channels * taps
    outputs = channels * pixels
    return passes * (channels * PER_TILE_CHANNEL + weights * PER_DENSE_WEIGHT) + outputs * (PER_OUTPUT + taps * PER_MAC)


def quad(channels: int, taps: int, pixels: int, passes: int, *, spatial: bool = False) -> int:
    """The same, four channels at a time; `spatial`: of a kernel wider than 1x1."""
    per_tap = PER_QUAD_TAP + (PER_SPATIAL_TAP if spatial else 0)
    work = passes * channels / 4 * (PER_QUAD + taps * per_tap)
    return round(work + channels * pixels * (PER_QUAD_OUTPUT + taps * PER_QUAD_MAC))


def sparse(channels: int, pairs: float, pixels: int, passes: int) -> int:
    """A convolution that walks pairs of weights."""
    work = pairs * (passes * PER_PAIR + pixels * 2 * PER_MAC)
    return round(passes * channels * PER_TILE_CHANNEL + channels * pixels * PER_OUTPUT + work)


def any_step(channels: int, loads: float, pixels: int) -> int:
    """What tiles take longer that compute where each pixel is, of so many loads for a channel and pixel."""
    return round(channels * loads * pixels)


def depthwise(channels: int, taps: int, height: int, width: int, stride: int = 1) -> int:
    """A depthwise convolution; `stride` is 1 or 2 where the engine has a kernel of its own for it, else 0."""
    per_output = (PER_DEPTHWISE_TAP * taps, PER_DEPTHWISE_OUTPUT, PER_STRIDED_OUTPUT)[stride]
    return round(channels * height * (PER_DEPTHWISE_CHANNEL + width * per_output))


def bytewise(outputs: int, per_output: float) -> int:
    """A layer whose work is per output value."""
    return round(outputs * per_output)


def constants(form: str, loads: int) -> int:
    """A channel's constants, read so often, flash included."""
    size, instructions = CHANNEL_FORMS[form]
    return FLASH_INSTRUCTIONS * size + loads * instructions


def flash_instructions(weights: int) -> int:
    """What a byte of code is worth in a model of so many bytes of weights."""
    return FLASH_INSTRUCTIONS * (SMALL_FACTOR if weights < SMALL_BYTES else 1)


def tile_bytes(family: str, width: int) -> int:
    """The code of a tile function."""
    fixed, per_pixel = next(size for form, size in TILE_BYTES.items() if form in family)
    return fixed + per_pixel * width
