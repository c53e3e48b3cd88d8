"""Random networks: operators on any earlier tensor, so that there are branches, several readers and every broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.firmware import operators
from tests.firmware.graphs import REAL_FUNCTIONS, Maker, Random

MOST = 13  # operators
LARGE = 5000  # values; what is larger is made smaller


def random(seed: int) -> Random:
    """The numbers that network `seed` is made of."""
    return np.random.default_rng([seed, 1])


@dataclass(frozen=True)
class Made:
    """A tensor that exists."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int


class Network(Maker):
    """A maker that remembers every tensor and may go on from any."""

    def __init__(self, r: Random, shape: tuple[int, ...], dtype: str = "int8") -> None:
        self.made: list[Made] = []
        super().__init__(r, shape, dtype)
        self.remember()

    def remember(self) -> Made:
        """The current tensor, known from now on."""
        now = Made(self.now, self.shape, self.scale, self.zero)
        if now not in self.made:
            self.made.append(now)
        return now

    def go(self, to: Made) -> None:
        """Makes an earlier tensor the current one."""
        self.now, self.shape, self.scale, self.zero = to.index, to.shape, to.scale, to.zero

    def put(
        self, name: str, inputs: list[int], shape: tuple[int, ...], scale: float, zero: int, **options: object
    ) -> None:
        """Adds an operator and remembers its output."""
        super().put(name, inputs, shape, scale, zero, **options)
        self.remember()

    def as_image(self) -> None:
        """Reshapes what has not four dimensions."""
        if len(self.shape) != 4:
            values = int(np.prod(self.shape))
            sides = [d for d in range(1, 13) if values % d == 0]
            width = int(self.r.choice(sides))
            height = int(self.r.choice([d for d in sides if values // width % d == 0]))
            self.reshape((1, height, width, values // width // height))

    def one_of(self, mask: tuple[bool, ...]) -> None:
        """Reduces dimensions to 1, by a slice or a mean."""
        if mask == (False, True, True, False) and self.r.random() < 0.7:
            self.mean(bool(self.r.integers(0, 2)), (1, 2))
            return
        end = tuple(1 if m else d for m, d in zip(mask, self.shape, strict=True))
        constants = [self.w.constant(v) for v in ((0,) * 4, end, (1,) * 4)]
        self.same("STRIDED_SLICE", constants, end, begin_mask=0, end_mask=0, ellipsis=0, new_axis=0, shrink=0)

    def broadcast(self) -> None:
        """ADD, SUB or MUL of the current tensor and another one, each perhaps broadcast along any dimensions."""
        r = self.r
        self.as_image()
        a = self.remember()
        fits = [m for m in self.made if m != a and _broadcasts(a.shape, m.shape)]
        if fits and r.random() < 0.5:
            b = fits[int(r.integers(len(fits)))]
        else:
            if r.random() < 0.5:
                self.unary()
                a = self.remember() if r.random() < 0.5 else a
            mask = (False, *(bool(v) for v in r.random(3) < 0.5))
            self.one_of(mask)
            b = self.remember()
            if r.random() < 0.2:  # the other one along other dimensions
                self.go(a)
                self.one_of(tuple(bool(v) and not m for v, m in zip((0, *(r.random(3) < 0.5)), mask, strict=True)))
                a = self.remember()
            elif r.random() < 0.5:
                self.unary()
                b = self.remember()
        self.pair(*((a, b) if r.random() < 0.5 else (b, a)))

    def pair(self, a: Made, b: Made) -> None:
        """ADD, SUB or MUL of two tensors."""
        r = self.r
        name = str(r.choice(["ADD", "SUB", "MUL"]))
        top = a.scale * b.scale * 100 if name == "MUL" else 2 * max(a.scale, b.scale)
        scale = float(
            np.float32(max(top * 2.0 ** r.uniform(-2, 1), 2.0**-14))
        )  # LiteRT refuses to clamp far finer ones
        shape = np.broadcast_shapes(a.shape, b.shape)
        self.put(
            name, [a.index, b.index], shape, scale, int(r.integers(-128, 128)), activation=int(r.choice([0, 0, 1, 3]))
        )

    def gate(self) -> None:
        """Squeeze and excitation."""
        self.as_image()
        a = self.remember()
        self.mean(bool(self.r.integers(0, 2)), (1, 2))
        if self.r.random() < 0.5:
            self.put("LOGISTIC", [self.now], self.shape, 1 / 256, -128)
        self.pair(a, self.remember())

    def join(self, loose: list[Made]) -> None:
        """Puts the ends of several branches into one vector."""
        r = self.r
        scale, zero = float(np.float32(np.median([m.scale for m in loose]))), int(r.integers(-128, 128))
        parts = []
        for end in loose:
            self.go(end)
            self.reshape((1, int(np.prod(end.shape))))
            self.put("QUANTIZE", [self.now], self.shape, scale, zero)
            parts.append((self.now, self.shape[1]))
        total = sum(size for _, size in parts)
        self.put("CONCATENATION", [index for index, _ in parts], (1, total), scale, zero, axis=1)

    def loose(self) -> list[Made]:
        """Tensors that nothing reads."""
        read = {i for _, inputs, _, _ in self.w.operators for i in inputs}
        return [m for m in self.made if m.index not in read]


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return len(shape) == 4 and shape[0] == 1 and int(np.prod(shape)) <= LARGE


IMAGE_STEPS: list[tuple[int, Callable[[Network], object]]] = [
    (3, lambda m: m.conv()),
    (4, lambda m: m.conv(kernel=1)),
    (3, lambda m: m.conv(depthwise=True)),
    (3, lambda m: m.conv(depthwise=True, kernel=3)),
    (1, lambda m: m.dense()),
    (1, lambda m: m.dense(per_pixel=True)),
    (2, lambda m: m.pool()),
    (2, lambda m: m.binary()),
    (8, lambda m: m.broadcast()),
    (3, lambda m: m.gate()),
    (2, lambda m: m.mean()),
    (2, lambda m: m.pad()),
    (2, lambda m: m.concatenation()),
    (1, lambda m: m.transpose()),
    (1, lambda m: m.strided_slice()),
    (4, lambda m: m.unary()),
    (1, lambda m: m.softmax()),
    (2, lambda m: m.maximum()),
    (2, lambda m: m.resize()),
    (1, lambda m: m.pad_with()),
    (1, lambda m: m.slice()),
    (2, lambda m: (m.split(), m.remember())),
]
LATER = 5000  # the networks from this number on have these operators too
LATER_STEPS = [
    *IMAGE_STEPS,
    (2, operators.prelu),
    (2, operators.extreme),
    (2, operators.blocks),
    (2, operators.shuffle),
    (1, operators.over_channels),
    (1, lambda m: m.unary(REAL_FUNCTIONS)),
]


def _step(network: Network, steps: list[tuple[int, Callable[[Network], object]]]) -> None:
    r = network.r
    if r.random() < 0.1:  # a second reader, of all of it at once
        network.go(network.made[int(r.integers(len(network.made)))])
        network.dense()
    recent = network.made[-3:] if r.random() < 0.75 else network.made
    network.go(recent[-1] if r.random() < 0.6 else recent[int(r.integers(len(recent)))])
    network.as_image()
    if int(np.prod(network.shape)) > LARGE:
        network.same(
            "MAX_POOL_2D", [], (1, -(-network.shape[1] // 3), -(-network.shape[2] // 3), network.shape[3]), padding=0,
            stride_h=3, stride_w=3, filter_h=2, filter_w=2, activation=0,
        )  # fmt: skip
    weights = np.array([weight for weight, _ in steps], float)
    steps[int(r.choice(len(steps), p=weights / weights.sum()))][1](network)


def network(seed: int) -> bytes:
    """Network number `seed`."""
    r = random(seed)
    shape = (1, int(r.integers(1, 14)), int(r.integers(1, 20)), int(r.integers(1, 9)))
    made = Network(r, shape, "uint8" if seed % 17 == 3 else "int8")
    count = int(r.integers(2, MOST - 1))
    while len(made.w.operators) < count:
        _step(made, LATER_STEPS if seed >= LATER else IMAGE_STEPS)
    loose = made.loose()
    if len(loose) > 1 and r.random() < 0.7:
        made.join(loose)
    return made.finish()
