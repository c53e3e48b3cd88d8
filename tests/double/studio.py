"""The double's Studio: projects, jobs, downloads and pretrained models, as routes from (method, path) to a handler."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.double.calls import Call, File, NoAnswerError
from tests.double.checks import FormPart, ViolationError, check, parse_form, parse_json
from tests.double.shapes import BUILD, DEPLOY_MODEL, ENGINES, EXPORT, FILE_TYPES, SAVE, VARIANTS
from tests.double.state import CREATED, HMAC_KEY, State, StudioJob

Answer = dict[str, Any] | File
Handler = Callable[..., Answer]


def started(state: State, key: str, category: str, finish: Callable[[], None], log: list[str] | None = None) -> Answer:
    job = state.start_job(key, category, finish, log or [f"Scheduling job in cluster...\n{category} started\n"])
    return {"success": True, "id": job.id}


def project_of(state: State) -> dict[str, Any]:
    """The project as every answer shows it."""
    project = state.project
    flags = ["ownerIsDeveloperProfile", "isEnterpriseProject", "hasPublicVersion", "isPublic", "publicProjectListed"]
    return {
        "id": project.id,
        "name": project.name,
        "description": "",
        "created": CREATED,
        "owner": "double",
        "collaborators": [],
        "labelingMethod": "single_label",
        "metadata": {},
        "whitelabelId": None,
        "tier": "free",
        **dict.fromkeys([*flags, "allowsLivePublicAccess", "indPauseProcessingSamples"], False),
    }


def list_projects(state: State, call: Call) -> Answer:
    return {"success": True, "projects": [project_of(state)]}


def hmac_key(state: State, call: Call, project: str) -> Answer:
    return {"success": True, "hmacKey": HMAC_KEY}


def impulse_of(state: State) -> dict[str, Any]:
    """The project's impulse."""
    blocks = {name: [] for name in ("inputBlocks", "dspBlocks", "postProcessingBlocks")}
    return {"id": 1, "name": "Impulse #1", "type": "default", "learnBlocks": state.project.learn_blocks, **blocks}


def impulse(state: State, call: Call, project: str) -> Answer:
    return {"success": True, "impulse": impulse_of(state)} if state.project.learn_blocks else {"success": True}


def _job(state: State, number: str) -> StudioJob:
    if int(number) not in state.jobs:
        raise NoAnswerError(404, "No job with this ID")
    return state.jobs[int(number)]


def job_status(state: State, call: Call, job: str, **owner: str) -> Answer:
    found = _job(state, job)
    state.poll(found)
    answer: dict[str, Any] = {
        "id": found.id,
        "category": found.category,
        "categoryKey": found.key,
        "key": found.key,
        "created": CREATED,
        "started": CREATED,
        "jobNotificationUids": [],
    }
    if found.finished:
        answer |= {"finished": CREATED, "finishedSuccessful": found.fails is None}
    return {"success": True, "job": answer}


def job_log(state: State, call: Call, job: str, **owner: str) -> Answer:
    found = _job(state, job)
    lines = found.log if found.finished else found.log[:1]
    items = [{"created": f"2026-01-01T00:00:{index:02}.000Z", "data": line} for index, line in enumerate(lines)]
    return {"success": True, "stdout": items[::-1], "totalCount": len(items)}  # newest first, as Studio


def _download(state: State, name: str, file_name: str) -> File:
    if name not in state.project.ready:
        raise NoAnswerError(404, f"No {name} is available, run the job first")
    return File(state.project.files[name], file_name)


def _makes(state: State, name: str) -> Callable[[], None]:
    return lambda: state.project.ready.add(name)


def export_original(state: State, call: Call, project: str) -> Answer:
    parse_json(call.content_type, call.body, EXPORT)
    return started(state, "export-original", "Exporting data", _makes(state, "export"))


def export_url(state: State, call: Call, project: str) -> Answer:
    if "export" not in state.project.ready:
        return {"success": True, "hasExport": False}
    url = f"{call.origin}/signed/export.zip?X-Amz-Signature=c0ffee"
    return {"success": True, "hasExport": True, "created": CREATED, "url": url}


def signed_export(state: State, call: Call) -> Answer:
    if "x-api-key" in call.headers and not call.same_origin_allowed:
        raise ViolationError("the key was sent to a signed address")
    return _download(state, "export", "export.zip")


