"""The Arduino library: one folder in the zip, everything that is compiled below its src/."""

from __future__ import annotations

import re

from firmware.packages import describe
from firmware.packages.library import Files, library, templates
from firmware.packages.spec import PackageSpec

URL = "https://ei-train.invalid"  # the specification demands an address, and ei-train has none yet
CAMERA = "*esp32_camera* is the same for the ESP32-CAM (AI-Thinker) and its camera."
HEAP = b"#define EI_CLASSIFIER_ALLOCATION_HEAP 1 /* a sketch's static memory is small on the ESP32 */\n"


def files(spec: PackageSpec) -> Files:
    """Everything in the zip."""
    camera = describe.camera_frame(spec) is not None
    values = describe.values(spec) | {
        "URL": URL,
        "GUARD": re.sub(r"[^A-Z0-9]", "_", spec.name.upper()),
        "CAMERA": CAMERA if camera else "",
    }
    names = {
        "library.properties": "library.properties",
        "README.md": "README.md",
        f"src/{spec.name}_inferencing.h": "inferencing.h",
        "src/ei_arduino.cpp": "ei_arduino.cpp",
        "examples/static_buffer/static_buffer.ino": "static_buffer.ino",
    }
    if camera:
        names["examples/esp32_camera/esp32_camera.ino"] = "esp32_camera.ino"
    contents = {f"src/{path}": content for path, content in library(spec).items()}
    variables = "src/model-parameters/model_variables.h"
    contents[variables] = contents[variables].replace(
        b"#define EI_MODEL_ARENA_BYTES", HEAP + b"#define EI_MODEL_ARENA_BYTES", 1
    )
    contents |= templates("arduino", names, values)
    return {f"{spec.name}_inferencing/{path}": content for path, content in contents.items()}
