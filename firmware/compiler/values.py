"""Where each tensor's values are while a graph is lowered, and the conversions between the two forms they can have."""

from __future__ import annotations

from firmware.compiler import layers as ly
from firmware.compiler.graph import Graph, Reshape, Shape3, Tensor, Window, geometry
from firmware.compiler.layers import Input, Layer, Params, Plane, Program
from firmware.compiler.place import MAX_DIMENSION


def _shape_for_readers(graph: Graph) -> tuple[int, ...]:
    """The input's shape, or the one that its only reader gives it: in rows of that, it can come row by row."""
    readers = [op for op in graph.operators if graph.input in op.inputs]
    reshaped = len(readers) == 1 and isinstance(readers[0], Reshape) and graph.input not in graph.outputs
    return graph.tensors[readers[0].output if reshaped else graph.input].shape


def _only_vectors(graph: Graph) -> bool:
    """Whether the input goes to dense layers only, so that no row of it takes padding."""
    readers = [op for op in graph.operators if graph.input in op.inputs]
    return graph.input not in graph.outputs and all(op.kind == "FULLY_CONNECTED" for op in readers)


class Values:
    """The program so far, and where each tensor's values are: as planes, as plain bytes in the model's order, or both.

    Args:
        graph: the model.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.program = Program()
        self.planar: dict[int, int] = {}
        self.plain: dict[int, int] = {}
        source = graph.tensors[graph.input]
        height, width, channels = geometry(_shape_for_readers(graph))
        if channels == 1 or (width == 1 and _only_vectors(graph)):  # rows of pixels and rows of planes are the same
            self.program.input = self.planar[graph.input] = self.plane(source, (height, width, channels))
        else:
            long = width * channels > MAX_DIMENSION  # the engine's columns have 16 bits, its channels 32
            shape = (height, 1, width * channels) if long else (height, width * channels, 1)
            self.program.input = self.plain[graph.input] = self.plane(source, shape)
        self.add("input", ly.Source(), (), self.program.input)

    def plane(self, tensor: Tensor, shape: Shape3, *, plain: bool = False) -> int:
        """Adds a plane for a tensor and returns its number; `plain`: bytes in the model's own order."""
        height, width, channels = shape
        if plain:
            width, channels = 1, width * channels
        plane = Plane(height, width, channels, tensor.quantization.zero_point + 128, tensor.name, fixed=plain)
        self.program.planes.append(plane)
        return len(self.program.planes) - 1

    def add(self, label: str, params: Params, inputs: tuple[Input, ...], output: int, macs: int = 0) -> None:
        """Adds a layer."""
        self.program.layers.append(Layer(label, params, inputs, output, macs))

    def shape(self, plane: int) -> Shape3:
        """Height, width and channels of a plane."""
        p = self.program.planes[plane]
        return p.height, p.width, p.channels

    def planes(self, index: int, wanted: Shape3 | None = None, channels: int | None = None) -> int:
        """The planes of a tensor, with a given geometry or at least number of channels; converted if need be."""
        tensor = self.graph.tensors[index]
        if index in self.planar:
            shape = self.shape(self.planar[index])
            if (wanted is None or shape == wanted) and (channels is None or shape[2] == channels):
                return self.planar[index]
        target = wanted or geometry(tensor.shape)
        source = self.plain_bytes(index)
        made = self.plane(tensor, target)
        rows = self._rows_of(source, target)
        self.add("layout", ly.Layout(to_planes=True, flip=False), (Input(source, rows),), made)
        self.planar[index] = made
        return made

    def _rows_of(self, plane: int, target: Shape3) -> Window:
        """Which rows of a plain tensor a row of `target` needs: the same one where both have as many, else all."""
        height = self.program.planes[plane].height
        return ly.ROW if height == target[0] else Window(height, 0)

    def plain_bytes(self, index: int) -> int:
        """A tensor's bytes in the model's own order."""
        if index not in self.plain:
            tensor, source = self.graph.tensors[index], self.planar[index]
            made = self.plane(tensor, self.shape(source), plain=True)
            self.add("layout", ly.Layout(to_planes=False, flip=False), (Input(source),), made)
            self.plain[index] = made
        return self.plain[index]

    def finish(self) -> Program:
        """Adds the conversions to the caller's outputs and returns the program."""
        self.program.outputs = tuple(map(self._output, self.graph.outputs))
        return self.program

    def _output(self, index: int) -> int:
        if index not in self.planar:
            self.planes(index)
        source = self.planar[index]
        made = self.plane(self.graph.tensors[index], self.shape(source), plain=True)
        flip = index not in self.graph.unsigned
        self.add("layout", ly.Layout(to_planes=False, flip=flip), (Input(source),), made)
        return made