def learn_data(state: State, call: Call, project: str, learn: str) -> Answer:
    _known_learn(state, learn)
    if call.body:
        parse_json(call.content_type, call.body, {"overrideImageInputScaling?": str})
    return started(state, f"keras-{learn}-data", "Exporting block data", _makes(state, "data"))


def learn_export(state: State, call: Call, project: str, learn: str) -> Answer:
    _known_learn(state, learn)
    return started(state, f"keras-{learn}-export", "Exporting block", _makes(state, "block"))


def _known_learn(state: State, learn: str) -> None:
    if int(learn) not in {block["id"] for block in state.project.learn_blocks}:
        raise NoAnswerError(404, f"No learn block with ID {learn}")


def download_data(state: State, call: Call, project: str, learn: str) -> Answer:
    return _download(state, "data", "data.zip")


def download_block(state: State, call: Call, project: str, learn: str) -> Answer:
    return _download(state, "block", "block.zip")


def upload_model(state: State, call: Call, project: str) -> Answer:
    parts = {part.name: part for part in parse_form(call.content_type, call.body)}
    allowed = {"modelFile", "modelFileName", "modelFileType", "representativeFeatures", "device", "overrideInputShape"}
    if parts.keys() - allowed or not {"modelFile", "modelFileName", "modelFileType"} <= parts.keys():
        raise ViolationError(f"form fields {sorted(parts)}")
    if parts["modelFile"].filename is None:
        raise ViolationError("modelFile is no file")
    kind = parts["modelFileType"].content.decode()
    check(kind, {"tflite", "onnx", "saved_model"}, "modelFileType")
    features = parts.get("representativeFeatures")
    if features is not None and not features.content.startswith(b"\x93NUMPY"):
        raise ViolationError("representativeFeatures is no .npy file")
    return started(state, "pretrained-upload", "Uploading model", lambda: _set_model(state, parts))


def _set_model(state: State, parts: dict[str, FormPart]) -> None:
    state.project.model = {name: part.content for name, part in parts.items()}
    state.project.profiled, state.project.saved = False, None


def _tensors(shapes: list[list[int]]) -> list[dict[str, Any]]:
    return [{"dataType": "float32", "name": f"tensor_{i}", "shape": shape} for i, shape in enumerate(shapes)]


