"""From a `.tflite` to C sources, in one call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware.compiler import emit, tflite
from firmware.compiler.config import CONFIG, config
from firmware.compiler.ctables import read_tables
from firmware.compiler.emit_plan import schedules
from firmware.compiler.graph import Graph, Quantization, Shape3
from firmware.compiler.kernels import Kernel
from firmware.compiler.layers import Layer, Program
from firmware.compiler.lower import lower
from firmware.compiler.proof import prove
from firmware.compiler.recompute import Variant, fitting, front, plain

ENGINE = Path(__file__).resolve().parents[1] / "engine"
# Of the engine, in every model.
ALWAYS = (
    "eit.h",
    "eit_engine.h",
    "eit_port.c",
    "eit_port.h",
    "eit_requant.h",
    "eit_run.c",
    "eit_small.h",
)


@dataclass(frozen=True, slots=True)
class CompiledLayer:
    """One layer of a compiled model.

    Args:
        name: the operator's name and number in the file.
        kernel: the engine's function.
        input_shape: height, width, channels of its first input.
        output_shape: the same of its output.
        encoding: "dense", "sparse", or "" where there are no weights.
        instructions: the estimate for RV32IMC.
        dense_instructions: the estimate with every weight stored.
        bytes: bytes of constants.
        dense_bytes: bytes of constants with every weight stored.
        macs: multiply-accumulates of the dense computation.
        nonzero: weights that are not zero.
        weights: all weights.
    """

    name: str
    kernel: str
    input_shape: Shape3
    output_shape: Shape3
    encoding: str
    instructions: int
    dense_instructions: int
    bytes: int
    dense_bytes: int
    macs: int
    nonzero: int
    weights: int


@dataclass(frozen=True, slots=True)
class CompiledTensor:
    """A model's input or output as callers see it: `dtype` is int8 or uint8."""

    shape: tuple[int, ...]
    quantization: Quantization
    dtype: str


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """A model as C.

    Args:
        name: the C prefix: `<name>.h`, `<name>_invoke` and so on.
        files: text of the generated files by name.
        engine_sources: names of the engine's .c files (in `ENGINE`) that must be compiled with them.
        engine_headers: names of the engine's headers that they include.
        arena_bytes: what the caller must provide for the whole input and all else.
        rows_arena_bytes: what the caller must provide where the input comes row by row.
        whole_tensor_bytes: what an engine that keeps whole tensors needs for them, as TensorFlow Lite Micro does.
        arena_bound: bytes that no placement of the same schedule could go below, with the input row by row.
        layers: in order.
        groups: how many layers run interleaved, group after group.
        again: the layers that run a second time, so that less memory is enough.
        input: the input tensor.
        outputs: the output tensors, in the file's order.
        macs: multiply-accumulates of the dense computation.
        nonzero: weights that are not zero.
        weights: all weights.
    """

    name: str
    files: Mapping[str, str]
    engine_sources: tuple[str, ...]
    engine_headers: tuple[str, ...]
    arena_bytes: int
    rows_arena_bytes: int
    whole_tensor_bytes: int
    arena_bound: int
    layers: tuple[CompiledLayer, ...]
    groups: tuple[int, ...]
    again: tuple[str, ...]
    input: CompiledTensor
    outputs: tuple[CompiledTensor, ...]
    macs: int
    nonzero: int
    weights: int


def compile_model(
    tflite_bytes: bytes, *, name: str, file: str = "model.tflite", max_ram: int | None = None
) -> CompiledModel:
    """Compiles a model.

    Args:
        tflite_bytes: an int8 `.tflite` file's bytes.
        name: what the model is to be called; becomes the C prefix.
        file: how errors name the file.
        max_ram: bytes that the arena, with the input row by row, may have at most; where it must, layers run twice.

    Raises:
        FormatError: the file is broken.
        ExportError: it holds something that is not supported; the error names it, its place, and what is. Or it does
            not fit into `max_ram`; the error says what the least is.
        LimitError: it is too large for any microcontroller.
        UsageError: the name is no name.

    Every schedule is proved before it is given out (`proof.py`).
    """
    prefix = emit.identifier(name)
    graph = tflite.read(tflite_bytes, file)
    lowered = lower(graph)
    return _compiled(prefix, graph, plain(lowered) if max_ram is None else fitting(lowered, max_ram, file))


