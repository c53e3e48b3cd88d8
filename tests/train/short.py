"""Three blocks of MobileNetV2 with every kind of its layers, so that a whole run takes a third of the time.

`python -m tests.train.short ARGUMENT ...` is `ei-train` with that network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def put_in_place(setattr_: Callable[[Any, str, Any], None]) -> Callable[..., Any]:
    """Puts the network in MobileNetV2's place, by this means, and returns what builds it."""
    import tf_keras as keras

    setattr_(keras.applications, "MobileNetV2", build)
    return build


def build(input_tensor: Any, alpha: float = 0.35, include_top: bool = False, weights: Any = None) -> Any:
    """Takes what `keras.applications.MobileNetV2` takes."""
    import tf_keras as keras

    layers = keras.layers
    x = _normalised(
        input_tensor, layers.Conv2D(16, 3, 2, "same", use_bias=False, name="Conv1"), "bn_Conv1", "Conv1_relu"
    )
    for index, stride in enumerate((1, 2, 1)):
        x = _block(x, index, stride)
    last = layers.Conv2D(1280, 1, use_bias=False, name="Conv_1")
    return keras.Model(input_tensor, _normalised(x, last, "Conv_1_bn", "out_relu"), name="short_mobilenet")


def _normalised(x: Any, layer: Any, name: str, relu: str | None) -> Any:
    import tf_keras as keras

    layers = keras.layers
    x = layers.BatchNormalization(epsilon=1e-3, name=name)(layer(x))
    return x if relu is None else layers.ReLU(6.0, name=relu)(x)


def _block(x: Any, index: int, stride: int, filters: int = 8) -> Any:
    import tf_keras as keras

    layers = keras.layers
    prefix, before = f"block_{index}" if index else "expanded_conv", x
    if index:
        wide = layers.Conv2D(6 * x.shape[-1], 1, use_bias=False, name=f"{prefix}_expand")
        x = _normalised(x, wide, f"{prefix}_expand_BN", f"{prefix}_expand_relu")
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{prefix}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    deep = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{prefix}_depthwise")
    x = _normalised(x, deep, f"{prefix}_depthwise_BN", f"{prefix}_depthwise_relu")
    narrow = layers.Conv2D(filters, 1, use_bias=False, name=f"{prefix}_project")
    x = _normalised(x, narrow, f"{prefix}_project_BN", None)
    return layers.Add(name=f"{prefix}_add")([before, x]) if before.shape == x.shape else x


if __name__ == "__main__":
    from train import backend, supervisor

    start = backend.start

    def start_and_put_in_place(*, deterministic: bool) -> None:
        start(deterministic=deterministic)
        put_in_place(setattr)

    backend.start = start_and_put_in_place
    supervisor.main()
