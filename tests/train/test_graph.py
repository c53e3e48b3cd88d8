"""What the phases know of a network is found from its graph, whatever its layers are called."""

from __future__ import annotations

from typing import Any

import pytest

from tests.train.networks import mobilenet_v2
from train.graph import Graph, bottlenecks, cut_points, first_kernel
from train.recipe import Recipe


@pytest.fixture(scope="module")
def backbone() -> Any:
    return mobilenet_v2(Recipe(image_size=160), (160, 160, 3), 3).backbone


def names(layers: list[Any]) -> list[str]:
    return [layer.name for layer in layers]


def test_bottlenecks_of_mobilenet_v2(backbone: Any) -> None:
    found = bottlenecks(backbone)

    assert [len(group.writers) for group in found] == [1, 2, 3, 4, 3, 3, 1]
    assert [name for group in found for name in names(group.writers)] == [
        "expanded_conv_project_BN",
        *(f"block_{block}_project_BN" for block in range(1, 17)),
    ]
    assert [name for group in found for name in names(group.readers)] == [
        *(f"block_{block}_expand" for block in range(1, 17)),
        "Conv_1",
    ]
    assert names(found[1].tensors) == ["block_1_project_BN", "block_2_add"], "what only an addition reads is left out"


def test_cut_points_of_mobilenet_v2_are_the_ends_of_its_blocks(backbone: Any) -> None:
    layers = {layer.name for layer in backbone.layers}
    blocks = ["expanded_conv", *(f"block_{block}" for block in range(1, 17))]

    ends = [f"{block}_add" if f"{block}_add" in layers else f"{block}_project_BN" for block in blocks]

    assert names(cut_points(backbone))[: len(ends)] == ends


@pytest.mark.parametrize("size", [32, 96, 224])
@pytest.mark.parametrize("alpha", [0.35, 1.0])
def test_they_are_so_at_every_size_and_width(alpha: float, size: int) -> None:
    found = cut_points(mobilenet_v2(Recipe(alpha=alpha), (size, size, 1), 3).backbone)

    blocks = [name.split("_project")[0].split("_add")[0] for name in names(found) if "project" in name or "add" in name]
    assert blocks == ["expanded_conv", *(f"block_{block}" for block in range(1, 17))]


def small(*, skip: bool = False, second_reader: bool = False) -> Any:
    """Four convolutions, maybe with one that goes around them, or a second one that reads the input."""
    import tf_keras as keras

    layers = keras.layers
    entry = layers.Input((16, 16, 3))

    def block(x: Any, index: int, filters: int, *, linear: bool = False) -> Any:
        x = layers.Conv2D(filters, 3, padding="same", name=f"a{index}")(x)
        x = layers.BatchNormalization(name=f"n{index}")(x)
        return x if linear else layers.ReLU(name=f"r{index}")(x)

    first = layers.MaxPooling2D()(block(layers.ZeroPadding2D(1)(entry), 0, 8))
    x = block(block(block(first, 1, 4, linear=True), 2, 8), 3, 8)
    if skip:
        x = layers.Concatenate()([x, first])
    if second_reader:
        other = layers.Conv2D(8, 3, strides=2, padding="same")(layers.ZeroPadding2D(1)(entry))
        x = layers.Concatenate()([x, other])
    return keras.Model(entry, layers.GlobalAveragePooling2D(name="average")(x))


def test_a_linear_tensor_is_found_without_its_name() -> None:
    (group,) = bottlenecks(small())

    assert (names(group.writers), names(group.readers), names(group.tensors)) == (["n1"], ["a2"], ["n1"])


def test_nothing_can_be_cut_where_something_goes_around() -> None:
    assert "n1" in names(cut_points(small()))
    assert "n1" not in names(cut_points(small(skip=True)))


def test_the_first_kernel_is_the_one_that_alone_reads_the_input() -> None:
    assert first_kernel(small()).name == "a0"
    with pytest.raises(ValueError, match="reads the model's input, and is neither"):
        first_kernel(small(second_reader=True))


def test_readers_and_what_int8_stores(backbone: Any) -> None:
    graph = Graph.of(backbone)
    relu, norm = backbone.get_layer("Conv1_relu"), backbone.get_layer("bn_Conv1")

    assert names(graph.readers["Conv1_relu"]) == ["expanded_conv_depthwise"]
    assert names(graph.inputs["block_2_add"]) == ["block_1_project_BN", "block_2_project_BN"]
    assert graph.normalisation_of(backbone.get_layer("Conv1")) is norm
    assert graph.normalisation_of(relu) is None
    assert graph.is_stored(relu)
    assert not graph.is_stored(norm)
    assert not graph.is_stored(backbone.get_layer("Conv1"))
