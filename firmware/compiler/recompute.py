"""Arena against instructions: what layers that run twice save.

A tensor with a late reader lies in memory until then: what a gate multiplies while the gate is computed, what a long
skip connection adds. Making it once more, from something smaller that is there anyway, costs its layers' instructions
and saves its bytes. Groups and places are planned anew for every choice. The constants of a layer that runs twice are
stored once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ei_compat.core.errors import ExportError
from firmware.compiler.kernels import Kernel, kernels
from firmware.compiler.layers import Layer, Program, Source
from firmware.compiler.plan import Plan, plans

ROUNDS = 4  # tensors, at most, that are made twice
DEPTH = 6  # layers in a row that run twice for one of them
WORTH = 32  # a tensor of less than one part in so many of the arena is not looked at


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a model.

    Args:
        program: layers and planes.
        kernels: one per layer.
        whole: where everything is, with the whole input in the arena.
        rows: the same with the input row by row.
    """

    program: Program
    kernels: tuple[Kernel, ...]
    whole: Plan
    rows: Plan

    @property
    def instructions(self) -> int:
        """The estimate for one inference on RV32IMC."""
        return sum(k.instructions for k in self.kernels)

    @property
    def again(self) -> tuple[str, ...]:
        """The layers that run a second time."""
        return tuple(layer.label for layer in self.program.layers if layer.again)


def plain(program: Program) -> Variant:
    """Every layer once: the fewest instructions."""
    return _planned(program, kernels(program))


def front(program: Program) -> tuple[Variant, ...]:
    """The variants that none with fewer instructions beats in memory, the cheapest first."""
    found = list(_variants(program))
    kept: list[Variant] = []
    for variant in sorted(found, key=lambda v: (v.instructions, v.rows.arena)):
        if not kept or variant.rows.arena < kept[-1].rows.arena:
            kept.append(variant)
    return tuple(kept)


def fitting(program: Program, most: int, where: str) -> Variant:
    """The variant with the fewest instructions whose arena, with the input row by row, has at most `most` bytes.

    Raises:
        ExportError: there is none; it says what the least is.
    """
    once = plain(program)
    if once.rows.arena <= most:
        return once
    variants = front(program)
    for variant in variants:
        if variant.rows.arena <= most:
            return variant
    least = variants[-1].rows.arena
    raise ExportError(
        f"the arena takes {least} bytes at least, more than the {most} of --max-ram",
        where=where, fix="allow that much, or train with a smaller picture or a narrower network",
    )  # fmt: skip


def _planned(program: Program, kernels: tuple[Kernel, ...]) -> Variant:
    return Variant(program, kernels, *plans(program, [k.scratch for k in kernels]))


def _variants(program: Program) -> Iterator[Variant]:
    """All that is tried: from the best so far, every tensor that could be made twice."""
    best = plain(program)
    yield best
    for _ in range(ROUNDS):
        tried = [_planned(*_twice(best, chain, reader)) for chain, reader in _choices(best)]
        yield from tried
        smallest = min(tried, key=lambda v: (v.rows.arena, v.instructions), default=best)
        if smallest.rows.arena >= best.rows.arena:
            return
        best = smallest


def _choices(variant: Variant) -> Iterator[tuple[list[int], int]]:
    """Chains of layers, in order, that could run again, and the reader before which they would."""
    program = variant.program
    writers: dict[int, list[int]] = {}
    readers: dict[int, list[int]] = {}
    for number, layer in enumerate(program.layers):
        writers.setdefault(layer.output, []).append(number)
        for plane in {source.plane for source in layer.inputs}:
            readers.setdefault(plane, []).append(number)

    def maker(plane: int) -> int | None:
        """The layer that can make a plane again."""
        found = writers.get(plane, [])
        if len(found) != 1 or isinstance(program.layers[found[0]].params, Source) or program.layers[found[0]].again:
            return None
        return found[0]

    for plane, reading in readers.items():
        size = variant.rows.rings[plane] * program.planes[plane].row_bytes
        first = maker(plane)
        if len(reading) < 2 or first is None or size * WORTH < variant.rows.arena:
            continue
        for reader in reading[1:]:
            chain = {first}
            for _ in range(DEPTH):
                yield sorted(chain), reader
                before = {maker(source.plane) for number in chain for source in program.layers[number].inputs}
                if not before - chain - {None}:
                    break
                chain |= {number for number in before if number is not None}


def _twice(variant: Variant, chain: Sequence[int], reader: int) -> tuple[Program, tuple[Kernel, ...]]:
    """The program with the chain's layers once more before `reader`, which reads what they make then, as all later."""
    program = variant.program
    planes = list(program.planes)
    new: dict[int, int] = {}
    copies: list[Layer] = []
    for number in chain:
        layer = program.layers[number]
        inputs = tuple(replace(s, plane=new.get(s.plane, s.plane)) for s in layer.inputs)
        new[layer.output] = len(planes)
        planes.append(replace(planes[layer.output]))
        copies.append(replace(layer, inputs=inputs, output=new[layer.output], macs=0, again=True))
    made = program.layers[chain[-1]].output
    later = [
        replace(n, inputs=tuple(replace(s, plane=new[made] if s.plane == made else s.plane) for s in n.inputs))
        for n in program.layers[reader:]
    ]
    changed = Program(planes, [*program.layers[:reader], *copies, *later], program.input, program.outputs)
    kernels = variant.kernels
    return changed, (*kernels[:reader], *(kernels[n] for n in chain), *kernels[reader:])
