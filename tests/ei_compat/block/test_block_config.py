""".ei-block-config, read and written."""

from __future__ import annotations

import pytest

from ei_compat.block.block_config import block_config_as_json, parse_block_config, read_block_config, write_block_config
from ei_compat.core.errors import FormatError

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
