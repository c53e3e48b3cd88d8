"""The ESP-IDF component, which is a plain CMake library elsewhere."""

from __future__ import annotations

import re

from firmware.packages import describe
from firmware.packages.library import Files, library, sources, templates
from firmware.packages.spec import PackageSpec

CAMERA = "`examples/esp32_camera` is the same for the ESP32-CAM (AI-Thinker) and its camera."
ROOT = {name: name for name in ("CMakeLists.txt", "idf_component.yml", "Kconfig", "README.md")}
PROJECT = {
    "CMakeLists.txt": "classify/CMakeLists.txt",
    "partitions.csv": "partitions.csv",
    "sdkconfig.defaults": "sdkconfig.defaults",
    "sdkconfig.defaults.esp32": "sdkconfig.defaults.esp32",
}


def files(spec: PackageSpec) -> Files:
    """Everything in the zip."""
    camera = describe.camera_frame(spec) is not None
    contents = library(spec)
    values = describe.values(spec) | {
        "SOURCES": "\n".join(f"    {path}" for path in sources(contents)),
        "CMAKE_NAME": re.sub(r"[^A-Za-z0-9_]", "_", spec.name),
        "CAMERA": CAMERA if camera else "",
    }
    contents |= templates("esp-idf", ROOT, values)
    contents |= _project("classify", {"main/CMakeLists.txt", "main/main.c"}, values)
    if camera:
        added = {"main/CMakeLists.txt", "main/main.c", "main/idf_component.yml"}
        project = _project("esp32_camera", added, values)
        [memory] = templates("esp-idf", {"": "sdkconfig.defaults.esp32_camera"}, values).values()
        project["examples/esp32_camera/sdkconfig.defaults"] += memory
        contents |= project
    else:
        manifest = contents["idf_component.yml"].decode()
        contents["idf_component.yml"] = manifest.replace("  - path: examples/esp32_camera\n", "").encode()
    return contents


def _project(name: str, own: set[str], values: dict[str, str]) -> Files:
    """An example project: what all have, and its own files."""
    names = PROJECT | {path: f"{name}/{path}" for path in own}
    made = templates("esp-idf", names, values | {"EXAMPLE": name})
    return {f"examples/{name}/{path}": text for path, text in made.items()}
