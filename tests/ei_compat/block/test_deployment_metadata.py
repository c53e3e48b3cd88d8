"""deployment-metadata.json, read and written."""

from __future__ import annotations

import pytest

from ei_compat.block.deployment_metadata import (
    deployment_metadata_as_json,
    parse_deployment_metadata,
    read_deployment_metadata,
    write_deployment_metadata,
)
from ei_compat.core.errors import FormatError

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
