"""train_input.json, read and written."""

from __future__ import annotations

import pytest

from ei_compat.block.train_input import (
    Mode,
    parse_shape,
    parse_train_input,
    read_train_input,
    train_input_as_json,
    write_train_input,
)
from ei_compat.core.errors import FormatError

LEAST = {"classes": ["b", "a"], "mode": "classification", "inputShapeString": "(96, 96, 3)", "yType": "npy"}
ALL = LEAST | {
    "inferenceMode": "classification",
    "printHWInfo": True,
    "trainTestSplit": 0.25,
    "stratifiedTrainTest": True,
    "onlineDspConfig": {"a": 1},
    "convertInt8": False,
    "profileInt8": False,
    "skipEmbeddingsAndMemory": True,
    "objectDetectionLastLayer": "fomo",
    "objectDetectionAugmentation": True,
    "objectDetectionBatchSize": 32,
    "syntiantTarget": True,
    "maxTrainingTimeSeconds": 1200,
    "remainingGpuComputeTimeSeconds": 10.5,
    "isEnterpriseProject": True,
    "flattenDataset": True,
    "akidaModel": True,
    "akidaEdgeModel": True,
    "skipMemoryProfiling": True,
    "asyncMemoryProfiling": True,
    "tensorboardLogging": True,
    "customValidationSplit": True,
    "validationMetadataKey": "site",
    "customVariantsToProfile": [{"key": "a"}],
}


def test_the_least_and_the_most_of_train_input(tmp_path):
    least = parse_train_input(LEAST)
    assert (least.classes, least.mode, least.input_shape) == (("b", "a"), Mode.CLASSIFICATION, (96, 96, 3))
    assert (least.train_test_split, least.stratified_train_test, least.unknown) == (0.2, False, {})
    everything = parse_train_input(ALL | {"newField": [1]})
    assert train_input_as_json(everything) == ALL | {"newField": [1]}
    write_train_input(tmp_path / "train_input.json", everything)
    assert read_train_input(tmp_path / "train_input.json") == everything


def test_null_is_absent():
    assert parse_train_input(
        LEAST | {"remainingGpuComputeTimeSeconds": None, "trainTestSplit": None}
    ) == parse_train_input(LEAST)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "train_input.json: is not a JSON object"),
        ({}, "train_input.json, classes: field required"),
        (LEAST | {"classes": []}, "classes: is empty or names a class twice"),
        (LEAST | {"classes": ["a", "a"]}, "classes: is empty or names a class twice"),
        (LEAST | {"classes": ["a", 1]}, r"classes\[1\]: input should be a valid string"),
        (LEAST | {"mode": "guessing"}, "mode: input should be 'classification', "),
        (LEAST | {"yType": "csv"}, "yType: input should be 'npy' or 'structured'"),
        (LEAST | {"inputShapeString": "96x96"}, r"inputShapeString: '96x96' is not a shape such as \(96, 96, 3\)"),
        (LEAST | {"inputShapeString": "(0, 3)"}, r"inputShapeString: shape \(0, 3\) is empty or too large"),
        (LEAST | {"trainTestSplit": 1}, "trainTestSplit: 1.0 is not from 0 to below 1"),
        (LEAST | {"maxTrainingTimeSeconds": "soon"}, "maxTrainingTimeSeconds: input should be a valid number"),
        (LEAST | {"printHWInfo": "maybe"}, "printHWInfo: input should be a valid boolean"),
    ],
)
def test_bad_train_input(document, message):
    with pytest.raises(FormatError, match=message):
        parse_train_input(document)


@pytest.mark.parametrize(
    ("text", "shape"),
    [("(156,)", (156,)), ("(96, 96, 1)", (96, 96, 1)), (" (3960) ", (3960,)), ("(49,40,1,)", (49, 40, 1))],
)
def test_shapes(text, shape):
    assert parse_shape(text) == shape


# parameters.json
