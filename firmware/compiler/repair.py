"""A copy of a `.tflite` file without what means nothing but makes LiteRT refuse it."""

from __future__ import annotations

import struct

from firmware.compiler.flatbuffer import root


def without_stray_dimensions(data: bytes) -> bytes:
    """The file with `quantized_dimension` 0 wherever the tensor has no such dimension.

    Converters up to about 2020 wrote the weights' dimension into one-dimensional biases too. TensorFlow Lite Micro
    never looks at it; LiteRT refuses the file.
    """
    changed = bytearray(data)
    for graph in root(data, b"TFL3", "model").tables(2):
        for tensor in graph.tables(0):
            quantization = tensor.table(4)
            at = quantization.place(6) if quantization else None
            if quantization and at is not None and quantization.integer(6, "i") >= (tensor.length(0) or 0):
                struct.pack_into("<i", changed, at, 0)
    return bytes(changed)
