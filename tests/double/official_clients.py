"""Drives the double with Edge Impulse's own Python packages; runs in their virtual environment, not in ours.

`python official_clients.py FOLDER`: FOLDER holds `model.tflite`, `features.npy` and `export/`, an Edge Impulse export.
Where it also holds `exchanges.json`, what passed between a client and the double, that is held to the packages' types
in place of calling them. Prints one JSON object.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import edgeimpulse as ei
from edgeimpulse import data, model
from edgeimpulse.data import Sample

ANSWERS = [  # of (method, path): the types that the packages have for request and answer
    ("GET", "user", None, "GetUserResponse"),
    ("GET", "projects", None, "ListProjectsResponse"),
    ("GET", r"\d+", None, "ProjectInfoResponse"),
    ("GET", r"(organizations/)?\d+/socket-token", None, "SocketTokenResponse"),
    ("GET", r"\d+/impulses", None, "GetAllImpulsesResponse"),
    ("GET", r"\d+/training/keras/\d+", None, "KerasResponse"),
    ("GET", r"organizations/\d+", None, "OrganizationInfoResponse"),
    ("GET", r"organizations/\d+/transfer-learning", None, "ListOrganizationTransferLearningBlocksResponse"),
    ("GET", r"organizations/\d+/transfer-learning/\d+", None, "GetOrganizationTransferLearningBlockResponse"),
    ("GET", r"\d+/devkeys/hmac", None, "GetHmacDevkeyResponse"),
    ("GET", r"\d+/impulse", None, "GetImpulseResponse"),
    ("GET", r"(organizations/)?\d+/jobs/\d+/status", None, "GetJobResponse"),
    ("GET", r"(organizations/)?\d+/jobs/\d+/stdout", None, "LogStdoutResponse"),
    ("POST", r"\d+/jobs/export/original", "ExportOriginalDataRequest", "StartJobResponse"),
    ("GET", r"\d+/export/get-url", None, "ExportGetUrlResponse"),
    ("POST", r"\d+/jobs/train/keras/\d+/data", "ExportKerasBlockDataRequest", "StartJobResponse"),
    ("POST", r"\d+/jobs/train/keras/\d+/export", None, "StartJobResponse"),
    ("POST", r"\d+/pretrained-model/upload", None, "StartJobResponse"),
    ("GET", r"\d+/pretrained-model", None, "GetPretrainedModelResponse"),
    ("POST", r"\d+/pretrained-model/profile", None, "StartJobResponse"),
    ("POST", r"\d+/pretrained-model/save", "SavePretrainedModelRequest", "GenericApiResponse"),
    ("GET", r"\d+/deployment/targets/data-sources", None, "DeploymentTargetsResponse"),
    ("POST", r"\d+/jobs/build-ondevice-model", "BuildOnDeviceModelRequest", "BuildOnDeviceModelResponse"),
    ("POST", r"\d+/jobs/deploy-pretrained-model", "DeployPretrainedModelRequest", "StartJobResponse"),
    ("GET", "organizations", None, "ListOrganizationsResponse"),
    (
        "POST",
        r"organizations/\d+/transfer-learning",
        "AddOrganizationTransferLearningBlockRequest",
        "EntityCreatedResponse",
    ),
    (
        "POST",
        r"organizations/\d+/transfer-learning/\d+",
        "UpdateOrganizationTransferLearningBlockRequest",
        "GenericApiResponse",
    ),
    (
        "POST",
        r"organizations/\d+/custom-block/upload-link",
        "CreateCustomBlockUploadLinkRequest",
        "CreateCustomBlockUploadLinkResponse",
    ),
    ("POST", r"organizations/\d+/custom-block/finalize", "FinalizeCustomBlockUploadRequest", "StartJobResponse"),
]
ONE_OF = {"SavePretrainedModelRequest", "DeployPretrainedModelRequest"}  # parsed by the packages' own choice of type


def typed(name: str) -> Any:
    """A type of edgeimpulse_api."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return getattr(importlib.import_module(f"edgeimpulse_api.models.{module}"), name)


def parse(name: str, value: Any) -> str | None:
    """Why the packages' type does not hold the value."""
    try:
        if name in ONE_OF:
            typed(name).from_dict(value)
        else:
            typed(name).parse_obj(value)
    except Exception as error:
        return f"{name}: {error}"
    return None


def check_exchanges(exchanges: list[Any]) -> tuple[list[str], list[str]]:
    """What the packages' types do not hold, and the paths that were checked."""
    wrong, checked = [], set()
    for method, path, request, answer in exchanges:
        found = [each for each in ANSWERS if each[0] == method and re.fullmatch("/v1/api/" + each[1], path)]
        if len(found) != 1:
            wrong.append(f"{method} {path}: not in the table")
            continue
        _, pattern, request_type, answer_type = found[0]
        checked.add(f"{method} {pattern}")
        if answer.get("success"):
            wrong += [f"{method} {path} answer: {problem}" for problem in [parse(answer_type, answer)] if problem]
        if request_type and request:
            problem = parse(request_type, json.loads(request))
            wrong += [f"{method} {path} request: {problem}"] if problem else []
    return wrong, sorted(checked)


def use(folder: Path) -> dict[str, Any]:
    """Calls what a user of the packages would call."""
    ei.API_KEY = ei.API_KEY or None
    image = Sample(
        filename="a.jpg",
        data=(folder / "model.tflite").open("rb"),
        category="training",
        label="cat",
        metadata={"site": "roof"},
        bounding_boxes=[{"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}],
    )
    signal = Sample(
        filename="b.json",
        data=(folder / "features.npy").open("rb"),
        structured_labels=[{"startIndex": 0, "endIndex": 9, "label": "idle"}],
    )
    first = data.upload_samples([image, signal])
    again = Sample(filename="c.jpg", data=(folder / "model.tflite").open("rb"), category="training")
    second = data.upload_samples(again)
    exported = data.upload_exported_dataset(str(folder / "export"))
    profile = model.profile(model=str(folder / "model.tflite"))
    deployed = model.deploy(
        model=str(folder / "model.tflite"),
        model_output_type=model.output_type.Classification(labels=["a", "b", "c"]),
        model_input_type=model.input_type.ImageInput(scaling_range="0..1"),
        representative_data_for_quantization=str(folder / "features.npy"),
        output_directory=str(folder / "deployed"),
    )
    return {
        "uploaded": [len(first.successes), len(first.fails)],
        "duplicate": [len(second.successes), [each.error for each in second.fails]],
        "exported": [len(exported.successes), [str(each) for each in exported.fails]],
        "profiled": sorted(profile.model.profile_info.to_dict()),
        "deployed": [len(deployed.read()), [path.name for path in (folder / "deployed").iterdir()]],
    }


def main() -> None:
    folder = Path(sys.argv[1])
    recorded = folder / "exchanges.json"
    if recorded.exists():
        wrong, checked = check_exchanges(json.loads(recorded.read_text()))
        result: dict[str, Any] = {"wrong": wrong, "checked": checked}
    else:
        result = use(folder)
    sys.stdout.write(json.dumps(result) + "\n")


main()
