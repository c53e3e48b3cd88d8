"""Random small models that together reach every operator, stride, padding, odd size and quantisation edge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.firmware.writer import Writer

Random = np.random.Generator
NONE, RELU, RELU1, RELU6 = 0, 1, 2, 3
FUNCTIONS = (
    "RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "QUANTIZE", "LEAKY_RELU", "HARD_SWISH", "ABS", "NEG",
)  # fmt: skip
REAL_FUNCTIONS = ("EXP", "GELU")


def _scale(r: Random) -> float:
    return float(np.float32(2.0 ** r.uniform(-8, 1)))


def zero_point(r: Random) -> int:
    """One at an end, in the middle, or anywhere."""
    return int(r.choice([-128, 0, 127, r.integers(-128, 128)]))


def _weights(r: Random, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of one of several densities, with whole channels of zeros now and then."""
    values = r.integers(-127, 128, shape)
    kept = r.random(shape) < r.choice([1.0, 0.6, 0.2, 0.05])
    values = np.where(kept, values, 0)
    if r.random() < 0.2:
        values[..., 0] = 0
    return values.astype(np.int8)


def _output_scale(source: float, weight: float, taps: float, r: Random) -> float:
    """An output scale that makes results neither all saturated nor all zero, most of the time."""
    return float(np.float32(source * weight * 60 * np.sqrt(max(taps, 1)) * 2.0 ** r.uniform(-2.5, 1.5)))


