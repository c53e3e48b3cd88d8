"""train_input.json, parameters.json, .ei-block-config and deployment-metadata.json, read, written and used."""

from __future__ import annotations

import json

import pytest

from ei_compat.block.block_config import block_config_as_json, parse_block_config, read_block_config, write_block_config
from ei_compat.block.deployment_metadata import (
    deployment_metadata_as_json,
    parse_deployment_metadata,
    read_deployment_metadata,
    write_deployment_metadata,
)
from ei_compat.block.parameters import (
    from_arguments,
    parameters_as_json,
    parse_parameters,
    read_parameters,
    to_arguments,
    write_parameters,
)
from ei_compat.block.train_input import (
    Mode,
    parse_shape,
    parse_train_input,
    read_train_input,
    train_input_as_json,
    write_train_input,
)
from ei_compat.core.errors import FormatError, LimitError, UsageError
from ei_compat.core.limits import Limits
from ei_compat.core.parsing import read_json

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


def item(kind: str, value: object, **more: object) -> dict[str, object]:
    return {"name": kind, "param": f"the-{kind}", "type": kind, "value": value} | more


EVERY_TYPE = [
    item("string", "dense: 32", allowEmpty=True, placeholder="x", hint="y", multiline=False),
    item("int", "30", help="how many", readonly=True, showForImplementationVersion=[1, 2]),
    item("float", 0.001, createMacro=True, configType="training"),
    item("select", "b", valid=["a", {"value": "b", "label": "B"}], section="advanced"),
    item("boolean", True),
    item("bucket", "7", optional=True),
    item("dataset", "birds"),
    item("flag", "true", showIf={"parameter": "the-boolean", "operator": "eq", "value": "true"}),
    item("secret", "s3cret"),
    item("float", None, optional=True, futureField={"a": 1}) | {"param": "none"},
]
BLOCK = {
    "version": 1,
    "type": "machine-learning",
    "info": {"name": "n", "operatesOn": "image"},
    "parameters": EVERY_TYPE,
}


@pytest.mark.parametrize("document", [EVERY_TYPE, BLOCK, BLOCK | {"extra": 1}], ids=["bare list", "v1", "more"])
def test_parameters_are_written_as_they_were_read(document, tmp_path):
    block = parse_parameters(document)
    written = parameters_as_json(block)
    items = written if isinstance(written, list) else written["parameters"]
    assert items[:-1] == EVERY_TYPE[:-1]
    assert items[-1] == {key: value for key, value in EVERY_TYPE[-1].items() if value is not None}
    write_parameters(tmp_path / "parameters.json", block)
    assert read_parameters(tmp_path / "parameters.json") == block


def test_every_type_to_an_argument_and_back():
    block = parse_parameters(BLOCK)
    arguments = to_arguments(block)
    assert arguments == [
        *("--the-string", "dense: 32", "--the-int", "30", "--the-float", "0.001", "--the-select", "b"),
        *(
            "--the-boolean",
            "true",
            "--the-bucket",
            "7",
            "--the-dataset",
            "birds",
            "--the-flag",
            "--the-secret",
            "s3cret",
        ),
    ]
    values, rest = from_arguments(block, [*arguments, "--data-directory", "data"])
    assert rest == ["--data-directory", "data"]
    assert values == {
        "the-string": "dense: 32",
        "the-int": 30,
        "the-float": 0.001,
        "the-select": "b",
        "the-boolean": True,
        "the-bucket": "7",
        "the-dataset": "birds",
        "the-flag": True,
        "the-secret": "s3cret",
    }
    assert to_arguments(block, values) == arguments


def test_values_that_differ_from_the_defaults():
    block = parse_parameters(BLOCK)
    arguments = to_arguments(block, {"the-flag": False, "the-string": "", "the-int": "5", "none": 2.5})
    assert "--the-flag" not in arguments
    assert arguments[:4] == ["--the-string", "", "--the-int", "5"]
    assert arguments[-2:] == ["--none", "2.5"]
    values, _ = from_arguments(block, ["--the-int=7", "--the-boolean", "false"])
    assert (values["the-int"], values["the-boolean"], values["the-flag"]) == (7, False, False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"the-int": "many"}, "--the-int: 'many' is not of type int"),
        ({"the-int": 1.5}, "--the-int: 1.5 is not of type int"),
        ({"the-float": "x"}, "--the-float: 'x' is not of type float"),
        ({"the-select": "c"}, "--the-select: 'c' is not of a, b"),
        ({"the-flag": "perhaps"}, "--the-flag: 'perhaps' is not of type flag"),
        ({"other": 1}, "the block has no parameter 'other'"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(UsageError, match=message):
        to_arguments(parse_parameters(BLOCK), values)


def test_an_option_without_its_value():
    with pytest.raises(UsageError, match="--the-int: has no value"):
        from_arguments(parse_parameters(BLOCK), ["--the-int"])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("x", "is neither a list of parameters nor of version 1"),
        ({"version": 2}, "is neither a list of parameters nor of version 1"),
        ({"version": 1, "type": "dsp"}, "has no type or no info.name"),
        ({"version": 1, "parameters": {}}, "is not a list"),
        ([{"name": "n"}], r"parameters.json\[0\], param: field required"),
        ([item("int", "x")], r"\[0\]\.value: 'x' is not of type int"),
        ([item("colour", "x")], r"\[0\], type: input should be 'string', "),
        ([item("select", "x")], r"\[0\]\.valid: a select without choices"),
        ([item("int", 1), item("int", 2)], r"\[1\]\.param: 'the-int' is no option's name, or used twice"),
        ([item("int", 1) | {"param": "--x"}], "'--x' is no option's name"),
    ],
)
def test_bad_parameters(document, message):
    with pytest.raises(FormatError, match=message):
        parse_parameters(document)


