"""`.ei-block-config`: which block of which organisation a folder is pushed to, per host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ei_compat.core.documents import from_document, to_document, write_json
from ei_compat.core.errors import FormatError
from ei_compat.core.parsing import read_json

FILE_NAME = ".ei-block-config"
VERSIONS = (1, 2)


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of the block on one host.

    Attributes:
        organization_id: Edge Impulse's number of the organisation.
        id: the block's number, None until it was pushed once.
        type: in version 1, `transferLearning` and the like.
        tl_operates_on: in version 1, what a learning block works on.
        tl_object_detection_last_layer: in version 1.
        unknown: other members, kept for writing.
    """

    organization_id: int
    id: int | None = None
    type: str | None = None
    tl_operates_on: str | None = None
    tl_object_detection_last_layer: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """A `.ei-block-config`.

    Attributes:
        version: 1 or 2.
        config: by host, such as `studio.edgeimpulse.com`.
        unknown: other members, kept for writing.
    """

    version: int
    config: Mapping[str, Host]
    unknown: Mapping[str, Any] = field(default_factory=dict)


def read_block_config(path: Path) -> BlockConfig:
    """Reads `.ei-block-config` of version 1 or 2.

    Raises:
        FormatError: naming the member that is wrong.
    """
    return parse_block_config(read_json(path), where=str(path))


def parse_block_config(document: Any, *, where: str = FILE_NAME) -> BlockConfig:
    """Checks a parsed `.ei-block-config`.

    Raises:
        FormatError: naming the member that is wrong.
    """
    hosts = document.get("config") if isinstance(document, dict) else None
    if not isinstance(hosts, dict):
        raise FormatError("has no object 'config'", where=where)
    config = from_document(BlockConfig, document | {"config": {}}, where=where)
    if config.version not in VERSIONS:
        raise FormatError(f"has version {config.version}, not 1 or 2", where=where)
    parsed = {name: from_document(Host, host, where=f"{where}, config.{name}") for name, host in hosts.items()}
    return replace(config, config=parsed)


def block_config_as_json(config: BlockConfig) -> dict[str, Any]:
    """The document."""
    hosts = {name: to_document(host) for name, host in config.config.items()}
    return {"version": config.version, "config": hosts} | dict(config.unknown)


def write_block_config(path: Path, config: BlockConfig) -> None:
    """Writes `.ei-block-config`."""
    write_json(path, block_config_as_json(config))
