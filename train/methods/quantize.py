"""Conversion: the trained network to a float and an INT8 TFLite file.

The network is frozen to constants first, and the converter is given its graph. From the Keras model it would export a
SavedModel on the way, which takes ten times as long for the same file; from a concrete function it would freeze again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ei_compat.core.errors import EiTrainError, ExportError
from ei_compat.core.words import first_line
from train import backend
from train.batches import as_float

SAME = 2.0**-20  # of a scale: float32's rounding in the converter, and no more

if TYPE_CHECKING:
    from train.network import Network
    from train.recipe import Recipe
    from train.samples import TrainingData


def freeze(network: Network) -> Any:
    """The network as a concrete function of inputs [N, ...], such as pictures, with its weights as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    shape = (None, *network.backbone.input_shape[1:])

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(shape, tf.float32, "x_input")])
    def infer(x: tf.Tensor) -> tf.Tensor:
        return network(x, training=False)

    return convert_variables_to_constants_v2(infer.get_concrete_function())


def to_float(frozen: Any) -> bytes:
    """The float32 `.tflite` file of what `freeze` gave, for one input at a time.

    Raises:
        ExportError: TensorFlow's converter failed.
    """
    return _convert(_converter(frozen), "the float model")


def to_int8(frozen: Any, calibration: np.ndarray, output_range: tuple[float, float] | None = None) -> bytes:
    """The INT8 `.tflite` file: int8 in and out, weights per channel.

    Scales that are eight significant bits but for float32's rounding become just that; see `int8_ready`.

    Args:
        frozen: from `freeze`.
        calibration: float32 inputs [N, ...] whose values reach exactly the ends of the input's range.
        output_range: that the output must be able to hold at least; see `with_output_range`.

    Raises:
        ExportError: TensorFlow's converter failed.
    """
    import tensorflow as tf

    converter = _converter(frozen)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = _each_alone(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = with_snapped_scales(_convert(converter, "the INT8 model"))
    return tflite if output_range is None else with_output_range(tflite, *output_range)


def eight_bits(scales: np.ndarray) -> np.ndarray:
    """The nearest numbers of eight significant bits, as float64."""
    mantissas, exponents = np.frexp(scales.astype(np.float64))
    snapped: np.ndarray = np.ldexp(np.rint(mantissas * 256) / 256, exponents)
    return snapped


def with_snapped_scales(tflite: bytes) -> bytes:
    """The file with the scales of weights that are next to a number of eight significant bits moved onto it."""
    from ai_edge_litert import schema_py_generated as schema

    changed = bytearray(tflite)
    model = schema.Model.GetRootAs(changed)
    graph = model.Subgraphs(0)
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        if tensor.Type() == schema.TensorType.INT8 and model.Buffers(tensor.Buffer()).DataLength():
            scales = tensor.Quantization().ScaleAsNumpy()  # where they lie in the file
            snapped = eight_bits(scales)
            near = np.abs(snapped - scales) <= SAME * scales
            scales[near] = snapped[near]
    return bytes(changed)


def with_output_range(tflite: bytes, low: float, high: float) -> bytes:
    """The file with an output that holds this range, 0 and what calibration saw, in 256 equal steps.

    Only a dense layer's output has a scale that nothing else depends on.

    Raises:
        ExportError: another layer makes the output.
    """
    from ai_edge_litert import schema_py_generated as schema

    changed = bytearray(tflite)
    model = schema.Model.GetRootAs(changed)
    graph = model.Subgraphs(0)
    last = graph.Operators(graph.OperatorsLength() - 1)
    code = model.OperatorCodes(last.OpcodeIndex()).BuiltinCode()
    if code != schema.BuiltinOperator.FULLY_CONNECTED or last.Outputs(0) != graph.Outputs(0):
        raise ExportError("the INT8 model's output does not come from a dense layer, so its range cannot be widened")
    parameters = graph.Tensors(graph.Outputs(0)).Quantization()
    scales, zero_points = parameters.ScaleAsNumpy(), parameters.ZeroPointAsNumpy()  # where they lie in the file
    seen_low, seen_high = (float(scales[0]) * (end - int(zero_points[0])) for end in (-128, 127))
    low, high = min(low, seen_low, 0.0), max(high, seen_high, 0.0)
    scales[0] = (high - low) / 255
    zero_points[0] = round(-128 - low / float(scales[0]))
    return bytes(changed)


def _converter(frozen: Any) -> Any:
    """TensorFlow's converter, of the frozen function's graph for a batch of one."""
    import tensorflow as tf

    (given,), (wanted,), graph = frozen.inputs, frozen.outputs, tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(given.dtype, (1, *given.shape[1:]), given.op.name)
        body = frozen.graph.as_graph_def()
        (y,) = tf.graph_util.import_graph_def(body, {given.name: x}, [wanted.name], name="")
    return tf.compat.v1.lite.TFLiteConverter(graph.as_graph_def(), [x], [y])


def _each_alone(inputs: np.ndarray) -> Callable[[], Iterator[list[np.ndarray]]]:
    return lambda: ([one[np.newaxis]] for one in inputs)


def _convert(converter: Any, what: str) -> bytes:
    try:
        with backend.without_native_chatter(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs", category=UserWarning)
            return bytes(converter.convert())
    except EiTrainError:
        raise  # a signal came meanwhile
    except Exception as error:  # the converter raises whatever its C++ side says
        reason = first_line(error)
        raise ExportError(f"converting {what} failed: {reason}") from error


def calibration_set(data: TrainingData, recipe: Recipe) -> np.ndarray:
    """Training inputs that the task spreads over what there is, with the whole input range, float32 as deployed."""
    rows = data.task.spread(data.training.y, recipe.calibration_samples, recipe.seed)
    return data.scaling.calibration(lambda chosen: as_float(data.training.take(chosen)[0]), rows)
