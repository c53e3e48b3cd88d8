"""Proves a compiled schedule: every byte that a kernel reads is the one it wants.

The tables of the generated C are read back and run as the engine runs them, on an arena of tags instead of values: a
kernel that writes element e of tensor t leaves the tag (t, e), and one that reads it must find just that. What each
kernel reads follows here from its own C code, not from the windows by which the planner decided how long rows live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ei_compat.core.errors import ExportError
from firmware.compiler.ctables import Tables, field_names

Ints = npt.NDArray[np.int64]
READER = 0  # in place of a kernel
NOTHING, SCRATCH = -(1 << 62), -(1 << 61)
TENSOR = 1 << 40  # more than any tensor has elements


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as `eit_engine.h` describes it."""

    number: int
    offset: int
    row_bytes: int
    ring: int
    height: int
    width: int
    plane: int
    channels: int
    pad_left: int
    zero: int


@dataclass(frozen=True, slots=True)
class Source:
    """An input of a stage."""

    tensor: Tensor
    producer: int
    kernel: int
    stride: int
    pad: int
    dilation: int

    def rows(self, y: int) -> list[int]:
        """The rows that output row y asks for, those beyond the edges too."""
        return [y * self.stride - self.pad + k * self.dilation for k in range(self.kernel)]

    def needed(self, y: int) -> int:
        """How many rows the engine wants to exist before it makes output row y."""
        return max(0, min(self.rows(y)[-1] + 1, self.tensor.height))


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage; `params` are the fields of its parameters."""

    kernel: str | int
    params: Mapping[str, Any]
    output: Tensor
    sources: tuple[Source, ...]
    scratch: int
    blank: int
    second: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that are read or written together: their addresses, and the elements of the tensor that they stand for."""

    tensor: Tensor
    address: slice | Ints
    element: int | Ints  # of the first byte, or of each
    what: str

    def tag(self) -> int | Ints:
        """What the arena of tags holds there: less its address, so that it is one number for neighbours."""
        start = self.address.start if isinstance(self.address, slice) else self.address
        return self.tensor.number * TENSOR + self.element - start


def prove(tables: Tables, arenas: tuple[int, int], where: str) -> None:
    """Proves the schedule of a generated `<name>.c`, both with the input row by row and with all of it in the arena.

    Args:
        tables: those that it holds.
        arenas: the arena's size for either.
        where: how an error names the model.

    Raises:
        ExportError: a kernel would read something else than it wants, or touch bytes outside the arena.
    """
    for size, names, whole in zip(arenas, tables.runs, (False, True), strict=True):
        prefix = names[0].removesuffix("group0")
        tensors = tuple(Tensor(i, **t) for i, t in enumerate(tables.arrays[f"{prefix}tensors"]))  # type: ignore[arg-type]
        groups = [[_stage(tables, tensors, row) for row in tables.arrays[name]] for name in names]
        given = next((s.output for stages in groups for s in stages if s.kernel == READER), tensors[0])
        row = given.width * given.channels
        image = replace(given, number=len(tensors), offset=tables.image, row_bytes=row, ring=given.height)
        proof = _Proof(size, where, image if whole else None)
        if whole:
            proof.write(_flat(image, 0, image.height * row, "the input"))
        for stages in groups:
            proof.run(stages)
        made = {s.output.offset: s.output for stages in groups for s in stages if s.complete}
        for wanted in (made[offset] for offset in tables.outputs):
            proof.read(_flat(wanted, 0, wanted.height * wanted.row_bytes, "the output"), "the caller")


def _stage(tables: Tables, tensors: tuple[Tensor, ...], row: Mapping[str, Any]) -> Stage:
    def tensor(name: str) -> Tensor:
        return tensors[int(name.split("[")[1].removesuffix("]"))]

    names = field_names("eit_input")
    inputs = [dict(zip(names, values, strict=True)) for values in row["input"]]
    sources = tuple(Source(**{**i, "tensor": tensor(i["tensor"])}) for i in inputs if i["tensor"] != 0)
    params = tables.structs.get(row["params"], {})
    return Stage(
        row["kernel"],
        params,
        tensor(row["output"]),
        sources,
        row["scratch"],
        row["blank"],
        row["second"],
        bool(row["complete"]),
    )