def compiled_front(tflite_bytes: bytes, *, name: str, file: str = "model.tflite") -> tuple[CompiledModel, ...]:
    """Every way to run a model in which less memory costs more instructions, see `recompute.front`; cheapest first.

    Args and errors as of `compile_model`.
    """
    prefix = emit.identifier(name)
    graph = tflite.read(tflite_bytes, file)
    return tuple(_compiled(prefix, graph, variant) for variant in front(lower(graph)))


def _compiled(prefix: str, graph: Graph, variant: Variant) -> CompiledModel:
    program, kernels, placed, rows = variant.program, variant.kernels, variant.whole, variant.rows
    unit = emit.Unit(prefix, graph, program, kernels, placed, rows)
    source = "\n".join((emit.source(unit), schedules(unit)))
    tables = read_tables(source)
    prove(tables, (rows.arena, placed.arena), graph.file)

    layers = tuple(_layer(program, layer, k) for layer, k in zip(program.layers, kernels, strict=True))

    def tensor(index: int) -> CompiledTensor:
        t, unsigned = graph.tensors[index], index in graph.unsigned
        zero = t.quantization.zero_point + (128 if unsigned else 0)
        return CompiledTensor(t.shape, Quantization(t.quantization.scale, zero), "uint8" if unsigned else "int8")

    parts = sorted({*ALWAYS, *(f for k in kernels for f in (k.header, *k.parts))})
    return CompiledModel(
        name=prefix,
        files={f"{prefix}.h": emit.header(unit), f"{prefix}.c": source, CONFIG: config(tables).header(prefix)},
        engine_sources=tuple(f for f in parts if f.endswith(".c")),
        engine_headers=tuple(f for f in parts if f.endswith(".h")),
        arena_bytes=placed.arena,
        rows_arena_bytes=rows.arena,
        whole_tensor_bytes=_whole_tensor_bytes(graph),
        arena_bound=rows.bound,
        layers=layers,
        groups=tuple(len(g.stages) for g in placed.groups),
        again=variant.again,
        input=tensor(graph.input),
        outputs=tuple(map(tensor, graph.outputs)),
        macs=sum(layer.macs for layer in layers),
        nonzero=sum(layer.nonzero for layer in layers),
        weights=sum(layer.weights for layer in layers),
    )


def _layer(program: Program, layer: Layer, k: Kernel) -> CompiledLayer:
    def shape(plane: int) -> Shape3:
        p = program.planes[plane]
        return p.height, p.width, p.channels

    shapes = shape(layer.inputs[0].plane if layer.inputs else layer.output), shape(layer.output)
    if layer.again:  # its constants are the first one's
        return CompiledLayer(
            f"{layer.label} again", k.function, *shapes, "", k.instructions,
            k.encoded.dense_instructions if k.encoded else k.instructions, 0, 0, 0, 0, 0,
        )  # fmt: skip
    if k.encoded is None:
        return CompiledLayer(
            layer.label, k.function, *shapes, "", k.instructions, k.instructions, k.bytes, k.bytes, layer.macs, 0, 0
        )
    e = k.encoded
    return CompiledLayer(
        layer.label, k.function, *shapes, e.encoding, k.instructions,
        k.instructions - e.instructions + e.dense_instructions, k.bytes,
        k.bytes - e.data.nbytes + e.weights, layer.macs, e.nonzero, e.weights,
    )  # fmt: skip


def _whole_tensor_bytes(graph: Graph) -> int:
    """The most bytes of whole tensors that are alive during one operator."""
    last = {index: number for number, op in enumerate(graph.operators) for index in op.inputs}
    alive = {graph.input}
    peak = 0
    for number, op in enumerate(graph.operators):
        alive.add(op.output)
        peak = max(peak, sum(math.prod(graph.tensors[i].shape) for i in alive))
        alive = {i for i in alive if last.get(i, -1) > number or i in graph.outputs}
    return peak