class Maker:
    """A model with a current tensor that operators are chained to."""

    def __init__(self, r: Random, shape: tuple[int, ...], dtype: str = "int8") -> None:
        self.r = r
        self.w = Writer()
        self.shape = shape
        self.scale, self.zero = _scale(r), zero_point(r)
        shift = 128 if dtype == "uint8" else 0
        self.first = self.now = self.w.tensor(shape, self.scale, self.zero + shift, dtype)
        if shift:  # as converters do: a QUANTIZE from uint8 to int8 of the same scale
            self.put("QUANTIZE", [self.now], shape, self.scale, self.zero)

    def put(
        self, name: str, inputs: list[int], shape: tuple[int, ...], scale: float, zero: int, **options: object
    ) -> None:
        """Adds an operator and moves on to its output."""
        out = self.w.tensor(shape, scale, zero)
        self.now = self.w.operator(name, inputs, out, **options)
        self.shape, self.scale, self.zero = tuple(shape), scale, zero

    def same(self, name: str, extra: list[int], shape: tuple[int, ...], **options: object) -> None:
        """Adds an operator that keeps the quantisation."""
        self.put(name, [self.now, *extra], shape, self.scale, self.zero, **options)

    def finish(self) -> bytes:
        """The file."""
        return self.w.finish([self.first], [self.now])

    def _bias(self, channels: int, scales: list[float]) -> int:
        kind = self.r.random()
        values = self.r.integers(-20000, 20001, channels)
        if kind < 0.1:
            values = np.where(self.r.random(channels) < 0.3, 1 << 30, values)
        data = values.astype(np.int32)
        bias = [s * self.scale for s in scales]
        return self.w.tensor([channels], bias, 0, "int32", data)

    def _weight_scales(self, channels: int, per_channel: bool) -> list[float]:
        if not per_channel:
            return [_scale(self.r) / 64]
        return [float(np.float32(s)) for s in _scale(self.r) / 64 * 2.0 ** self.r.uniform(-3, 3, channels)]

    def conv(self, depthwise: bool = False, kernel: int | None = None) -> None:
        """CONV_2D or DEPTHWISE_CONV_2D with random options."""
        r = self.r
        _, height, width, channels = self.shape
        kh, kw = (kernel, kernel) if kernel else (int(r.integers(1, 6)), int(r.integers(1, 6)))
        sh, sw = (int(r.choice([1, 1, 2, 2, 3])) for _ in range(2))
        dh, dw = (1, 1) if (sh, sw) != (1, 1) or r.random() < 0.7 else (int(r.integers(1, 4)), int(r.integers(1, 4)))
        padding = int(r.integers(0, 2))
        eh, ew = (kh - 1) * dh + 1, (kw - 1) * dw + 1
        if padding == 1 and (eh > height or ew > width):
            padding = 0
        oh, ow = (-(-height // sh), -(-width // sw)) if padding == 0 else (
            -(-(height - eh + 1) // sh), -(-(width - ew + 1) // sw))  # fmt: skip
        multiplier = int(r.choice([1, 1, 1, 2, 3])) if depthwise else 1
        out = channels * multiplier if depthwise else int(r.integers(1, 20))
        scales = self._weight_scales(out, r.random() < 0.8)
        shape = (1, kh, kw, out) if depthwise else (out, kh, kw, channels)
        taps = kh * kw * (1 if depthwise else channels)
        weights = self.w.tensor(shape, scales, 0, "int8", _weights(r, shape), 3 if depthwise else 0)
        scale = _output_scale(self.scale, float(np.mean(scales)), taps, r)
        options = {"multiplier": multiplier} if depthwise else {}
        self.put(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [self.now, weights, self._bias(out, scales)],
            (1, oh, ow, out), scale, zero_point(r), padding=padding, stride_h=sh, stride_w=sw, dilation_h=dh,
            dilation_w=dw, activation=int(r.choice([NONE, RELU, RELU6, RELU1])), **options,
        )  # fmt: skip

    def dense(self, per_pixel: bool = False) -> None:
        """FULLY_CONNECTED."""
        r = self.r
        depth = self.shape[-1] if per_pixel else int(np.prod(self.shape))
        rows = int(np.prod(self.shape)) // depth
        out = int(r.integers(1, 24))
        scales = self._weight_scales(out, r.random() < 0.5)
        weights = self.w.tensor((out, depth), scales, 0, "int8", _weights(r, (out, depth)), 0)
        keep = per_pixel and r.random() < 0.5
        shape = (*self.shape[:-1], out) if keep else (rows, out)
        inputs = [self.now, weights] + ([self._bias(out, scales)] if r.random() < 0.8 else [-1])
        scale = _output_scale(self.scale, float(np.mean(scales)), depth, r)
        self.put(
            "FULLY_CONNECTED",
            inputs,
            shape,
            scale,
            zero_point(r),
            activation=int(r.choice([NONE, RELU, RELU6])),
            keep=int(keep),
        )

    def pool(self) -> None:
        """AVERAGE_POOL_2D or MAX_POOL_2D."""
        r = self.r
        _, height, width, channels = self.shape
        fh, fw = int(r.integers(1, min(height, 4) + 1)), int(r.integers(1, min(width, 4) + 1))
        sh, sw = int(r.integers(1, 4)), int(r.integers(1, 4))
        padding = int(r.integers(0, 2))
        oh, ow = (-(-height // sh), -(-width // sw)) if padding == 0 else (
            -(-(height - fh + 1) // sh), -(-(width - fw + 1) // sw))  # fmt: skip
        self.same(
            str(r.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])), [], (1, oh, ow, channels), padding=padding, stride_h=sh,
            stride_w=sw, filter_h=fh, filter_w=fw, activation=int(r.choice([NONE, RELU, RELU6])),
        )  # fmt: skip

    def binary(self) -> None:
        """ADD, SUB or MUL with a constant, or with an earlier version of the same tensor."""
        r = self.r
        name = str(r.choice(["ADD", "SUB", "MUL"]))
        kind = int(r.integers(0, 5))
        scale, zero = _scale(r), zero_point(r)
        if kind == 0:  # with itself through another scale
            source, source_scale, source_shape = self.now, self.scale, self.shape
            self.put("QUANTIZE", [self.now], self.shape, scale, zero)
            inputs, other = [source, self.now], source_scale
        elif kind == 1:  # broadcast of a mean over height and width
            source, source_scale, source_shape = self.now, self.scale, self.shape
            self.mean(True, (1, 2))
            inputs, other, scale = [source, self.now], source_scale, self.scale
        else:
            shape = [(1,), (self.shape[-1],), self.shape][kind - 2]
            data = r.integers(-128, 128, shape).astype(np.int8)
            operand = self.w.tensor(shape, scale, zero, "int8", data)
            inputs, other, source_shape = [self.now, operand], self.scale, self.shape
        if kind != 1 and r.random() < 0.5:
            inputs.reverse()
        top = scale * other * 100 if name == "MUL" else 2 * max(scale, other)
        out = float(np.float32(top * 2.0 ** r.uniform(-2, 1)))
        self.put(name, inputs, source_shape, out, zero_point(r), activation=int(r.choice([NONE, RELU, RELU6])))

    def mean(self, keep: bool | None = None, axes: tuple[int, ...] | None = None) -> None:
        """MEAN."""
        r = self.r
        keep = bool(r.integers(0, 2)) if keep is None else keep
        axes = axes or [(1, 2), (2,), (1,), (2, 1)][int(r.integers(0, 4))]
        kept = [1 if i in axes else d for i, d in enumerate(self.shape)]
        shape = tuple(kept if keep else [d for i, d in enumerate(self.shape) if i not in axes])
        scale, zero = (
            (self.scale, self.zero) if r.random() < 0.3 else (self.scale * float(r.uniform(0.2, 1.5)), zero_point(r))
        )
        self.put("MEAN", [self.now, self.w.constant(axes)], shape, float(np.float32(scale)), zero, keep=int(keep))

    def reshape(self, shape: tuple[int, ...]) -> None:
        """RESHAPE."""
        self.same("RESHAPE", [self.w.constant(shape)], shape)

    def pad(self) -> None:
        """PAD."""
        pads = [(0, 0), *((int(a), int(b)) for a, b in self.r.integers(0, 3, (2, 2))), (0, 0)]
        if self.r.random() < 0.2:
            pads[3] = (1, 2)
        shape = tuple(d + a + b for d, (a, b) in zip(self.shape, pads, strict=True))
        self.same("PAD", [self.w.constant(pads)], shape)

    def concatenation(self) -> None:
        """CONCATENATION with a pooled or looked-up version of itself."""
        axis = int(self.r.integers(1, len(self.shape)))
        source = self.now
        self.same(
            "MAX_POOL_2D", [], self.shape, padding=0, stride_h=1, stride_w=1, filter_h=2, filter_w=2, activation=0
        )
        shape = tuple(d * 2 if i == axis else d for i, d in enumerate(self.shape))
        self.put(
            "CONCATENATION",
            [source, self.now],
            shape,
            self.scale,
            self.zero,
            axis=axis if self.r.random() < 0.5 else axis - 4,
        )

    def transpose(self) -> None:
        """TRANSPOSE of the last three dimensions."""
        order = (0, *(int(i) + 1 for i in self.r.permutation(3)))
        self.same("TRANSPOSE", [self.w.constant(order)], tuple(self.shape[i] for i in order))

    def strided_slice(self) -> None:
        """STRIDED_SLICE."""
        r = self.r
        begin, end, step = [0], [1], [1]
        for size in self.shape[1:]:
            low = int(r.integers(0, size))
            begin.append(low)
            end.append(int(r.integers(low + 1, size + 1)))
            step.append(int(r.integers(1, 3)))
        masks = {"begin_mask": int(r.integers(0, 16)), "end_mask": int(r.integers(0, 16))}
        shape = tuple(
            len(
                range(size)[
                    slice(None if masks["begin_mask"] >> i & 1 else b, None if masks["end_mask"] >> i & 1 else e, s)
                ]
            )
            for i, (size, b, e, s) in enumerate(zip(self.shape, begin, end, step, strict=True))
        )
        constants = [self.w.constant(v) for v in (begin, end, step)]
        self.same("STRIDED_SLICE", constants, shape, **masks, ellipsis=0, new_axis=0, shrink=0)

    def unary(self, functions: tuple[str, ...] = FUNCTIONS) -> None:
        """One of the functions of one value."""
        r = self.r
        name = str(r.choice(functions))
        scale, zero = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0), "NEG": (self.scale, self.zero)}.get(
            name, (float(np.float32(self.scale * r.uniform(0.3, 3))), zero_point(r))
        )
        options: dict[str, float] = {"alpha": float(r.uniform(0, 1.2))} if name == "LEAKY_RELU" else {}
        if name == "GELU":
            options = {"approximate": int(r.integers(0, 2))}
        self.put(name, [self.now], self.shape, scale, zero, **options)

    def maximum(self) -> None:
        """REDUCE_MAX."""
        axes = [(1, 2), (2,), (1,)][int(self.r.integers(0, 3))]
        keep = bool(self.r.integers(0, 2))
        kept = [1 if i in axes else d for i, d in enumerate(self.shape)]
        shape = tuple(kept if keep else [d for i, d in enumerate(self.shape) if i not in axes])
        self.same("REDUCE_MAX", [self.w.constant(axes)], shape, keep=int(keep))

    def resize(self) -> None:
        """RESIZE_BILINEAR or RESIZE_NEAREST_NEIGHBOR."""
        r = self.r
        _, height, width, channels = self.shape
        size = (int(r.integers(1, 2 * height + 2)), int(r.integers(1, 2 * width + 2)))
        if r.random() < 0.5:
            size = (2 * height, 2 * width)
        corners, centers = [(0, 0), (1, 0), (0, 1)][int(r.integers(0, 3))]
        name = str(r.choice(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]))
        self.same(name, [self.w.constant(size)], (1, *size, channels), corners=corners, centers=centers)

    def pad_with(self) -> None:
        """PADV2."""
        pads = [(0, 0), *((int(a), int(b)) for a, b in self.r.integers(0, 3, (2, 2))), (0, 0)]
        shape = tuple(d + a + b for d, (a, b) in zip(self.shape, pads, strict=True))
        value = self.zero if self.r.random() < 0.3 else int(self.r.integers(-128, 128))
        fill = self.w.tensor((), self.scale, self.zero, "int8", np.array(value, np.int8))
        self.same("PADV2", [self.w.constant(pads), fill], shape)

    def slice(self) -> None:
        """SLICE."""
        begin = [0, *(int(self.r.integers(0, d)) for d in self.shape[1:])]
        size = [1, *(int(self.r.integers(1, d - b + 1)) for d, b in zip(self.shape[1:], begin[1:], strict=True))]
        given = [
            -1 if d == b + s and self.r.random() < 0.5 else s for d, b, s in zip(self.shape, begin, size, strict=True)
        ]
        self.same("SLICE", [self.w.constant(begin), self.w.constant(given)], tuple(size))

    def split(self) -> None:
        """SPLIT, SPLIT_V or UNPACK; goes on with one part, or puts the parts together again with PACK."""
        r = self.r
        axis = int(r.integers(1, len(self.shape)))
        length, source, quantization = self.shape[axis], self.now, (self.scale, self.zero)
        count = int(r.choice([d for d in range(1, 5) if length % d == 0]))
        kind = r.random()
        if kind < 0.25 and length <= 6:
            shapes = [tuple(d for i, d in enumerate(self.shape) if i != axis)] * length
            outputs = [self.w.tensor(s, *quantization) for s in shapes]
            self.w.several("UNPACK", [source], outputs, count=length, axis=axis)
        elif kind < 0.5 and length > 1:
            cut = int(r.integers(1, length))
            shapes = [tuple(s if i == axis else d for i, d in enumerate(self.shape)) for s in (cut, length - cut)]
            outputs = [self.w.tensor(s, *quantization) for s in shapes]
            given = self.w.constant([cut, -1 if r.random() < 0.5 else length - cut])
            self.w.several("SPLIT_V", [source, given, self.w.constant(axis)], outputs, count=2)
        else:
            shapes = [tuple(length // count if i == axis else d for i, d in enumerate(self.shape))] * count
            outputs = [self.w.tensor(s, *quantization) for s in shapes]
            self.w.several("SPLIT", [self.w.constant(axis), source], outputs, count=count)
        pick = int(r.integers(len(outputs)))
        self.now, self.shape = outputs[pick], shapes[pick]
        if len({*shapes}) == 1 and len(self.shape) == 3:
            place = int(r.integers(1, 4))
            shape = (*self.shape[:place], len(outputs), *self.shape[place:])
            self.put("PACK", outputs[::-1], shape, *quantization, count=len(outputs), axis=place)

    def softmax(self) -> None:
        """SOFTMAX."""
        self.put("SOFTMAX", [self.now], self.shape, 1 / 256, -128, beta=float(self.r.choice([1.0, 0.5, 2.0])))


def _image(r: Random) -> tuple[int, ...]:
    return 1, int(r.integers(1, 14)), int(r.integers(1, 20)), int(r.integers(1, 9))


CHAINS: list[Callable[[Maker], object]] = [
    lambda m: m.conv(),
    lambda m: m.conv(depthwise=True),
    lambda m: m.conv(depthwise=True, kernel=3),
    lambda m: m.dense(),
    lambda m: m.dense(per_pixel=True),
    lambda m: m.pool(),
    lambda m: m.binary(),
    lambda m: m.mean(),
    lambda m: m.pad(),
    lambda m: (m.pad(), m.conv()),
    lambda m: m.concatenation(),
    lambda m: m.transpose(),
    lambda m: m.strided_slice(),
    lambda m: m.unary(),
    lambda m: m.softmax(),
    lambda m: (m.conv(), m.binary(), m.conv(depthwise=True), m.conv(kernel=1)),
    lambda m: (m.conv(kernel=1), m.conv(depthwise=True, kernel=3), m.conv(kernel=1), m.dense()),
    lambda m: (m.pool(), m.reshape((1, int(np.prod(m.shape)))), m.dense(), m.softmax()),
    lambda m: (m.transpose(), m.conv(), m.concatenation(), m.conv(kernel=1), m.pool()),
    lambda m: (m.reshape((1, 1, m.shape[1] * m.shape[2], m.shape[3])), m.conv(), m.mean(False, (1, 2)), m.dense()),
    lambda m: m.maximum(),
    lambda m: m.resize(),
    lambda m: m.pad_with(),
    lambda m: m.slice(),
    lambda m: m.split(),
]
KINDS = len(CHAINS)


def graph(seed: int) -> bytes:
    """Model number `seed`: every kind comes in turn, options are random."""
    r = np.random.default_rng(seed)
    maker = Maker(r, _image(r), "uint8" if seed % 17 == 3 else "int8")
    CHAINS[seed % KINDS](maker)
    return maker.finish()
