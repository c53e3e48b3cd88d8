"""Bringing a model into a project: Edge Impulse's pretrained-model flow, and its one-shot form."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ei_compat.core.errors import DataError, FormatError, UsageError
from ei_compat.remote.jobs import follow, job_id
from ei_compat.remote.multipart import Multipart, Part
from ei_compat.remote.unzip import DAMAGE
from ei_compat.studio.model_info import ModelInfo
from ei_compat.studio.studio import Studio
from ei_compat.studio.studio_model import StudioModel, Tensor, studio_model

MODEL_LIMIT = 512 * 2**20  # bytes of a model file
FILE_TYPES = {".tflite": "tflite", ".lite": "tflite", ".onnx": "onnx", ".zip": "saved_model"}
ONE_SHOT_TYPES = {".pkl": "pickle", ".json": "xgboost"} | FILE_TYPES


@dataclass(frozen=True, slots=True)
class Deployment:
    """Library to be built from a model.

    Attributes:
        target: Studio's name of the form, `zip` for the C++ library.
        engine: the inference engine, such as `tflite` or `tflite-eon`.
        variant: `int8` or `float32`; None takes int8 where there is one.
        folder: where the download goes.
    """

    target: str
    engine: str
    variant: str | None
    folder: Path


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Result of uploading a model.

    Attributes:
        project: its number.
        model: as Studio sees it.
        built: the downloaded deployment, None where none was asked for.
    """

    project: int
    model: StudioModel
    built: Path | None


def upload_model(
    studio: Studio,
    model: Path,
    info: ModelInfo,
    *,
    representative: Path | None = None,
    device: str | None = None,
    input_shape: Sequence[int] | None = None,
    profile: bool = True,
    deployment: Deployment | None = None,
) -> ModelReport:
    """Makes a model the project's impulse, profiles it, and builds a library from it. What the impulse was is gone.

    Args:
        studio: the project.
        model: a .tflite, .onnx, or zipped SavedModel.
        info: what it takes and gives.
        representative: a .npy of inputs [N, ...], with which Studio makes an int8 variant.
        device: Studio's name of a processor to profile for.
        input_shape: in place of the model's own, for an ONNX model with open dimensions.
        profile: whether to estimate time and memory.
        deployment: what to build and download.

    Raises:
        DataError: the model or the .npy is not one; its output does not fit the labels.
        RemoteError: Studio refused it or a job failed.
    """
    form = _form(model, representative, device, input_shape)
    answer = studio.remote.call(
        "POST", f"{studio.path}/pretrained-model/upload", body=form, headers={"content-type": form.content_type}
    )
    number = job_id(answer, "upload model")
    follow(studio.remote, studio.path, number, what="upload model", patience=studio.patience, progress=studio.progress)
    found = _found(studio)
    _check_labels(model, info, found.outputs)
    request = {"input": dict(info.input), "model": dict(info.output)}
    studio.remote.call("POST", f"{studio.path}/pretrained-model/save", send=request)
    if profile:
        studio.run_job("/pretrained-model/profile", {}, "profile model")
        found = _found(studio)
    built = None if deployment is None else build(studio, deployment, found.variants)
    return ModelReport(studio.project, found, built)


