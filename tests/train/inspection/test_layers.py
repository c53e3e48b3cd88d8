"""What stands behind each layer: names of layers, and errors that are those of the tensors."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluate import predict
from train.inspection.layers import kernels_of, layer_errors, layer_name
from train.job import Job
from train.runs.report import Report
from train.samples import Samples
from train.sparsity import Sparsity


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("net/bn_Conv1/FusedBatchNormV3;net/Conv1/Conv2D1", "Conv1"),
        ("net/block_1_depthwise/depthwise;net/block_1_pad/Pad1", "block_1_depthwise"),
        ("head/dense_1/MatMul;head/dense_1/Relu;head/dense_1/BiasAdd", "dense_1"),
        ("net/block_2_add/add", "block_2_add"),
        ("Identity", "Identity"),
    ],
)
def test_a_layer_has_its_own_name(tensor: str, name: str) -> None:
    assert layer_name(tensor) == name


def test_the_last_error_is_that_of_the_answers(finished: tuple[Job, Report]) -> None:
    job, _ = finished
    files = [(job.out / name).read_bytes() for name in ("model.tflite", "model_quantized_int8_io.tflite")]
    inputs = np.random.default_rng(1).random((5, 32, 32, 3)).astype(np.float32)
    plain, quantised = (predict(file, Samples(inputs, np.zeros(5, np.int32))) for file in files)

    errors = layer_errors(*files, inputs)

    expected = np.sqrt(np.square(quantised - plain).sum() / np.square(plain).sum())
    assert errors[-1].error == pytest.approx(expected, rel=1e-3)
    assert errors[-1].kind == "SOFTMAX"
    assert errors[0].name == "Conv1"
    assert all(each.error == 0 for each in layer_errors(files[0], files[0], inputs))


def test_kernels_that_cannot_be_told_apart_are_not_guessed(finished: tuple[Job, Report]) -> None:
    job, _ = finished
    int8 = (job.out / "model_quantized_int8_io.tflite").read_bytes()
    (kernel,) = kernels_of(Sparsity(0.5, 0.5, 0.5, {"Conv1/kernel": 0.5}), [432], None, int8)
    assert (kernel.name, kernel.asked, kernel.reached, kernel.int8) == ("Conv1", None, 0.5, None)
