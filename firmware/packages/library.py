"""The library: the files that every target holds, at the same paths below its own root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from firmware.compiler import ENGINE
from firmware.packages import headers
from firmware.packages.spec import PackageSpec

FIRMWARE = Path(__file__).resolve().parents[1]
API = FIRMWARE / "api"
TARGETS = FIRMWARE / "targets"
API_FILES = (
    "edge-impulse-sdk/classifier/ei_boxes.c",
    "edge-impulse-sdk/classifier/ei_boxes.h",
    "edge-impulse-sdk/classifier/ei_classifier_smooth.h",
    "edge-impulse-sdk/classifier/ei_classifier_types.h",
    "edge-impulse-sdk/classifier/ei_model_types.h",
    "edge-impulse-sdk/classifier/ei_print_results.c",
    "edge-impulse-sdk/classifier/ei_print_results.h",
    "edge-impulse-sdk/classifier/ei_run_classifier.c",
    "edge-impulse-sdk/classifier/ei_run_classifier.h",
    "edge-impulse-sdk/dsp/image/eit_image.c",
    "edge-impulse-sdk/dsp/image/eit_image.h",
    "edge-impulse-sdk/dsp/image/image.hpp",
    "edge-impulse-sdk/dsp/numpy.hpp",
    "edge-impulse-sdk/dsp/numpy_types.h",
    "edge-impulse-sdk/dsp/returntypes.h",
    "edge-impulse-sdk/porting/ei_classifier_porting.c",
    "edge-impulse-sdk/porting/ei_classifier_porting.h",
    "self-test/ei_self_test.c",
    "self-test/ei_self_test.h",
)

Files = dict[str, bytes]  # content by path with forward slashes


def library(spec: PackageSpec) -> Files:
    """The library's files; the engine's lie beside the compiled model, which includes them by name alone.

    Every function of the engine and of the interface carries the model's name when it is linked, so that two packages
    can be in one program; sources see the usual names.
    """
    model = spec.model
    files: Files = {path: (API / path).read_bytes() for path in API_FILES}
    engine = {name: (ENGINE / name).read_text() for name in (*model.engine_sources, *model.engine_headers)}
    files |= {
        f"tflite-model/{name}": _own(text, model.name).encode() for name, text in (engine | dict(model.files)).items()
    }
    files[f"tflite-model/{model.name}.tflite"] = spec.tflite
    files["model-parameters/model_names.h"] = headers.model_names(spec).encode()
    files["model-parameters/model_metadata.h"] = headers.model_metadata(spec).encode()
    files["model-parameters/model_variables.h"] = headers.model_variables(spec).encode()
    files["model-parameters/model_variables.c"] = headers.labels_source(spec).encode()
    files["self-test/ei_golden.h"] = headers.golden_header(spec).encode()
    return files


@cache
def _inner_names() -> re.Pattern[str]:
    """All names of the engine but those that its face to applications declares, and those of files."""
    face = "|".join({"eit_status", *re.findall(r"\b(eit_\w+)\b(?!\.h)", (ENGINE / "eit.h").read_text())})
    return re.compile(rf"\b(?!(?:{face})\b)(eit_\w+)\b(?!\.[hc]\b)")


def _own(text: str, name: str) -> str:
    """A source of the engine, or one generated for it, with its names put under the model's."""
    return _inner_names().sub(rf"{name}_\1", text)


def sources(files: Mapping[str, bytes]) -> list[str]:
    """The paths of what is to be compiled, in order."""
    return sorted(path for path in files if path.endswith(".c"))


def templates(target: str, names: Mapping[str, str], values: Mapping[str, str]) -> Files:
    """Files of `firmware/targets/<target>` with each `@KEY@` replaced.

    Args:
        target: the folder.
        names: where each template goes: template by path in the package.
        values: what the keys stand for.
    """
    return {path: fill((TARGETS / target / name).read_text(), values).encode() for path, name in names.items()}


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `@KEY@` replaced by its value."""
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