# .ei-block-config and deployment-metadata.json

CONFIGS = [
    {"version": 2, "config": {"edgeimpulse.com": {"organizationId": 4, "id": 9}, "10.0.0.1": {"organizationId": 1}}},
    {"version": 1, "config": {"studio.edgeimpulse.com": {"type": "transferLearning", "organizationId": 4} | {
        "id": 9, "tlOperatesOn": "image", "tlObjectDetectionLastLayer": "fomo", "name": "kept"}}},
]  # fmt: skip


@pytest.mark.parametrize("document", CONFIGS, ids=["v2", "v1"])
def test_block_config(document, tmp_path):
    config = parse_block_config(document)
    assert block_config_as_json(config) == document
    write_block_config(tmp_path / "c", config)
    assert read_block_config(tmp_path / "c") == config


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"version": 3, "config": {}}, "has version 3, not 1 or 2"),
        ({"version": 2}, "has no object 'config'"),
        ({"version": 2, "config": {"h": {}}}, r"config\.h, organizationId: field required"),
    ],
)
def test_bad_block_config(document, message):
    with pytest.raises(FormatError, match=message):
        parse_block_config(document)


METADATA = {
    "version": 1,
    "deployCounter": 3,
    "classes": ["a", "b"],
    "samplesPerInference": 9216,
    "axesCount": 1,
    "frequency": 0,
    "tfliteModels": [
        {"modelPath": "/in/m.tflite", "details": {"a": 1}, "inputTensor": "x", "outputTensor": "y"}
        | {"arenaSize": 5, "inputFrameSize": 27648, "onnxModelPath": "/in/m.onnx", "isDefault": True}
    ],
    "project": {"name": "p", "id": 1, "owner": "o", "apiKey": "ei_hidden", "studioHost": "studio.example"},
    "impulse": {"inputBlocks": [], "dspBlocks": [], "learnBlocks": []},
    "sensor": "camera",
    "folders": {"input": "/in", "output": "/out"},
}


def test_deployment_metadata(tmp_path):
    metadata = parse_deployment_metadata(METADATA)
    assert deployment_metadata_as_json(metadata) == METADATA
    assert (metadata.tflite_models[0].arena_size, metadata.folders.output) == (5, "/out")
    assert "ei_hidden" not in repr(metadata)
    write_deployment_metadata(tmp_path / "d", metadata)
    assert read_deployment_metadata(tmp_path / "d") == metadata


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "is not an object of version 1"),
        ({"folders": None}, "folders: is not a JSON object"),
        ({"tfliteModels": [{}]}, r"tfliteModels\[0\], modelPath: field required"),
        ({"classes": "a"}, "classes: input should be a valid tuple"),
    ],
)
def test_bad_deployment_metadata(change, message):
    with pytest.raises(FormatError, match=message):
        parse_deployment_metadata(METADATA | change)


# JSON itself


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"{", FormatError, "line 1 column 2: is not JSON: expecting property name"),
        (b'{"a": [1,\n2,,]}', FormatError, "line 2 column 3"),
        (b"\xff\xfe", FormatError, "byte 0: is not UTF-8 text"),
        (b"[" * 100_000, FormatError, "is nested too deeply"),
        (b"9" * 5000, FormatError, "is not JSON"),
        (b" " * 2000, LimitError, "larger than 1,000 bytes; raise Limits.label_file_bytes"),
    ],
)
def test_bad_json(data, error, message, tmp_path):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(error, match=message):
        read_json(tmp_path / "x.json", Limits(label_file_bytes=1000 if error is LimitError else 1 << 20))


def test_a_byte_order_mark_is_no_error(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(LEAST).encode())
    assert read_train_input(tmp_path / "x.json") == parse_train_input(LEAST)
