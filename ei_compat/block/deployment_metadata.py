"""`deployment-metadata.json`: what Edge Impulse tells a custom deployment block about the impulse to package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ei_compat.core.documents import from_document, to_document, write_json
from ei_compat.core.errors import FormatError
from ei_compat.core.parsing import read_json

FILE_NAME = "deployment-metadata.json"
RESULT = "deploy.zip"  # what a block writes to `folders.output`


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """One of the models.

    Attributes:
        model_path: the `.tflite` file inside the block's container.
        details: how Studio describes it.
        input_tensor: the name of its input.
        output_tensor: the name of its output.
        onnx_model_path: where there is one.
        arena_size: bytes.
        input_frame_size: numbers in one input.
        unknown: other members, kept for writing.
    """

    model_path: str
    details: Mapping[str, Any] | None = None
    input_tensor: str | None = None
    output_tensor: str | None = None
    onnx_model_path: str | None = None
    arena_size: int | None = None
    input_frame_size: int | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """Project that is deployed. Its key is a secret: it is in no `repr`.

    Attributes:
        id: its number.
        name: its name.
        owner: the user or organization that it belongs to.
        api_key: its key, for requests while the block runs.
        studio_host: where its Studio is.
        unknown: members that are not listed here, kept as they are.
    """

    id: int
    name: str
    owner: str | None = None
    api_key: str | None = field(default=None, repr=False)
    studio_host: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders that a block reads from and writes to.

    Attributes:
        input: with the library and the models.
        output: for what the block makes.
        unknown: as of `Project`.
    """

    input: str
    output: str
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeploymentMetadata:
    """A `deployment-metadata.json`.

    Attributes:
        deploy_counter: the deployment's number in its project.
        classes: label names.
        samples_per_inference: rows of the raw signal.
        axes_count: columns of it; numbers per pixel for pictures.
        frequency: rows per second, 0 for pictures.
        tflite_models: one or more.
        project: see `Project`.
        folders: see `Folders`.
        impulse: blocks as Studio describes them.
        sensor: such as `camera`.
        version: 1.
        unknown: other members, kept for writing.
    """

    deploy_counter: int
    classes: tuple[str, ...]
    samples_per_inference: int
    axes_count: int
    frequency: float
    tflite_models: tuple[TfliteModel, ...]
    project: Project
    folders: Folders
    impulse: Mapping[str, Any] = field(default_factory=dict)
    sensor: str | int | None = None
    version: int = 1
    unknown: Mapping[str, Any] = field(default_factory=dict)


def read_deployment_metadata(path: Path) -> DeploymentMetadata:
    """Reads `deployment-metadata.json`.

    Raises:
        FormatError: naming the member that is missing or wrong.
    """
    return parse_deployment_metadata(read_json(path), where=str(path))


def parse_deployment_metadata(document: Any, *, where: str = FILE_NAME) -> DeploymentMetadata:
    """Checks a parsed `deployment-metadata.json`.

    Raises:
        FormatError: naming the member that is missing or wrong.
    """
    if not isinstance(document, dict) or document.get("version") != 1:
        raise FormatError("is not an object of version 1", where=where)
    models = document.get("tfliteModels", [])
    if not isinstance(models, list):
        raise FormatError("is not a list", where=f"{where}, tfliteModels")
    parts: dict[str, Any] = {
        "project": from_document(Project, document.get("project"), where=f"{where}, project"),
        "folders": from_document(Folders, document.get("folders"), where=f"{where}, folders"),
        "tfliteModels": [],
    }
    metadata = from_document(DeploymentMetadata, document | parts, where=where)
    parsed = (from_document(TfliteModel, item, where=f"{where}, tfliteModels[{i}]") for i, item in enumerate(models))
    return replace(metadata, tflite_models=tuple(parsed))


def deployment_metadata_as_json(metadata: DeploymentMetadata) -> dict[str, Any]:
    """The document."""
    return to_document(metadata)


def write_deployment_metadata(path: Path, metadata: DeploymentMetadata) -> None:
    """Writes `deployment-metadata.json`."""
    write_json(path, deployment_metadata_as_json(metadata))