def _variant(kind: str) -> dict[str, Any]:
    size = {"float32": 1_600_000, "int8": 480_000}[kind]
    memory = {"ram": size // 4, "rom": size, "arenaSize": size // 5}
    return {
        "variant": kind,
        "device": "cortex-m4f-80mhz",
        "tfliteFileSizeBytes": size,
        "isSupportedOnMcu": True,
        "memory": {"tflite": memory, "eon": memory | {"ram": size // 5}},
        "timePerInferenceMs": 120,
        "customMetrics": [],
        "hasPerformance": True,
    }


def model_info(state: State, call: Call, project: str) -> Answer:
    found = state.project.model
    answer: dict[str, Any] = {"success": True, "specificDeviceSelected": False, "availableModelTypes": []}
    if found is None:
        return answer
    kinds = ["float32", "int8"] if "representativeFeatures" in found else ["float32"]
    model: dict[str, Any] = {
        "fileName": found["modelFileName"].decode(),
        "inputs": _tensors(state.project.inputs),
        "outputs": _tensors(state.project.outputs),
        "supportsTFLite": True,
    }
    if state.project.profiled:
        mcu = {"description": "MCU", "timePerInferenceMs": 900, "supported": True}
        mpu = {"description": "MPU", "timePerInferenceMs": 3, "rom": 480000.0, "supported": True}
        table = {"variant": kinds[-1], "lowEndMcu": mcu, "highEndMcu": mcu, "highEndMcuPlusAccelerator": mcu}
        table |= {"mpu": mpu, "gpuOrMpuAccelerator": mpu}
        model["profileInfo"] = {"table": table} | {kind: _variant(kind) for kind in kinds}
    answer |= {"specificDeviceSelected": "device" in found, "availableModelTypes": kinds, "model": model}
    if state.project.saved is not None:
        answer["modelInfo"] = state.project.saved
    return answer


def _need_model(state: State) -> None:
    if state.project.model is None:
        raise NoAnswerError(400, "No pretrained model uploaded yet")


def profile_model(state: State, call: Call, project: str) -> Answer:
    _need_model(state)
    return started(state, "pretrained-profile", "Profiling model", lambda: setattr(state.project, "profiled", True))


def save_model(state: State, call: Call, project: str) -> Answer:
    _need_model(state)
    state.project.saved = parse_json(call.content_type, call.body, SAVE)
    return {"success": True}


def targets(state: State, call: Call, project: str) -> Answer:
    flags = ["hasTensorRT", "hasTensaiFlow", "hasDRPAI", "hasTIDL", "hasAkida", "hasMemryx", "hasStAton", "hasCevaNpn"]
    target: dict[str, Any] = dict.fromkeys([*flags, "hasNordicAxon", "hasQaic", "hideOptimizations"], False)
    target |= dict.fromkeys(["description", "image", "imageClasses", "docsUrl"], "") | {"hasEonCompiler": True}
    target |= {"name": "C++ library", "format": "zip", "uiSection": "library", "parameters": []}
    target |= {"supportedEngines": ["tflite", "tflite-eon"], "preferredEngine": "tflite-eon"}
    target["modelVariants"] = [{"variant": kind, "supported": True} for kind in ("float32", "int8")]
    return {"success": True, "targets": [target]}


def build(state: State, call: Call, project: str) -> Answer:
    check(call.query, {"type": str, "impulseId?": str}, "query")
    request = parse_json(call.content_type, call.body, BUILD)
    if state.project.saved is None:
        raise NoAnswerError(400, "Save the model's parameters first")
    state.project.builds.append(request | call.query)
    kind = f"{call.query['type']}/{request.get('modelType')}/{request['engine']}"

    def finish() -> None:
        state.project.files[kind] = state.project.files.get("build", b"PK\x05\x06" + bytes(18))
        state.project.ready.add(kind)

    job = state.start_job("build", "Building library", finish, ["Building\n", "Building OK\n"])
    return {"success": True, "id": job.id, "deploymentVersion": len(state.project.builds)}


def download_build(state: State, call: Call, project: str) -> Answer:
    shape = {"type": str, "modelType?": set(VARIANTS), "engine?": set(ENGINES), "impulseId?": str}
    check(call.query, shape, "query")
    kind = f"{call.query['type']}/{call.query.get('modelType')}/{call.query.get('engine')}"
    return _download(state, kind, f"double-v{len(state.project.builds)}.zip")


def deploy_pretrained(state: State, call: Call, project: str) -> Answer:
    request = parse_json(call.content_type, call.body, DEPLOY_MODEL)
    check(request["modelFileType"], FILE_TYPES, "modelFileType")
    base64.b64decode(request["modelFileBase64"], validate=True)
    if "representativeFeaturesBase64" in request:
        base64.b64decode(request["representativeFeaturesBase64"], validate=True)
    variant = request.get("deployModelType", "float32")
    kind = f"{request['deploymentType']}/{variant}/{request.get('engine', 'tflite')}"

    def finish() -> None:
        state.project.builds.append(json.loads(json.dumps(request)))
        state.project.files[kind] = state.project.files.get("build", b"PK\x05\x06" + bytes(18))
        state.project.ready.add(kind)

    return started(state, "deploy-pretrained", "Deploying model", finish)


PROJECT = r"/v1/api/(?P<project>\d+)"
LEARN = PROJECT + r"/{}/keras/(?P<learn>\d+)/{}"
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", r"/v1/api/projects", list_projects),
    ("GET", PROJECT + "/devkeys/hmac", hmac_key),
    ("GET", PROJECT + "/impulse", impulse),
    ("GET", PROJECT + r"/jobs/(?P<job>\d+)/status", job_status),
    ("GET", PROJECT + r"/jobs/(?P<job>\d+)/stdout", job_log),
    ("POST", PROJECT + "/jobs/export/original", export_original),
    ("GET", PROJECT + "/export/get-url", export_url),
    ("GET", "/signed/export.zip", signed_export),
    ("POST", LEARN.format("jobs/train", "data"), learn_data),
    ("POST", LEARN.format("jobs/train", "export"), learn_export),
    ("GET", LEARN.format("training", "download-data"), download_data),
    ("GET", LEARN.format("training", "download-export"), download_block),
    ("POST", PROJECT + "/pretrained-model/upload", upload_model),
    ("GET", PROJECT + "/pretrained-model", model_info),
    ("POST", PROJECT + "/pretrained-model/profile", profile_model),
    ("POST", PROJECT + "/pretrained-model/save", save_model),
    ("GET", PROJECT + "/deployment/targets/data-sources", targets),
    ("POST", PROJECT + "/jobs/build-ondevice-model", build),
    ("GET", PROJECT + "/deployment/download", download_build),
    ("POST", PROJECT + "/jobs/deploy-pretrained-model", deploy_pretrained),
]