def build(studio: Studio, deployment: Deployment, variants: Sequence[str]) -> Path:
    """Builds a deployment of the project's impulse and downloads it.

    Args:
        studio: the project.
        deployment: what to build.
        variants: that the model has.

    Raises:
        UsageError: the project has no such target or variant.
        RemoteError: the build failed.
    """
    listed = studio.remote.call("GET", f"{studio.path}/deployment/targets/data-sources").get("targets")
    known = [str(each.get("format")) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if deployment.target not in known:
        raise UsageError(f"this project can build {', '.join(known)}", where="--deploy", fix="name one of them")
    variant = deployment.variant or ("int8" if "int8" in variants else "float32")
    if variant not in variants:
        what = f"the model has no {variant} variant, only {', '.join(variants) or 'none'}"
        raise UsageError(what, where="--model-type", fix="give --representative to get an int8 one")
    request = {"engine": deployment.engine, "modelType": variant}
    query = urlencode({"type": deployment.target})
    studio.run_job(f"/jobs/build-ondevice-model?{query}", request, f"build {deployment.target}")
    return _download(studio, deployment, variant)


def deploy_once(
    studio: Studio,
    model: Path,
    info: ModelInfo,
    deployment: Deployment,
    *,
    representative: Path | None = None,
    input_shape: Sequence[int] | None = None,
) -> Path:
    """Builds a library from a model in one request, without touching the project's impulse.

    Args:
        studio: the project.
        model: also a pickled scikit-learn or LightGBM model, or XGBoost's JSON.
        info: what it takes and gives.
        deployment: what to build.
        representative: a .npy of inputs, for an int8 variant.
        input_shape: in place of the model's own, for an ONNX model with open dimensions.

    Raises:
        DataError: a file is not what it should be.
        RemoteError: Studio refused it or the job failed.
    """
    variant = deployment.variant or ("int8" if representative else "float32")
    request: dict[str, Any] = {
        "modelFileBase64": base64.b64encode(_read(model)).decode(),
        "modelFileType": _file_type(model, ONE_SHOT_TYPES),
        "deploymentType": deployment.target,
        "engine": deployment.engine,
        "modelInfo": {"input": dict(info.input), "model": dict(info.output)},
        "deployModelType": variant,
    }
    if input_shape is not None:
        request["overrideInputShape"] = list(input_shape)
    if representative is not None:
        request["representativeFeaturesBase64"] = base64.b64encode(_features(representative)).decode()
    studio.run_job("/jobs/deploy-pretrained-model", request, "deploy model")
    return _download(studio, deployment, variant)


def _download(studio: Studio, deployment: Deployment, variant: str) -> Path:
    query = urlencode({"type": deployment.target, "modelType": variant, "engine": deployment.engine})
    return studio.fetch_file(f"{studio.path}/deployment/download?{query}", deployment.folder)


def _form(model: Path, representative: Path | None, device: str | None, input_shape: Sequence[int] | None) -> Multipart:
    kind = _file_type(model, FILE_TYPES)
    parts = [
        Part("modelFile", _read(model), model.name, "application/octet-stream"),
        Part("modelFileName", model.name.encode()),
        Part("modelFileType", kind.encode()),
    ]
    if representative is not None:
        content = _features(representative)
        parts.append(Part("representativeFeatures", content, representative.name, "application/octet-stream"))
    if device is not None:
        parts.append(Part("device", device.encode()))
    if input_shape is not None:
        parts.append(Part("overrideInputShape", ",".join(map(str, input_shape)).encode()))
    return Multipart(parts)


def _read(model: Path) -> bytes:
    """A model file, if it looks like what its name says."""
    size = model.stat().st_size
    if size > MODEL_LIMIT:
        raise DataError(f"is {size / 2**20:.0f} MiB, {MODEL_LIMIT / 2**20:.0f} are sent at most", where=model)
    content = model.read_bytes()
    suffix = model.suffix.lower()
    if suffix in (".tflite", ".lite") and content[4:8] != b"TFL3":
        raise FormatError("not a TensorFlow Lite file", where=model, fix="give the .tflite that training wrote")
    if suffix == ".zip" and "saved_model/saved_model.pb" not in _names(content):
        fix = "the zip must hold saved_model/saved_model.pb at that path"
        raise FormatError("not a zipped SavedModel", where=model, fix=fix)
    return content


def _names(content: bytes) -> list[str]:
    """The members of a zip; none where it is no zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except DAMAGE:
        return []


def _features(representative: Path) -> bytes:
    content = representative.read_bytes()
    if not content.startswith(b"\x93NUMPY"):
        raise FormatError("not a .npy file", where=representative, fix="save the inputs with numpy.save")
    return content


def _file_type(model: Path, known: Mapping[str, str]) -> str:
    kind = known.get(model.suffix.lower())
    if kind is None:
        raise UsageError(f"a model file ends in {', '.join(known)}", where=model)
    return kind


def _found(studio: Studio) -> StudioModel:
    """The project's model as Studio sees it."""
    path = f"{studio.path}/pretrained-model"
    return studio_model(studio.remote.call("GET", path), where=path)


def _check_labels(model: Path, info: ModelInfo, outputs: Sequence[Tensor]) -> None:
    """Refuses class names that are not as many as the classes, before Studio stores them."""
    if info.labels is None or info.output.get("modelType") != "classification":
        return
    shape = outputs[0].shape if len(outputs) == 1 else ()
    if len(shape) != 2 or shape[1] != len(info.labels):
        what = f"its output is {list(shape)}, and the labels are {len(info.labels)}"
        raise DataError(what, where=model, fix="give one label per class with --labels")