class _Proof:
    """The arena of tags."""

    def __init__(self, arena_bytes: int, where: str, image: Tensor | None) -> None:
        self.tags = np.full(arena_bytes, NOTHING, np.int64)
        self.where = where
        self.image = image  # the whole input in the arena

    def run(self, stages: list[Stage]) -> None:
        """A group, in the order in which `eit_run` makes its rows."""
        done = [0] * len(stages)
        for target in reversed(range(len(stages))):
            while stages[target].complete and done[target] < stages[target].output.height:
                current = _next(stages, done, target)
                self.row(stages[current], done[current])
                done[current] += 1

    def row(self, stage: Stage, y: int) -> None:
        """One call of a kernel: it may read and write in any order, so nothing it touches may overlap."""
        who = f"{stage.kernel}, row {y}"
        reads, writes, scratch = KERNELS[stage.kernel](stage, y)
        if stage.kernel == READER and self.image is not None:
            reads = [_row(self.image, y)]
        for span in reads:
            self.read(span, who)
        areas = self.areas(stage, scratch, who)
        for area in areas:
            self.tags[area] = SCRATCH
        for span in writes:
            self.write(span)
        if stage.kernel == READER and [s.address for s in reads] == [s.address for s in writes]:
            reads = []  # a row that is read from where it is written, byte by byte
        for span in (*reads, *writes):
            self.read(span, who)
        if any((self.tags[area] != SCRATCH).any() for area in areas):
            raise self.fault(f"{who} overwrites its own scratch")

    def areas(self, stage: Stage, scratch: tuple[int, int], who: str) -> list[slice]:
        """A worker's scratch and its blank row; those of a second worker lie behind the arena."""
        size, blank = scratch
        areas = [slice(at, at + length) for at, length in ((stage.scratch, size), (stage.blank, blank)) if length]
        if any(area.stop > len(self.tags) for area in areas) or (size and stage.scratch % 4):
            raise self.fault(f"{who} has its scratch at {stage.scratch} and {stage.blank}")
        if len(areas) == 2 and areas[0].start < areas[1].stop and areas[1].start < areas[0].stop:
            raise self.fault(f"{who} has its blank row in its scratch")
        if stage.second % 4 or stage.second < len(self.tags):
            raise self.fault(f"{who} has a second worker's scratch at {stage.second}")
        return areas

    def read(self, span: Span, who: str) -> None:
        """Demands that the bytes are there."""
        if not self.inside(span) or (self.tags[span.address] != span.tag()).any():
            raise self.fault(f"{who} does not find {span.what} of tensor {span.tensor.number}")

    def write(self, span: Span) -> None:
        """Puts bytes there."""
        if not self.inside(span):
            raise self.fault(f"{span.what} of tensor {span.tensor.number} lies outside the arena")
        self.tags[span.address] = span.tag()

    def inside(self, span: Span) -> bool:
        """Whether the addresses lie in the arena and the elements in their tensor."""
        at = span.address
        low, high = (at.start, at.stop) if isinstance(at, slice) else (int(at.min()), int(at.max()) + 1)
        first = int(np.min(span.element))
        last = first + high - low if isinstance(at, slice) else int(np.max(span.element)) + 1
        fits = low >= 0 and first >= 0 and high <= len(self.tags)
        return fits and last <= span.tensor.height * span.tensor.row_bytes

    def fault(self, what: str) -> ExportError:
        """The error: nothing a user did."""
        fix = "this is a fault of ei-train: please report it with the model"
        return ExportError(f"the compiled schedule is wrong: {what}", where=self.where, fix=fix)


def _next(stages: list[Stage], done: list[int], wanted: int) -> int:
    for source in stages[wanted].sources:
        if source.producer >= 0 and done[source.producer] < source.needed(done[wanted]):
            return _next(stages, done, source.producer)
    return wanted


Touched = tuple[list[Span], list[Span], tuple[int, int]]  # reads, writes, bytes of scratch and of a blank row
NO_SCRATCH = (0, 0)


def _row(tensor: Tensor, y: int) -> Span:
    at = tensor.offset + y % tensor.ring * tensor.row_bytes
    return Span(tensor, slice(at, at + tensor.row_bytes), y * tensor.row_bytes, f"row {y}")


def _flat(tensor: Tensor, start: int, count: int, what: str = "") -> Span:
    """Bytes that a kernel takes to lie one after the other, whatever the ring is."""
    at = tensor.offset + start
    return Span(tensor, slice(at, at + count), start, what or f"bytes {start} to {start + count}")


def _inside(source: Source, rows: list[int]) -> list[Span]:
    return [_row(source.tensor, r) for r in rows if 0 <= r < source.tensor.height]


def _windows(stage: Stage, y: int) -> Touched:
    return _inside(stage.sources[0], stage.sources[0].rows(y)), [_row(stage.output, y)], NO_SCRATCH


def _conv(stage: Stage, y: int) -> Touched:
    reads, writes, _ = _windows(stage, y)
    taps = stage.sources[0].kernel * stage.params["kernel_width"] * stage.params["channels"]
    return reads, writes, (4 * taps, _blank(stage, y))


