"""More operators for random models: functions of a `Maker`, which they take one operator further."""

from __future__ import annotations

import numpy as np

from tests.firmware.graphs import Maker, zero_point


def prelu(m: Maker) -> None:
    """PRELU with a slope for each channel, for each value or for all."""
    r = m.r
    shape = [(1,), (1, 1, m.shape[-1]), m.shape[1:]][int(r.integers(0, 3))]
    scale = float(np.float32(2.0 ** r.uniform(-10, -5)))
    slopes = m.w.tensor(shape, scale, zero_point(r), "int8", r.integers(-128, 128, shape).astype(np.int8))
    m.put("PRELU", [m.now, slopes], m.shape, float(np.float32(m.scale * 2.0 ** r.uniform(-1, 2))), zero_point(r))


def extreme(m: Maker) -> None:
    """MAXIMUM or MINIMUM with a constant or with a pooled version of itself."""
    r = m.r
    kind, source = int(r.integers(0, 4)), m.now
    if kind == 3:
        m.same("MAX_POOL_2D", [], m.shape, padding=0, stride_h=1, stride_w=1, filter_h=2, filter_w=2, activation=0)
        inputs = [source, m.now]
    else:
        shape = [(), (m.shape[-1],), m.shape][kind]
        inputs = [
            source,
            m.w.tensor(shape, m.scale, m.zero, "int8", r.integers(-128, 128, shape, np.int8)),
        ]
    m.put(str(r.choice(["MAXIMUM", "MINIMUM"])), inputs[:: int(r.choice([1, -1]))], m.shape, m.scale, m.zero)


def blocks(m: Maker) -> None:
    """SPACE_TO_DEPTH or DEPTH_TO_SPACE."""
    _, height, width, channels = m.shape
    block = int(m.r.integers(1, 4))
    if channels % block**2 == 0 and m.r.random() < 0.7:
        shape = (1, height * block, width * block, channels // block**2)
        m.same("DEPTH_TO_SPACE", [], shape, block=block)
        return
    height, width = -(-height // block) * block, -(-width // block) * block
    pads = [(0, 0), (0, height - m.shape[1]), (0, width - m.shape[2]), (0, 0)]
    m.same("PAD", [m.w.constant(pads)], (1, height, width, channels))
    shape = (1, height // block, width // block, channels * block**2)
    m.same("SPACE_TO_DEPTH", [], shape, block=block)


def over_channels(m: Maker) -> None:
    """MEAN or REDUCE_MAX over the channels, or over everything."""
    r = m.r
    axes = [3] if r.random() < 0.7 else [1, 2, 3]
    shape = tuple(1 if i in axes else d for i, d in enumerate(m.shape))
    if r.random() < 0.3:
        m.same("REDUCE_MAX", [m.w.constant(axes)], shape, keep=1)
        return
    scale = m.scale if r.random() < 0.3 else float(np.float32(m.scale * r.uniform(0.2, 1.5)))
    m.put("MEAN", [m.now, m.w.constant(axes)], shape, scale, zero_point(r), keep=1)


def shuffle(m: Maker) -> None:
    """The channels of groups one after the other, as ShuffleNet has it: five dimensions."""
    _, height, width, channels = m.shape
    groups = int(m.r.choice([d for d in range(1, channels + 1) if channels % d == 0]))
    m.reshape((1, height, width, groups, channels // groups))
    order = [(0, 1, 2, 4, 3), (0, 3, 1, 2, 4), (0, 2, 1, 4, 3)][int(m.r.integers(0, 3))]
    m.same("TRANSPOSE", [m.w.constant(order)], tuple(m.shape[i] for i in order))
    m.reshape((1, height, width, channels))