def _depthwise(stage: Stage, y: int) -> Touched:
    reads, writes, _ = _windows(stage, y)
    return reads, writes, (0, _blank(stage, y))


def _blank(stage: Stage, y: int) -> int:
    """Bytes of a row of zero points, where a row beyond the edge is read."""
    source = stage.sources[0]
    return source.tensor.plane if len(_inside(source, source.rows(y))) < source.kernel else 0


def _pointwise(stage: Stage, y: int) -> Touched:
    tensor, p = stage.sources[0].tensor, stage.params
    if not p["values"]:
        return [_row(tensor, y)], [_row(stage.output, y)], NO_SCRATCH
    return [_flat(tensor, tensor.pad_left, p["values"])], [_row(stage.output, y)], NO_SCRATCH


def _elementwise(stage: Stage, y: int) -> Touched:
    """The row that broadcasting means must be the one that the kernel's stride leads to."""
    reads = [_row(s.tensor, 0 if s.tensor.height == 1 else y) for s in stage.sources]
    reads += [_row(s.tensor, y * s.stride) for s in stage.sources]
    return reads, [_row(stage.output, y)], NO_SCRATCH


def _same_row(stage: Stage, y: int) -> Touched:
    return [_row(stage.sources[0].tensor, y)], [_row(stage.output, y)], NO_SCRATCH


def _mean(stage: Stage, y: int) -> Touched:
    source = stage.sources[0]
    reads = [_row(source.tensor, y * source.stride + k) for k in range(source.kernel)]
    return reads, [_row(stage.output, y)], NO_SCRATCH


def _whole(stage: Stage, y: int) -> Touched:
    """Tables say which rows are read: any."""
    source = stage.sources[0]
    return _inside(source, list(range(source.tensor.height))), [_row(stage.output, y)], NO_SCRATCH


def _pad(stage: Stage, y: int) -> Touched:
    return _inside(stage.sources[0], [y - stage.params["top"]]), [_row(stage.output, y)], NO_SCRATCH


def _to_planes(stage: Stage, y: int) -> Touched:
    tensor = stage.sources[0].tensor
    if tensor.height == stage.output.height:
        return [_row(tensor, y)], [_row(stage.output, y)], NO_SCRATCH
    count = stage.output.width * stage.output.channels
    return [_flat(tensor, y * count, count)], [_row(stage.output, y)], NO_SCRATCH


def _to_pixels(stage: Stage, y: int) -> Touched:
    tensor = stage.sources[0].tensor
    count = tensor.width * tensor.channels
    return [_row(tensor, y)], [_flat(stage.output, y * count, count)], NO_SCRATCH


def _copy(stage: Stage, _y: int) -> Touched:
    sides = []
    for tensor, side in ((stage.sources[0].tensor, "in"), (stage.output, "out")):
        elements = np.array(stage.params[f"start_{side}"], np.int64)
        for size, stride in zip(stage.params["size"], stage.params[f"stride_{side}"], strict=True):
            elements = np.add.outer(elements, np.arange(size) * stride)
        elements = elements.reshape(-1)
        sides.append([Span(tensor, tensor.offset + elements, elements, "what it copies")])
    return sides[0], sides[1], NO_SCRATCH


PAIRS = (
    "eit_add", "eit_sub", "eit_sub_reversed", "eit_sum", "eit_mul", "eit_prelu", "eit_maximum", "eit_minimum",
)  # fmt: skip


def _kernels() -> Iterator[tuple[str | int, Callable[[Stage, int], Touched]]]:
    yield READER, lambda stage, y: ([], [_row(stage.output, y)], NO_SCRATCH)
    yield from {"eit_pointwise_row": _pointwise, "eit_conv_row": _conv}.items()
    for name in ("3x3_1", "3x3_2", "any"):
        yield f"eit_depthwise_{name}", _depthwise
    yield from dict.fromkeys(PAIRS, _elementwise).items()
    yield from dict.fromkeys(("eit_average_pool", "eit_max_pool"), _windows).items()
    yield from dict.fromkeys(("eit_lookup", "eit_softmax"), _same_row).items()
    yield from dict.fromkeys(("eit_resize_nearest", "eit_resize_bilinear"), _whole).items()
    yield from {"eit_mean": _mean, "eit_pad": _pad, "eit_copy": _copy}.items()
    yield from {"eit_planes_from_pixels": _to_planes, "eit_pixels_from_planes": _to_pixels}.items()


KERNELS: dict[str | int, Callable[[Stage, int], Touched]] = dict(_kernels())
